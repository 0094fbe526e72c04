"""`callgauge reparse`: what a better parser would read, and what becomes of it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from callgauge.cli import bootstrap, main
from callgauge.flow.ingest import ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.provider_calls import take_webhook
from callgauge.store.models import AuditEntry, CallLog, CallPayload
from tests.api.test_provider_hooks import sample
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db

ROWS = [
    {"role": "agent", "content": "Hello.", "start_time": 0, "end_time": 1},
    {"role": "user", "content": "Hi.", "start_time": 2, "end_time": 3},
]


@pytest.fixture(autouse=True)
def _no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "start", lambda data_dir: None)


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["reparse", *args])
    return result.exit_code, result.stdout, result.stderr


def spoil(pk: int) -> str:
    """As a worse parser would have left it."""
    good = CallPayload.objects.get(pk=pk).turns
    CallPayload.objects.filter(pk=pk).update(turns=json.dumps(json.loads(good)[:1]), transcript="worse")
    return good


def test_turns_are_made_anew_from_what_was_sent(alice: Tenant) -> None:
    agent = alice.agent()
    one = ingest_call(alice.project, agent, NewCall(call_id="one", transcript=ROWS)).call
    _, two = take_webhook(
        alice.key, "livekit", {**sample("livekit_session"), "agent_id": agent.pk}, raw=b"", headers={}
    )
    assert two is not None
    good = {pk: spoil(pk) for pk in (one.pk, two.call.pk)}
    before = dict(CallLog.objects.values_list("pk", "content_hash"))

    code, out, _ = run("--all", "--dry-run")
    assert code == 0
    assert "2 would change" in out
    assert CallPayload.objects.get(pk=one.pk).transcript == "worse"
    entries = AuditEntry.objects.filter(action="call.reparsed")
    assert not entries.exists()

    code, out, _ = run("--agent", str(agent.pk))
    assert code == 0
    assert f"call {one.pk}: 1 turns -> 2" in out
    assert {pk: CallPayload.objects.get(pk=pk).turns for pk in good} == good
    assert "Hello." in CallPayload.objects.get(pk=one.pk).transcript
    assert dict(CallLog.objects.values_list("pk", "content_hash")) == before  # it is as it was sent

    code, out, _ = run("--call", str(one.pk), "--json")
    assert (code, json.loads(out)["same"]) == (0, 1)
    assert set(entries.values_list("project_id", "object_id")) == {(alice.project.pk, pk) for pk in good}
    assert entries.get(object_id=one.pk).details == {"turns_before": 1, "turns_after": 2}


def test_what_cannot_be_read_is_named_and_left(alice: Tenant) -> None:
    call = ingest_call(alice.project, alice.agent(), NewCall(call_id="one", transcript=ROWS)).call
    CallPayload.objects.filter(pk=call.pk).update(raw='[{"role": "agent", "content": "secret"}, 7]')
    code, out, err = run("--all")
    assert code == 1
    assert f"call {call.pk}: Row 2: expected an object, found a number." in err
    assert "secret" not in out + err
    assert len(json.loads(CallPayload.objects.get(pk=call.pk).turns)) == 2


def test_without_what_was_sent_nothing_is_lost(alice: Tenant) -> None:
    call = ingest_call(alice.project, alice.agent(), NewCall(call_id="one", transcript=ROWS)).call
    CallPayload.objects.filter(pk=call.pk).update(raw="null")
    code, out, _ = run("--all")
    assert code == 0
    assert "1 without what was sent" in out
    assert len(json.loads(CallPayload.objects.get(pk=call.pk).turns)) == 2


@pytest.mark.parametrize("args", [(), ("--all", "--call", "1"), ("--call", "999"), ("--call", "x")])
def test_a_wrong_command_line_is_told(alice: Tenant, args: tuple[str, ...]) -> None:
    assert run(*args)[0] == 2

"""Webhooks of providers and posts of tracers, as they come over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from callgauge.flow import ingest
from callgauge.flow.errors import Conflict
from callgauge.flow.new_calls import NewCall
from callgauge.flow.sealing import seal
from callgauge.formats import WEBHOOKS, Parsed
from callgauge.store.models import CallLog, CallPayload, Chunk, DeferredCall, Organization
from tests.tenants import Tenant, tenant

pytestmark = pytest.mark.django_db

BODIES = Path(__file__).parents[1] / "formats" / "webhooks"
SAMPLES = sorted(BODIES.glob("*.json"))


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((BODIES / f"{name}.json").read_text("utf-8"))["body"]
    return body


def post(
    client: APIClient, provider: str, body: Any, *, query: str = "", slash: str = "/", **headers: str
) -> Any:
    response = client.post(
        f"/observability/v1/{provider}/observe{slash}{query}",
        body if isinstance(body, (str, bytes)) else json.dumps(body),
        content_type="application/json",
        headers=headers,
    )
    return response.status_code, json.loads(response.content)


def assistant_in(provider: str, body: dict[str, Any]) -> str:
    return WEBHOOKS[provider](body).assistant_id


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("slash", ["/", ""])
def test_every_sample_is_taken_in_or_ignored(alice: Tenant, path: Path, slash: str) -> None:
    provider, body = path.stem.split("_")[0], sample(path.stem)
    agent = alice.agent()
    status, answer = post(alice.client, provider, body, query=f"?agent_id={agent.pk}", slash=slash)
    assert status == 200
    told = json.loads(path.read_text("utf-8"))
    if not WEBHOOKS[provider](body).finished:
        assert answer["status"] == "ignored"
        assert not CallLog.objects.exists()
        return
    call = CallLog.objects.select_related("payload").get(pk=answer["id"])
    assert (answer["status"], answer["call_id"], call.agent_id) == ("stored", call.call_id, agent.pk)
    assert len(json.loads(call.payload.turns)) == len(told["turns"])
    assert json.loads(call.payload.raw) == body
    assert call.payload.raw_source == provider


def test_the_agent_is_found_by_the_providers_id(alice: Tenant) -> None:
    for provider, name in (("vapi", "vapi_end_of_call"), ("elevenlabs", "elevenlabs_post_call")):
        agent = alice.agent(provider, assistant_id=assistant_in(provider, sample(name)))
        status, answer = post(alice.client, provider, sample(name))
        assert status == 200
        assert CallLog.objects.get(pk=answer["id"]).agent_id == agent.pk


def test_tracers_name_our_own_agent(alice: Tenant) -> None:
    agent = alice.agent()
    for provider in ("pipecat", "livekit"):
        status, answer = post(alice.client, provider, {**sample(f"{provider}_session"), "agent_id": agent.pk})
        assert status == 200
        assert CallLog.objects.get(pk=answer["id"]).agent_id == agent.pk


def test_what_names_no_agent_says_what_to_do(alice: Tenant) -> None:
    status, answer = post(alice.client, "vapi", sample("vapi_end_of_call"))
    assert status == 400
    assert "?agent_id=" in answer["assistant_id"][0]
    status, answer = post(alice.client, "vapi", sample("vapi_end_of_call"), query="?agent_id=99")
    assert (status, list(answer)) == (400, ["agent_id"])


def test_no_tenant_reaches_anothers_agent(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    agent = alice.agent(assistant_id=assistant_in("vapi", sample("vapi_end_of_call")))
    foreign = post(charlie.client, "vapi", sample("vapi_end_of_call"), query=f"?agent_id={agent.pk}")
    missing = post(charlie.client, "vapi", sample("vapi_end_of_call"), query=f"?agent_id={agent.pk + 1}")
    assert foreign == missing
    assert foreign[0] == 400
    assert post(charlie.client, "vapi", sample("vapi_end_of_call"))[0] == 400
    assert not CallLog.objects.exists()
    assert post(bob.client, "vapi", sample("vapi_end_of_call"))[0] == 200


def test_a_key_or_a_signature_is_needed(alice: Tenant) -> None:
    alice.agent(assistant_id=assistant_in("retell", sample("retell_analyzed")))
    for provider in WEBHOOKS:
        status, answer = post(
            APIClient(), provider, sample(next(p.stem for p in SAMPLES if p.stem.startswith(provider)))
        )
        assert (status, list(answer)) == (401, ["detail"])
    assert post(APIClient(HTTP_X_CEKURA_API_KEY="wrong"), "retell", sample("retell_analyzed"))[0] == 401
    assert not CallLog.objects.exists()


def _retell(body: bytes, key: str, at: float | None = None) -> dict[str, str]:
    ms = str(int((time.time() if at is None else at) * 1000))
    digest = hmac.new(key.encode(), body + ms.encode(), hashlib.sha256).hexdigest()
    return {"X-Retell-Signature": f"v={ms},d={digest}"}


def test_retells_signature_stands_for_a_key(alice: Tenant, charlie: Tenant) -> None:
    body = json.dumps(sample("retell_analyzed")).encode()
    assistant = assistant_in("retell", sample("retell_analyzed"))
    charlie.agent(assistant_id=assistant, secrets={"retell_api_key": seal("key_charlie")})
    agent = alice.agent(assistant_id=assistant, secrets={"retell_api_key": seal("key_alice")})

    assert post(APIClient(), "retell", body, **_retell(body, "key_other"))[0] == 401
    assert post(APIClient(), "retell", body + b" ", **_retell(body, "key_alice"))[0] == 401
    assert post(APIClient(), "retell", body, **_retell(body, "key_alice", time.time() - 400))[0] == 401
    assert not CallLog.objects.exists()
    status, answer = post(APIClient(), "retell", body, **_retell(body, "key_alice"))
    assert status == 200
    assert CallLog.objects.get(pk=answer["id"]).agent_id == agent.pk


def test_a_projects_secret_serves_its_agents(alice: Tenant) -> None:
    alice.project.secrets = {"retell_api_key": seal("key_project")}
    alice.project.save()
    body = json.dumps(sample("retell_analyzed")).encode()
    alice.agent(assistant_id=assistant_in("retell", sample("retell_analyzed")))
    assert post(APIClient(), "retell", body, **_retell(body, "key_project"))[0] == 200


def test_beside_a_key_a_wrong_signature_is_still_refused(alice: Tenant) -> None:
    body = json.dumps(sample("retell_analyzed")).encode()
    alice.agent(
        assistant_id=assistant_in("retell", sample("retell_analyzed")),
        secrets={"retell_api_key": seal("key_alice")},
    )
    assert post(alice.client, "retell", body, **_retell(body, "key_other"))[0] == 401
    assert post(alice.client, "retell", body)[0] == 200  # the client's own method does not sign


def test_elevenlabs_and_vapi_sign_with_a_secret_of_the_agent(alice: Tenant) -> None:
    body = json.dumps(sample("elevenlabs_post_call")).encode()
    alice.agent(
        "eleven",
        assistant_id=assistant_in("elevenlabs", sample("elevenlabs_post_call")),
        secrets={"elevenlabs_data.webhook_secret": seal("wsec")},
    )
    at = str(int(time.time()))
    digest = hmac.new(b"wsec", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    signed = {"ElevenLabs-Signature": f"t={at},v0={digest}"}
    assert post(APIClient(), "elevenlabs", body, **signed)[0] == 200

    alice.agent(
        "vapi",
        assistant_id=assistant_in("vapi", sample("vapi_end_of_call")),
        secrets={"vapi_data.webhook_secret": seal("s3cret")},
    )
    assert post(APIClient(), "vapi", sample("vapi_end_of_call"), **{"X-Vapi-Secret": "wrong"})[0] == 401
    assert post(APIClient(), "vapi", sample("vapi_end_of_call"), **{"X-Vapi-Secret": "s3cret"})[0] == 200


@pytest.mark.parametrize("policy", ["keep", "update", "refuse"])
def test_a_session_that_is_sent_again_is_one_call(alice: Tenant, policy: str) -> None:
    Organization.objects.update(duplicate_calls=policy)
    agent = alice.agent()
    body = {**sample("livekit_session"), "agent_id": agent.pk}
    first = post(alice.client, "livekit", body)[1]
    for _ in range(2):
        status, again = post(alice.client, "livekit", body)
        assert (status, again["status"], again["id"]) == (200, "known", first["id"])
    assert CallLog.objects.count() == Chunk.objects.count() == 1


def test_retells_analysis_completes_the_call_that_ended(alice: Tenant) -> None:
    """The evaluation waits for it, so that nothing is measured twice."""
    analyzed = sample("retell_analyzed")
    ended = {
        "event": "call_ended",
        "call": {k: v for k, v in analyzed["call"].items() if "recording" not in k},
    }
    alice.agent(assistant_id=assistant_in("retell", analyzed))
    first = post(alice.client, "retell", ended)[1]
    assert DeferredCall.objects.filter(pk=first["id"]).exists()
    assert not Chunk.objects.exists()

    status, second = post(alice.client, "retell", analyzed)
    assert (status, second["id"]) == (200, first["id"])
    payload = CallPayload.objects.get(pk=first["id"])
    assert payload.voice_recording_url.startswith("http")
    assert not DeferredCall.objects.exists()
    assert Chunk.objects.count() == 1

    assert post(alice.client, "retell", ended)[1]["status"] == "known"  # late, and it knows less
    assert CallPayload.objects.get(pk=first["id"]).voice_recording_url == payload.voice_recording_url
    assert Chunk.objects.count() == 1


def test_a_report_without_a_transcript_takes_none_away(alice: Tenant) -> None:
    agent = alice.agent()
    body = {**sample("pipecat_session"), "agent_id": agent.pk}
    first = post(alice.client, "pipecat", body)[1]
    bare = {
        key: value for key, value in body.items() if key not in ("transcript", "session_start", "session_end")
    }
    assert post(alice.client, "pipecat", bare)[1]["status"] == "known"
    assert json.loads(CallPayload.objects.get(pk=first["id"]).turns)


def test_a_call_that_came_by_observe_is_not_overwritten(alice: Tenant) -> None:
    agent = alice.agent()
    body = {**sample("pipecat_session"), "agent_id": agent.pk}
    known = {"agent": agent.pk, "call_id": body["session_id"], "feedback": "ours"}
    alice.client.post("/observability/v1/observe/", json.dumps(known), content_type="application/json")
    assert post(alice.client, "pipecat", body)[1]["status"] == "known"
    assert CallLog.objects.get().feedback == "ours"


def test_logs_of_a_tracer_can_be_read(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    body = {
        **sample("pipecat_session"),
        "agent_id": agent.pk,
        "logs": [
            {"timestamp": 1772359200.5, "level": "INFO", "logger": "bot", "message": "started"},
            {"timestamp": "0:07", "message": "tool\x00", "extra": {"a": 1}},
            "nothing",
        ],
    }
    pk = post(alice.client, "pipecat", body)[1]["id"]
    answer = alice.client.get(f"/observability/v1/call-logs/{pk}/logs/").json()
    assert (answer["provider"], answer["format"]) == ("pipecat", "events")
    assert answer["entries"] == [
        {"ts": "2026-03-01T10:00:00.500000Z", "level": "INFO", "message": "started", "logger": "bot"},
        {"ts": 7.0, "level": "", "message": "tool\ufffd", "raw": {"extra": {"a": 1}}},
    ]
    assert alice.client.get(f"/observability/v1/call-logs/{pk}/").json()["is_log_present"] is True
    assert charlie.client.get(f"/observability/v1/call-logs/{pk}/logs/").status_code == 404


@pytest.mark.parametrize(
    "body", ["", "[]", "{", "7", '"x"', "{}", "\ud800", '{"message": 3}', '{"event": "call_ended"}']
)
@pytest.mark.parametrize("provider", WEBHOOKS)
def test_bodies_that_are_no_report_are_answered(alice: Tenant, provider: str, body: str) -> None:
    alice.agent()
    status, _ = post(alice.client, provider, body.encode("utf-8", "surrogatepass"))
    assert status in (200, 400)
    assert not CallLog.objects.exists()


def test_ids_that_no_column_holds_are_refused(alice: Tenant) -> None:
    for bad in ("a\x00b", "\ud800", "x" * 300):
        body = sample("vapi_end_of_call")
        body["message"]["call"]["assistantId"] = bad
        assert post(alice.client, "vapi", body)[0] == 400
        assert post(APIClient(), "vapi", body, **{"X-Vapi-Secret": "s"})[0] == 401


def test_an_organizations_key_must_say_which_of_two_agents(alice: Tenant) -> None:
    other = tenant("Acme", "Sales")
    assistant = assistant_in("vapi", sample("vapi_end_of_call"))
    mine = alice.agent(assistant_id=assistant)
    other.agent(assistant_id=assistant)
    both = tenant("Acme", None)
    assert post(both.client, "vapi", sample("vapi_end_of_call"))[0] == 400
    assert post(both.client, "vapi", sample("vapi_end_of_call"), query=f"?agent_id={mine.pk}")[0] == 200


def test_a_report_adds_to_what_another_stored_while_it_came_in(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked for the call, and the second has not read it yet when the first is stored."""
    alice.agent(assistant_id=assistant_in("retell", sample("retell_analyzed")))
    post(alice.client, "retell", sample("retell_analyzed"))
    usual = ingest._meet_again

    def overtaken(known: CallLog, *args: Any) -> Any:
        CallLog.objects.filter(pk=known.pk).update(feedback="called back", trace_id="t-1")
        return usual(known, *args)

    monkeypatch.setattr(ingest, "_meet_again", overtaken)
    assert post(alice.client, "retell", sample("retell_analyzed"))[0] == 200
    call = CallLog.objects.get()
    assert (call.feedback, call.trace_id) == ("called back", "t-1")


def test_a_call_that_is_deleted_while_its_report_comes_in_is_a_conflict(alice: Tenant) -> None:
    with pytest.raises(Conflict):
        ingest._meet_report(10**6, alice.agent(), NewCall(call_id="c", source="retell"), Parsed((), "retell"))

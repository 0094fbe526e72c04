"""Which calls receivers are told of, and when: written down with the verdict, once, and not by reruns."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from callgauge.flow import control, settle
from callgauge.flow.calls import delete_call
from callgauge.flow.importing import import_row
from callgauge.flow.ingest import ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.rerun import Selection, Terms, request_evaluation, request_rerun
from callgauge.flow.sealing import seal
from callgauge.flow.webhooks import deliveries, outbox
from callgauge.store.models import Agent, CallLog, ErrandState, Project, Rerun, WebhookDelivery
from tests.call_rows import metric_row, result_row
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
BOTH = {"notify_call_log_webhook_success": True, "notify_call_log_webhook_failed": True}
NAMED = (
    "id duration voice_recording_url critical_categories status agent_id timestamp success is_reviewed "
    "feedback evaluation transcript transcript_object call_ended_reason dropoff_point topic customer_number "
    "user_generated_transcript metadata dynamic_variables created_at updated_at call_id agent"
)
"""What the contract has in `data`."""
SAID = [{"role": "Main Agent", "content": "Booked.", "start_time": 0, "end_time": 2}]


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    listen(alice.project, **BOTH)
    return alice.agent()


def listen(project: Project, url: str = "https://hooks.example.com/calls", **switches: bool) -> None:
    project.settings = {"webhook_url": url, **switches}
    project.save()


def arrive(agent: Agent, call_id: str = "c", **fields: Any) -> CallLog:
    new = NewCall(call_id=call_id, transcript=SAID, transcript_type="cekura", **fields)
    return ingest_call(Project.objects.get(pk=agent.project_id), agent, new).call


def settle_call(call: CallLog, rerun: int | None = None) -> None:
    """What the executor does when a call's results are in."""
    call.refresh_from_db()
    with transaction.atomic():
        settle.settle_calls(rerun or call.pending_rerun_id or 0, [call.pk])


def told() -> list[tuple[str, str | None]]:
    rows = WebhookDelivery.objects.order_by("id").select_related("call")
    return [(row.event, None if row.call is None else row.call.call_id) for row in rows]


def payload() -> Any:
    return json.loads(outbox.payload_of(WebhookDelivery.objects.get()))


def test_a_new_call_is_told_of_once_with_its_verdict(agent: Agent) -> None:
    call = arrive(agent)
    assert not told(), "it has not been measured yet"
    settle_call(call)
    assert told() == [("call_log.completed", "c")]
    settle_call(call)
    assert len(told()) == 1


def test_the_payload_has_what_the_contract_names(agent: Agent) -> None:
    metric = metric_row(agent.project, "Goal")
    call = arrive(agent, customer_number="+49", metadata='{"tier": "gold"}')
    result_row(call, metric, Rerun.objects.get(), passed=True)
    settle_call(call)
    body = payload()
    assert list(body) == ["event_type", "data"]
    data = body["data"]
    assert set(data) >= set(NAMED.split())
    assert (data["duration"], data["status"], data["success"]) == ("00:02", "success", True)
    assert (data["agent"], data["agent_id"], data["topic"]) == (agent.pk, str(agent.pk), "{}")
    assert (data["metadata"], data["transcript_object"][0]["content"]) == ({"tier": "gold"}, "Booked.")
    (row,) = data["evaluation"]["metrics"]
    assert (row["id"], row["passed"], row["score"]) == (metric.pk, True, 5)
    assert (row["type"], row["explanation"]) == ("binary_workflow_adherence", ["Because."])


def test_the_outcome_is_the_one_that_was_decided(alice: Tenant, agent: Agent) -> None:
    """A rerun that resets the call before the webhook is sent changes nothing of what it says."""
    call = arrive(agent)
    settle_call(call)
    request_rerun(alice.key, agent, Selection())
    call.refresh_from_db()
    assert call.success is None
    assert (payload()["data"]["success"], payload()["data"]["status"]) == (True, "success")


@pytest.mark.parametrize(
    ("switches", "success", "expected"),
    [
        ({}, True, 0),
        ({"notify_call_log_webhook_success": True}, True, 1),
        ({"notify_call_log_webhook_failed": True}, True, 0),
        ({"notify_call_log_webhook_success": True}, False, 0),
        ({"notify_call_log_webhook_failed": True}, False, 1),
        ({"notify_call_log_webhook_failed": True}, None, 1),
        ({"notify_call_log_webhook_success": True}, None, 0),
    ],
)
def test_the_switches_choose_by_outcome(
    agent: Agent,
    switches: dict[str, bool],
    success: bool | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listen(agent.project, **switches)
    monkeypatch.setattr(settle, "decide", lambda *_: settle.Verdict(success, (), ("M",)))
    settle_call(arrive(agent))
    assert len(told()) == expected


def test_without_an_address_nothing_is_told_and_an_agents_address_will_do(agent: Agent) -> None:
    listen(agent.project, "", **BOTH)
    settle_call(arrive(agent))
    assert not told()
    agent.settings = {"webhook_url": "https://agent.example.com"}
    agent.save()
    settle_call(arrive(agent, "d"))
    assert told() == [("call_log.completed", "d")]


def test_a_rerun_tells_nobody_unless_it_is_asked_to(alice: Tenant, agent: Agent) -> None:
    call = arrive(agent)
    settle_call(call)
    request_rerun(alice.key, agent, Selection())
    settle_call(call)
    request_evaluation(alice.key, alice.project, [call.pk], None)
    settle_call(call)
    assert len(told()) == 1
    request_rerun(alice.key, agent, Selection(), terms=Terms(notify=True))
    settle_call(call)
    assert len(told()) == 2
    request_evaluation(alice.key, alice.project, [call.pk], None, notify=True)
    settle_call(call)
    assert len(told()) == 3


def test_retrying_what_failed_tells_as_its_rerun_did(alice: Tenant, agent: Agent) -> None:
    metric = metric_row(alice.project, "Goal")
    call = arrive(agent)
    settle_call(call)
    rerun = request_rerun(alice.key, agent, Selection(), terms=Terms(notify=True)).rerun
    result_row(call, metric, rerun, outcome="failed", reason="judge_unavailable", is_current=False)
    Rerun.objects.filter(pk=rerun.pk).update(state="done")
    rerun.refresh_from_db()
    assert control.retry_failed(alice.key, rerun).notify


def test_a_silent_rerun_that_overtakes_a_live_call_tells_of_it(alice: Tenant, agent: Agent) -> None:
    call = arrive(agent)
    live = call.pending_rerun_id
    request_rerun(alice.key, agent, Selection())
    settle_call(call, live)
    assert not told(), "the newer rerun owes the verdict"
    settle_call(call)
    assert told() == [("call_log.completed", "c")]


def test_a_held_call_that_a_rerun_takes_up_is_told_of(alice: Tenant, agent: Agent) -> None:
    call = arrive(agent, hold_secs=300.0)
    request_rerun(alice.key, agent, Selection())
    settle_call(call)
    assert told() == [("call_log.completed", "c")]


def test_a_call_that_a_person_judged_meanwhile_is_told_of(agent: Agent) -> None:
    call = arrive(agent)
    CallLog.objects.filter(pk=call.pk).update(is_reviewed=True, success=False)
    settle_call(call)
    assert payload()["data"]["status"] == "reviewed_failure"
    settle_call(call)
    assert len(told()) == 1


def test_a_call_that_cannot_be_measured_is_told_of_with_the_reason(agent: Agent) -> None:
    call = arrive(agent)
    with transaction.atomic():
        settle.abandon_call(call.pending_rerun_id or 0, call.pk)
    data = payload()["data"]
    assert (data["success"], data["status"]) == (None, "error")
    assert "could not be measured" in data["error_message"]


def test_imported_calls_are_not_told_of(agent: Agent) -> None:
    row = {"call_id": "old", "transcript_json": SAID, "transcript_type": "cekura"}
    import_row(agent, row)
    settle_call(CallLog.objects.get())
    assert not told()


def test_nothing_is_told_where_the_verdict_is_rolled_back(agent: Agent) -> None:
    call = arrive(agent)
    with transaction.atomic():
        settle.settle_calls(call.pending_rerun_id or 0, [call.pk])
        assert len(told()) == 1
        transaction.set_rollback(True)
    assert not told()
    settle_call(call)
    assert len(told()) == 1


@pytest.mark.parametrize("retain", [True, False])
def test_what_is_said_of_a_deleted_call_goes_with_it(agent: Agent, retain: bool) -> None:
    call = arrive(agent)
    settle_call(call)
    delete_call(call, retain_evaluations=retain)
    assert not told()


def test_settling_asks_the_same_number_of_questions_for_many_calls(
    agent: Agent, django_assert_max_num_queries: Any
) -> None:
    calls = [arrive(agent, f"c{number}") for number in range(20)]
    rerun = request_rerun(agent.project.keys.first(), agent, Selection(), terms=Terms(notify=True)).rerun
    with django_assert_max_num_queries(25), transaction.atomic():
        settle.settle_calls(rerun.pk, [call.pk for call in calls])
    assert len(told()) == 20


def test_pauses_grow_and_differ() -> None:
    pauses = [[outbox.pause_secs(attempt) for _ in range(50)] for attempt in range(1, 12)]
    for attempt, found in enumerate(pauses, 1):
        middle = min(5.0 * 3 ** (attempt - 1), 6 * 3600)
        assert all(0.8 * middle <= one <= 1.2 * middle for one in found)
        assert len(set(found)) > 1
    assert outbox.pause_secs(30_000) <= 1.2 * 6 * 3600


def test_the_log_forgets_what_ended_long_ago(agent: Agent) -> None:
    for number in range(3):
        settle_call(arrive(agent, f"c{number}"))
    old = timezone.now() - timedelta(days=31)
    first, second, _ = WebhookDelivery.objects.order_by("id")
    WebhookDelivery.objects.filter(pk=first.pk).update(state=ErrandState.FAILED, finished_at=old)
    WebhookDelivery.objects.filter(pk=second.pk).update(created_at=old)
    assert (deliveries.forget_old(30), deliveries.forget_old(30)) == (1, 0)
    assert WebhookDelivery.objects.count() == 2, "what still waits is never forgotten"


def test_an_agents_address_does_not_get_its_projects_secrets(agent: Agent) -> None:
    agent.project.secrets = {"webhook_secret": seal("projects-own")}
    agent.project.save()
    agent.settings = {"webhook_url": "https://agent.example.com"}
    agent.save()
    settle_call(arrive(agent))
    (work,) = outbox.claim("me")
    assert work.url == "https://agent.example.com"
    assert not {"X-CEKURA-SECRET", "webhook-signature"} & set(work.headers)


def test_what_a_caller_wrote_is_told_as_it_stands_once_it_is_redacted(agent: Agent) -> None:
    """What has waited, and what is sent again, holds nothing that was taken out of the call meanwhile."""
    call = arrive(agent, feedback="Write to carol@example.com.")
    settle_call(call)
    assert payload()["data"]["feedback"] == "Write to carol@example.com."
    CallLog.objects.filter(pk=call.pk).update(feedback="Write to [EMAIL].")
    assert payload()["data"]["feedback"] == "Write to [EMAIL]."
    assert "carol" not in WebhookDelivery.objects.get().facts

"""Trying a metric before it is saved, over HTTP and through a real executor."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.flow import errands, previews
from callgauge.store.models import (
    CallLog,
    CallPayload,
    ErrandState,
    JudgeCall,
    Metric,
    MetricPreview,
    MetricResult,
    Project,
    Rerun,
)
from callgauge.worker.executor import Executor
from tests.calls import make_call, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PREVIEW = "/test_framework/v1/metrics/preview/"
PROGRESS = "/test_framework/v1/metrics/preview-progress/"
JUDGED = {"name": "Polite", "type": "llm_judge", "eval_type": "binary", "description": "Was it polite?"}
CODED = {
    "name": "Turns",
    "type": "custom_code",
    "eval_type": "numeric",
    "custom_code": '_result = len(data["transcript_json"])\n_explanation = "Counted."',
}


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def calls(alice: Tenant) -> list[CallLog]:
    agent = alice.agent()
    return [make_call(agent, name) for name in ("good", "bad")]


def ask(alice: Tenant, metric: Any, calls: list[CallLog], **more: Any) -> Any:
    body = {"metric_data": metric, "call_log_ids": [call.pk for call in calls], **more}
    return alice.client.post(PREVIEW, body, format="json")


def look(alice: Tenant, uid: str) -> Any:
    return alice.client.get(PROGRESS, {"progress_id": uid})


def run(uid: str, judge: FakeJudge | None = None) -> None:
    executor = Executor("test:1", lambda: judge, concurrency=4)
    executor.start()
    try:
        wait_until(lambda: MetricPreview.objects.get(uid=uid).state in ("completed", "failed"))
    finally:
        executor.stop()


def test_a_judge_metric(alice: Tenant, calls: list[CallLog]) -> None:
    answer = ask(alice, JUDGED, calls)
    assert answer.status_code == 200
    uid = answer.json()["progress_id"]
    assert look(alice, uid).json() == {
        "progress_id": uid,
        "status": "queued",
        "progress": {"done": 0, "total": 2},
        "results": [],
    }
    run(uid, FakeJudge(lambda request: verdict(request.call_id == "good")))
    shown = look(alice, uid).json()
    assert (shown["status"], shown["progress"]) == ("completed", {"done": 2, "total": 2})
    good, bad = shown["results"]
    assert (good["call_log_id"], good["call_id"]) == (calls[0].pk, "good")
    assert (good["passed"], good["score"], bad["passed"], bad["score"]) == (True, 5, False, 0)
    assert (good["id"], good["name"], good["explanation"]) == (None, "Polite", ["Because."])
    assert good["extra"]["outcome"] == "scored"
    assert good["extra"]["cost_usd"] == pytest.approx(0.001)


def test_nothing_is_stored_with_the_calls(alice: Tenant, calls: list[CallLog]) -> None:
    uid = ask(alice, JUDGED, calls).json()["progress_id"]
    run(uid, FakeJudge())
    for model in (Metric, MetricResult, Rerun, JudgeCall):
        assert not model.objects.exists()


def test_a_python_metric_reads_what_the_calls_have(alice: Tenant, calls: list[CallLog]) -> None:
    make_metric(alice.project, "Confirms")
    code = '_result = "none" if data["Confirms"] is None else "some"'
    metric = {**CODED, "eval_type": "enum", "enum_values": ["none", "some"], "custom_code": code}
    uid = ask(alice, metric, calls[:1]).json()["progress_id"]
    broken = ask(alice, {**CODED, "custom_code": "_result = 1 / 0"}, calls[:1]).json()["progress_id"]
    run(broken)
    run(uid)
    (row,) = look(alice, uid).json()["results"]
    assert row["extra"]["outcome"] == "failed"  # data has no "Confirms": nothing measured it yet
    assert "KeyError" in row["explanation"][0]
    (row,) = look(alice, broken).json()["results"]
    assert (row["score"], row["extra"]["code"], row["extra"]["line"]) == (None, "script_error", 1)
    assert "ZeroDivisionError" in row["explanation"][0]


def test_without_a_judge(alice: Tenant, calls: list[CallLog]) -> None:
    uid = ask(alice, JUDGED, calls[:1]).json()["progress_id"]
    run(uid)
    (row,) = look(alice, uid).json()["results"]
    assert (row["extra"]["outcome"], row["extra"]["reason"]) == ("skipped", "no_judge")


def test_every_address(alice: Tenant, calls: list[CallLog]) -> None:
    body = {"metric_data": CODED, "call_log_ids": [calls[0].pk]}
    for family in ("v1/metrics", "v1/metrics-external", "v2/metrics"):
        for slash in ("", "/"):
            path = f"/test_framework/{family}/preview{slash}"
            answer = alice.client.post(path, body, format="json")
            assert answer.status_code == 200
            uid = answer.json()["progress_id"]
            path = f"/test_framework/{family}/preview-progress{slash}"
            assert alice.client.get(path, {"progress_id": uid}).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"call_log_ids": []}, "call_log_ids"),
        ({"call_log_ids": list(range(1, 22))}, "call_log_ids"),
        ({"call_log_ids": [10**12]}, "call_log_ids"),
        ({"run_ids": [1]}, "run_ids"),
        ({"metric_data": None}, "metric_data"),
        ({"metric_data": {**JUDGED, "description": ""}}, "description"),
        ({"metric_data": {**JUDGED, "type": "basic"}}, "type"),
        ({"metric_data": {**CODED, "custom_code": "_result = ("}}, "custom_code"),
    ],
)
def test_what_is_refused(alice: Tenant, calls: list[CallLog], change: Any, field: str) -> None:
    answer = ask(alice, JUDGED, calls, **change)
    assert answer.status_code == 400
    assert field in answer.json()
    assert not MetricPreview.objects.exists()


def test_the_tenants_wall(alice: Tenant, calls: list[CallLog]) -> None:
    bob, charlie = tenant("Acme", "Support"), tenant("Rival", "Support")
    theirs = make_call(charlie.agent(), "theirs")
    answer = ask(alice, JUDGED, [calls[0], theirs])
    assert answer.status_code == 400
    assert str(theirs.pk) in answer.json()["call_log_ids"][0]
    assert ask(alice, JUDGED, calls, project_id=charlie.project.pk).status_code == 404
    assert ask(alice, JUDGED, calls, agent_id=theirs.agent_id).status_code == 404
    uid = ask(alice, JUDGED, calls).json()["progress_id"]
    assert look(bob, uid).status_code == 200
    assert look(charlie, uid).status_code == 404
    assert look(alice, "0" * 32).status_code == 404
    assert alice.client.get(PROGRESS).status_code == 400


def test_a_call_of_another_agent_than_the_one_named(alice: Tenant, calls: list[CallLog]) -> None:
    other = alice.agent("Other")
    assert ask(alice, JUDGED, calls, agent_id=other.pk).status_code == 400
    assert ask(alice, JUDGED, calls, agent_id=calls[0].agent_id).status_code == 200


# --- one owner at a time -----------------------------------------------------------------------------------


def requested(alice: Tenant, calls: list[CallLog]) -> MetricPreview:
    return MetricPreview.objects.get(uid=ask(alice, JUDGED, calls).json()["progress_id"])


def test_one_owner_at_a_time_and_what_is_done_stays_done(alice: Tenant, calls: list[CallLog]) -> None:
    preview = requested(alice, calls)
    work = previews.claim_preview("one:1")
    assert work is not None
    assert previews.claim_preview("two:1") is None
    previews.store_preview("one:1", work, work.calls[0], previews.LOST)
    MetricPreview.objects.update(lease_until=preview.created_at)
    again = previews.claim_preview("two:1")
    assert again is not None
    assert [call.call.id for call in again.calls] == [calls[1].pk]
    previews.store_preview("one:1", work, work.calls[1], previews.LOST)
    assert not errands.renew(MetricPreview, "one:1", preview.pk)
    assert errands.renew(MetricPreview, "two:1", preview.pk)
    errands.end(MetricPreview, "one:1", preview.pk)
    preview.refresh_from_db()
    assert (len(preview.results), preview.state) == (1, ErrandState.IN_PROGRESS)


def test_a_preview_that_only_ever_loses_its_owner_is_given_up(alice: Tenant, calls: list[CallLog]) -> None:
    preview = requested(alice, calls)
    MetricPreview.objects.update(attempts=errands.MAX_ATTEMPTS)
    judge = FakeJudge()
    run(preview.uid, judge)
    assert judge.asked == []
    rows = look(alice, preview.uid).json()["results"]
    assert [row["extra"]["code"] for row in rows] == ["internal_error"] * 2


def test_old_previews_are_forgotten(alice: Tenant, calls: list[CallLog]) -> None:
    old = requested(alice, calls)
    MetricPreview.objects.update(created_at=old.created_at - errands.KEPT_FOR)
    new = requested(alice, calls)
    assert set(MetricPreview.objects.values_list("pk", flat=True)) == {new.pk}
    assert Project.objects.count() == 1


def test_a_deleted_call_leaves_nothing_in_previews(alice: Tenant, calls: list[CallLog]) -> None:
    preview = requested(alice, calls)
    run(preview.uid, FakeJudge())
    assert len(look(alice, preview.uid).json()["results"]) == 2
    assert alice.client.delete(f"/observability/v1/call-logs/{calls[0].pk}/").status_code == 204
    left = look(alice, preview.uid).json()["results"]
    assert [row["call_log_id"] for row in left] == [calls[1].pk]
    preview.refresh_from_db()
    assert [row["call_id"] for row in preview.results] == [calls[1].pk]


def test_a_saved_metric_is_tried_with_a_change(alice: Tenant, calls: list[CallLog]) -> None:
    metric = make_metric(alice.project, "Polite", description="Was it polite?")
    body = {"metric_id": metric.pk, "call_log_ids": [calls[0].pk], "metric_data": {"eval_type": "numeric"}}
    asked = alice.client.post(PREVIEW, body, format="json")
    assert asked.status_code == 200
    preview = MetricPreview.objects.get(uid=asked.json()["progress_id"])
    assert (preview.metric["description"], preview.metric["eval_type"]) == ("Was it polite?", "numeric")
    assert [one["code"] for one in asked.json()["warnings"]] == ["no_not_applicable_rule"]
    as_it_is = alice.client.post(PREVIEW, {**body, "metric_data": None}, format="json")
    assert MetricPreview.objects.get(uid=as_it_is.json()["progress_id"]).metric["eval_type"] == "binary"


def test_a_preview_needs_a_metric_of_ones_own(alice: Tenant, calls: list[CallLog]) -> None:
    foreign = make_metric(tenant("Other", "Elsewhere").project, "Theirs")
    body = {"call_log_ids": [calls[0].pk]}
    for wrong, field in (
        ({}, "metric_data"),
        ({"metric_id": foreign.pk}, "metric_id"),
        ({"metric_id": 10**9}, "metric_id"),
    ):
        refused = alice.client.post(PREVIEW, {**body, **wrong}, format="json")
        assert (refused.status_code, list(refused.json())) == (400, [field])


def test_a_damaged_call_fails_alone(alice: Tenant, calls: list[CallLog]) -> None:
    CallPayload.objects.filter(call=calls[1]).update(turns="{not json")
    preview = requested(alice, calls)
    run(preview.uid, FakeJudge())
    rows = look(alice, preview.uid).json()["results"]
    assert [row["extra"]["outcome"] for row in rows] == ["scored", "failed"]

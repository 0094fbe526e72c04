"""Calls whose evaluation waits."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from callgauge.flow import deferring
from callgauge.flow.metrics import delete_metric
from callgauge.flow.rerun import Selection, request_rerun
from callgauge.store.models import CallLog, Chunk, DeferredCall, Rerun
from callgauge.worker.executor import Executor
from tests.calls import make_metric
from tests.tenants import Tenant
from tests.waiting import wait_until


def observe(alice: Tenant, **fields: Any) -> dict[str, Any]:
    body = {"agent": alice.project.agents.first().pk, "call_id": "c", **fields}  # type: ignore[union-attr]
    response = alice.client.post(
        "/observability/v1/observe/", json.dumps(body), content_type="application/json"
    )
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = json.loads(response.content)
    return answer


def patch(alice: Tenant, pk: int, body: dict[str, Any]) -> int:
    url = f"/observability/v1/call-logs/{pk}/"
    return alice.client.patch(url, json.dumps(body), content_type="application/json").status_code


def pass_time() -> None:
    DeferredCall.objects.update(until=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_a_deferred_call_waits_for_a_patch(alice: Tenant) -> None:
    alice.agent()
    pk = observe(alice, defer_evaluation=True)["id"]
    held = DeferredCall.objects.get()
    assert timedelta(minutes=4) < held.until - timezone.now() <= timedelta(minutes=5)
    assert not Chunk.objects.exists()

    assert patch(alice, pk, {"metadata": {"a": 1}}) == 200
    assert not Chunk.objects.exists()
    assert patch(alice, pk, {"reevaluate_metrics": True}) == 200
    assert Chunk.objects.count() == 1
    assert not DeferredCall.objects.exists()
    assert patch(alice, pk, {"reevaluate_metrics": True}) == 200  # one is under way
    assert Chunk.objects.count() == 1


@pytest.mark.django_db
def test_after_five_minutes_it_is_measured_anyway_and_once(alice: Tenant) -> None:
    alice.agent()
    metric = make_metric(alice.project, "One")
    make_metric(alice.project, "Two")
    observe(alice, defer_evaluation="true", metric_ids=str(metric.pk))
    assert deferring.release_due() == 0
    pass_time()
    assert deferring.release_due() == 1
    assert deferring.release_due() == 0
    assert Rerun.objects.get().metric_version_ids == [metric.current_version_id]


@pytest.mark.django_db
def test_a_rerun_meanwhile_is_not_repeated(alice: Tenant) -> None:
    agent = alice.agent()
    observe(alice, defer_evaluation=True)
    request_rerun(alice.key, agent, Selection())
    pass_time()
    assert deferring.release_due() == 0
    assert Rerun.objects.count() == 1
    assert not DeferredCall.objects.exists()


@pytest.mark.django_db
def test_a_deleted_call_is_let_go(alice: Tenant) -> None:
    alice.agent()
    pk = observe(alice, defer_evaluation=True)["id"]
    alice.client.delete(f"/observability/v1/call-logs/{pk}/?retain_evaluations=true")
    assert not DeferredCall.objects.exists()
    assert CallLog.objects.filter(pk=pk).exists()


@pytest.mark.django_db(transaction=True)
def test_two_that_release_at_the_same_time_plan_once(alice: Tenant) -> None:
    alice.agent()
    observe(alice, defer_evaluation=True)
    pk = DeferredCall.objects.get().pk

    def release(_: int) -> bool:
        try:
            with transaction.atomic():
                return deferring.release(pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(release, range(4))) == [False, False, False, True]
    assert Chunk.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_executor_wakes_for_it(alice: Tenant) -> None:
    """It was off while the time ran out, as after a restart."""
    alice.agent()
    observe(alice, defer_evaluation=True)
    pass_time()
    executor = Executor("test:1", lambda: None, concurrency=2)
    executor.start()
    try:
        wait_until(lambda: Rerun.objects.filter(state="done").count() == 1)
    finally:
        executor.stop()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("logs", "message"),
    [
        ({"message": "x"}, "Expected a list of objects."),
        (["x"], "Entry 1: expected an object."),
        ([{"message": "x"}, {"level": "INFO"}], "Entry 2: message is required and is text."),
        ("[", "Not valid JSON"),
    ],
)
def test_logs_that_are_none_are_refused(alice: Tenant, logs: Any, message: str) -> None:
    body = {"agent": alice.agent().pk, "call_id": "c", "logs": logs}
    response = alice.client.post(
        "/observability/v1/observe/", json.dumps(body), content_type="application/json"
    )
    assert response.status_code == 400
    assert message in response.json()["logs"][0]


@pytest.mark.django_db
def test_logs_come_with_observe_too(alice: Tenant) -> None:
    alice.agent()
    pk = observe(
        alice, transcript_type="cekura", transcript_json=[], logs=[{"message": "m", "ts": 3, "x": 1}]
    )["id"]
    answer = alice.client.get(f"/observability/v2/call-logs/{pk}/logs").json()
    assert answer["entries"] == [{"ts": 3.0, "level": "", "message": "m", "raw": {"x": 1}}]
    assert answer["provider"] == "cekura"


@pytest.mark.django_db
def test_without_logs_or_trace_there_is_nothing_to_show(alice: Tenant) -> None:
    alice.agent()
    pk = observe(alice, trace_id="a" * 32)["id"]
    for part in ("logs", "trace"):
        response = alice.client.get(f"/observability/v1/call-logs/{pk}/{part}/")
        assert response.status_code == 404
        assert "detail" in response.json()


@pytest.mark.django_db
def test_a_metric_that_is_not_there_is_refused_before_the_call_is_held(alice: Tenant) -> None:
    agent = alice.agent()
    body = {"agent": agent.pk, "call_id": "c", "defer_evaluation": True, "metric_ids": [999_999]}
    response = alice.client.post(
        "/observability/v1/observe/", json.dumps(body), content_type="application/json"
    )
    assert response.status_code == 400
    assert "999999" in json.loads(response.content)["metric_ids"][0]
    assert not CallLog.objects.exists()


@pytest.mark.django_db
def test_a_metric_that_goes_meanwhile_keeps_neither_its_call_nor_anybody_elses_waiting(
    alice: Tenant, charlie: Tenant
) -> None:
    alice.agent()
    charlie.agent()
    stays, goes = (make_metric(alice.project, name) for name in ("Stays", "Goes"))
    observe(alice, call_id="both", defer_evaluation=True, metric_ids=[stays.pk, goes.pk])
    observe(alice, call_id="gone", defer_evaluation=True, metric_ids=[goes.pk])
    observe(charlie, defer_evaluation=True)
    delete_metric(goes)
    pass_time()
    assert deferring.release_due() == 3
    assert [one.metric_version_ids for one in Rerun.objects.filter(project=alice.project).order_by("id")] == [
        [stays.current_version_id],
        [],
    ]
    assert Rerun.objects.filter(project=charlie.project).count() == 1


@pytest.mark.django_db
def test_a_held_call_that_cannot_be_planned_lets_the_others_go_first(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.agent()
    first, second = (observe(alice, call_id=name, defer_evaluation=True)["id"] for name in ("a", "b"))
    pass_time()
    plan = deferring.start_live

    def fail_first(call: CallLog, *rest: Any) -> Rerun:
        if call.pk == first:
            raise ZeroDivisionError
        return plan(call, *rest)

    monkeypatch.setattr(deferring, "start_live", fail_first)
    assert deferring.release_due() == 1
    assert CallLog.objects.get(pk=second).pending_rerun_id is not None
    assert deferring.release_due() == 0
    monkeypatch.setattr(deferring, "start_live", plan)
    pass_time()
    assert deferring.release_due() == 1

"""Reruns that overlap: whichever ends last, a call's verdict is that of the newest results."""

from __future__ import annotations

import pytest
from django.db import transaction

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Outcome, Scored, Value
from callgauge.flow import ledger, work
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.rerun import Selection, plan_page, request_evaluation, request_rerun
from callgauge.flow.results import NewResult, store_results
from callgauge.flow.rubric import write_rubric
from callgauge.flow.settle import settle_calls
from callgauge.store.models import CallLog, Chunk, Metric, MetricResult, Project, Rerun
from tests.calls import make_call, make_metric
from tests.tenants import Tenant

OWNER = "test:1"
PASS, FAIL = Scored(Value(passed=True)), Scored(Value(passed=False))


def _require(project: Project, *metrics: Metric) -> None:
    condition = {"field": "score", "op": "eq", "value": True}
    conditions = {"operator": "and", "conditions": [condition]}
    rules = [{"metric_id": metric.pk, "conditions": conditions} for metric in metrics]
    write_rubric(project, {"evaluation_logic": "and", "rules": rules})


def _chunk(rerun: Rerun) -> Chunk:
    ledger.claim(OWNER, (0, 1, 2), 100)
    return Chunk.objects.get(rerun=rerun, kind="evaluate")


def _specs(rerun: Rerun) -> dict[str, MetricSpec]:
    return {spec.name: spec for spec in work.load_specs(rerun.metric_version_ids)}


def _finish(chunk: Chunk, call: CallLog, outcomes: dict[str, Outcome]) -> None:
    specs = _specs(chunk.rerun)
    results = [
        NewResult(chunk.pk, chunk.rerun_id, call.pk, call.content_hash, specs[name], outcome)
        for name, outcome in outcomes.items()
    ]
    with transaction.atomic():
        store_results(OWNER, results)
        settle_calls(chunk.rerun_id, [call.pk])
        ledger.finish(OWNER, chunk.pk)


def test_a_narrow_rerun_that_overtakes_does_not_keep_the_older_ones_results_out(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    a, b = make_metric(alice.project, "A"), make_metric(alice.project, "B")
    _require(alice.project, a, b)
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": PASS})
    edit_metric(b, MetricChange(frozen={"description": "Stricter?"}))
    broad = _chunk(request_rerun(alice.key, agent, Selection()).rerun)
    (narrow,) = request_evaluation(alice.key, alice.project, [call.pk], [a.pk])
    _finish(_chunk(narrow), call, {"A": PASS})
    _finish(broad, call, {"A": PASS, "B": FAIL})
    call.refresh_from_db()
    assert (call.success, call.pending_rerun_id) == (False, None)


def test_a_planner_that_comes_late_does_not_undo_a_newer_reruns_verdict(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.rerun.RESET_AT_ONCE", 0)
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "A")
    _require(alice.project, metric)
    large = request_rerun(alice.key, agent, Selection()).rerun
    (planning,) = ledger.claim(OWNER, (0, 1, 2), 10)
    edit_metric(metric, MetricChange(frozen={"description": "New wording?"}))
    monkeypatch.setattr("callgauge.flow.rerun.RESET_AT_ONCE", 10)
    (newer,) = request_evaluation(alice.key, alice.project, [call.pk], None)
    _finish(_chunk(newer), call, {"A": FAIL})
    while not plan_page(OWNER, planning.pk, 10):
        pass
    _finish(_chunk(large), call, {"A": PASS})
    call.refresh_from_db()
    assert MetricResult.objects.get(call=call, is_current=True).passed is False
    assert (call.success, call.pending_rerun_id) == (False, None)


def test_a_reset_never_takes_a_call_from_a_newer_rerun(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.rerun.RESET_AT_ONCE", 0)
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "A")
    request_rerun(alice.key, agent, Selection())
    (planning,) = ledger.claim(OWNER, (0, 1, 2), 10)
    monkeypatch.setattr("callgauge.flow.rerun.RESET_AT_ONCE", 10)
    (newer,) = request_evaluation(alice.key, alice.project, [call.pk], None)
    while not plan_page(OWNER, planning.pk, 10):
        pass
    call.refresh_from_db()
    assert call.pending_rerun_id == newer.pk


def test_a_narrow_rerun_does_not_let_a_call_pass_on_a_metric_that_failed_last_time(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    a, b = make_metric(alice.project, "A"), make_metric(alice.project, "B")
    _require(alice.project, a, b)
    down = Failed(FailureCode.JUDGE_UNAVAILABLE, ("The judge was down.",), retryable=True)
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": PASS})
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": down})
    (narrow,) = request_evaluation(alice.key, alice.project, [call.pk], [a.pk])
    _finish(_chunk(narrow), call, {"A": PASS})
    call.refresh_from_db()
    assert call.success is None
    assert call.error_message is not None
    assert "B" in call.error_message

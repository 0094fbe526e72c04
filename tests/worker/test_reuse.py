"""Reruns that leave what holds: which questions are asked, and what is decided without any."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.domain.judging import JudgeUnavailable
from callgauge.flow import control
from callgauge.flow.metrics import MetricChange, edit_metric, restore_version
from callgauge.flow.plan import plan_for
from callgauge.flow.rerun import Terms, request_rerun
from callgauge.flow.rubric import write_rubric
from callgauge.flow.selection import Selection
from callgauge.store.models import (
    CallLog,
    CallPayload,
    Metric,
    MetricResult,
    Rerun,
    RerunState,
    Reuse,
)
from callgauge.worker.executor import Executor
from tests.calls import make_call, make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant
from tests.waiting import wait_until
from tests.worker.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

CURRENT = Terms(reuse=Reuse.CURRENT)
READS = """
_result = data["Confirms"] is True
_explanation = "As Confirms."
"""


def _state(rerun: Rerun) -> str:
    return Rerun.objects.values_list("state", flat=True).get(pk=rerun.pk)


def _needs(project: Any, metric: Metric, value: bool = True) -> None:
    condition = {"field": "score", "op": "eq", "value": value}
    write_rubric(
        project,
        {"rules": [{"metric_id": metric.pk, "conditions": {"operator": "and", "conditions": [condition]}}]},
    )


def _edit(metric: Metric, description: str) -> None:
    edit_metric(metric, MetricChange(frozen={"description": description}))


def test_only_the_metric_that_changed_is_asked_again(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 7)
    changed, _, _ = (make_metric(alice.project, name) for name in ("One", "Two", "Three"))
    run(FakeJudge(), agent)
    _edit(changed, "Did the agent confirm twice?")
    judge = FakeJudge()
    rerun = run(judge, agent, CURRENT)
    assert {name for _, name in judge.asked} == {"One"}
    assert len(judge.asked) == 7
    assert (rerun.total, rerun.scored, rerun.reused, rerun.settled_calls) == (21, 21, 14, 7)
    assert CallLog.objects.filter(pending_rerun_id=None).count() == 7


def test_nothing_changed_asks_nothing_and_a_plain_rerun_asks_all(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 5)
    make_metric(alice.project, "One")
    run(FakeJudge(), agent)
    rows = MetricResult.objects.count()
    judge = FakeJudge()
    rerun = run(judge, agent, CURRENT)
    assert judge.asked == []
    assert (rerun.scored, rerun.reused) == (5, 5)
    assert MetricResult.objects.count() == rows
    run(judge, agent)
    assert len(judge.asked) == 5


def test_a_changed_rubric_only_decides_again(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 4)
    metric = make_metric(alice.project, "One")
    _needs(alice.project, metric)
    run(FakeJudge(), agent)
    assert set(CallLog.objects.values_list("success", flat=True)) == {True}
    _needs(alice.project, metric, False)
    judge = FakeJudge()
    run(judge, agent, CURRENT)
    assert judge.asked == []
    assert set(CallLog.objects.values_list("success", flat=True)) == {False}


def test_a_change_reaches_exactly_what_builds_on_it(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 3)
    confirms = make_metric(alice.project, "Confirms")
    make_metric(alice.project, "Apart")
    script = {"kind": "custom_code", "description": ""}
    make_metric(alice.project, "Reader", custom_code=READS, **script)
    chain = READS.replace('data["Confirms"]', 'data["Reader"]')
    make_metric(alice.project, "Chain", custom_code=chain, **script)
    make_metric(alice.project, "Alone", custom_code="_result = True\n_explanation = 'Always.'", **script)
    run(FakeJudge(), agent)
    assert MetricResult.objects.filter(outcome="scored").count() == 15
    _edit(confirms, "Did the agent confirm twice?")
    plan = plan_for(agent, Selection(), None, CURRENT)
    measured = {one.version.name: len(one.to_measure) for one in plan.metrics}
    assert measured == {"Confirms": 3, "Apart": 0, "Reader": 3, "Chain": 3, "Alone": 0}
    assert {one.version.name: dict(one.because) for one in plan.metrics if one.because} == {
        "Confirms": {"metric": 3},
        "Reader": {"reads": 3},
        "Chain": {"reads": 3},
    }
    rerun = run(FakeJudge(lambda request: verdict(False)), agent, CURRENT)
    assert (rerun.scored, rerun.reused) == (15, 6)
    current = MetricResult.objects.filter(is_current=True, version__name__in=["Reader", "Chain"])
    assert set(current.values_list("passed", flat=True)) == {False}
    assert plan_for(agent, Selection(), None, CURRENT).to_measure == 0


def test_a_script_is_left_alone_on_a_plain_rerun_unless_what_it_reads_is_asked_again(
    alice: Tenant, run: Run
) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    script = {"kind": "custom_code", "description": ""}
    make_metric(alice.project, "Alone", custom_code="_result = True\n_explanation = 'Always.'", **script)
    run(None, agent)
    rerun = run(None, agent)
    assert (rerun.scored, rerun.reused) == (2, 2)
    make_metric(alice.project, "Confirms")
    make_metric(alice.project, "Reader", custom_code=READS, **script)
    run(FakeJudge(), agent)
    rerun = run(FakeJudge(), agent)
    assert (rerun.scored, rerun.reused) == (6, 2), "Reader goes with Confirms"


def test_rolling_back_takes_the_old_results_up_again(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 3)
    metric = make_metric(alice.project, "One")
    _needs(alice.project, metric)
    first = metric.current_version_id
    run(FakeJudge(), agent)
    _edit(metric, "Did the agent confirm twice?")
    run(FakeJudge(lambda request: verdict(False)), agent, CURRENT)
    assert set(CallLog.objects.values_list("success", flat=True)) == {False}
    restore_version(metric, first or 0)
    assert plan_for(agent, Selection(), None, CURRENT).to_measure == 0
    judge = FakeJudge()
    rerun = run(judge, agent, CURRENT)
    assert judge.asked == []
    assert rerun.reused == 3
    current = MetricResult.objects.filter(is_current=True)
    assert set(current.values_list("version_id", "passed", "reused_by")) == {(first, True, rerun.pk)}
    assert set(CallLog.objects.values_list("success", flat=True)) == {True}


def test_a_call_that_changed_is_measured_again_where_it_matters(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "Plain")
    make_metric(alice.project, "Tier", "Is {{metadata.tier}} treated well?")
    CallPayload.objects.update(metadata='{"tier": "gold"}')
    run(FakeJudge(), agent)
    CallPayload.objects.update(metadata='{"tier": "iron"}')
    CallLog.objects.update(content_hash="edited")
    plan = plan_for(agent, Selection(), None, CURRENT)
    assert {one.version.name: dict(one.because) for one in plan.metrics} == {
        "Plain": {},
        "Tier": {"call": 1},
    }
    judge = FakeJudge()
    run(judge, agent, CURRENT)
    assert judge.asked == [(call.call_id, "Tier")]


def test_what_failed_is_not_left_and_can_be_retried_alone(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 4)
    make_metric(alice.project, "One")
    make_metric(alice.project, "Two")

    def sometimes(request: Any) -> Any:
        if request.metric_name == "Two" and request.call_id in ("call-1", "call-2"):
            raise JudgeUnavailable("The judge did not answer.")
        return verdict(True)

    rerun = run(FakeJudge(sometimes), agent)
    assert (rerun.scored, rerun.failed) == (6, 2)
    plan = plan_for(agent, Selection(), None, CURRENT)
    assert (plan.to_measure, plan.states["failed"]) == (2, 2)

    again = control.retry_failed(alice.key, rerun)
    assert (again.follows, again.total_calls) == (rerun.pk, 2)
    judge = FakeJudge()
    executor = Executor("test:2", lambda: judge, concurrency=8)
    executor.start()
    wait_until(lambda: _state(again) == RerunState.DONE)
    executor.stop()
    assert sorted(judge.asked) == [("call-1", "Two"), ("call-2", "Two")]
    assert MetricResult.objects.filter(is_current=True, outcome="scored").count() == 8


def _late(rerun: Rerun, judge: Any, alice: Tenant) -> None:
    """Work through a rerun that was paused until newer ones had ended."""
    control.resume(alice.key, rerun)
    executor = Executor("test:late", lambda: judge, concurrency=8)
    executor.start()
    try:
        wait_until(lambda: _state(rerun) == RerunState.DONE)
    finally:
        executor.stop()


def _requested(alice: Tenant, agent: Any) -> Rerun:
    rerun = request_rerun(alice.key, agent, Selection(), terms=CURRENT).rerun
    return control.pause(alice.key, rerun)


def test_an_older_rerun_that_comes_late_takes_nothing_up_that_a_newer_one_displaced(
    alice: Tenant, run: Run
) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    metric = make_metric(alice.project, "One")
    _needs(alice.project, metric)
    run(FakeJudge(), agent)
    older = _requested(alice, agent)
    _edit(metric, "Did the agent confirm twice?")
    newer = run(FakeJudge(lambda request: verdict(False)), agent, CURRENT)
    _late(older, FakeJudge(), alice)
    current = MetricResult.objects.filter(is_current=True)
    assert set(current.values_list("rerun_id", "passed")) == {(newer.pk, False)}
    assert set(CallLog.objects.values_list("success", flat=True)) == {False}


def test_an_older_rerun_that_comes_late_does_not_displace_what_a_newer_one_left_as_it_is(
    alice: Tenant, run: Run
) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    metric = make_metric(alice.project, "One")
    _needs(alice.project, metric)
    first = metric.current_version_id
    run(FakeJudge(), agent)
    _edit(metric, "Did the agent confirm twice?")
    older = _requested(alice, agent)
    restore_version(metric, first or 0)
    newer = run(FakeJudge(), agent, CURRENT)
    assert newer.reused == 2
    _late(older, FakeJudge(lambda request: verdict(False)), alice)
    current = MetricResult.objects.filter(is_current=True)
    assert set(current.values_list("version_id", "passed")) == {(first, True)}
    assert set(CallLog.objects.values_list("success", flat=True)) == {True}

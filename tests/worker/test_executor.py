"""The executor on real rows: calls are measured, settled, resumed, and never paid for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from callgauge.domain.judging import Judge, JudgeRefused, JudgeRequest, JudgeUnavailable
from callgauge.flow import ledger
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.rerun import Selection, request_rerun
from callgauge.flow.rubric import write_rubric
from callgauge.store.models import CallLog, Chunk, JudgeCall, MetricResult, Rerun, RerunState
from callgauge.worker.executor import Executor
from tests.calls import make_call, make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant, tenant
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[..., None]


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs an executor until the given reruns are done."""
    started: list[Executor] = []

    def run_until_done(judge: Judge | None, *reruns: Rerun, **options: Any) -> None:
        executor = Executor("test:1", lambda: judge, concurrency=8, **options)
        started.append(executor)
        executor.start()
        wait_until(lambda: all(_state(rerun) == RerunState.DONE for rerun in reruns))
        executor.stop()
        started.remove(executor)

    yield run_until_done
    for executor in started:
        executor.stop()


def _state(rerun: Rerun) -> str:
    return Rerun.objects.values_list("state", flat=True).get(pk=rerun.pk)


def _rerun(alice: Tenant, agent: Any, **options: Any) -> Rerun:
    return request_rerun(alice.key, agent, Selection(), **options).rerun


def test_results_settle_calls_by_the_rubric(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    good, bad = make_call(agent, "good"), make_call(agent, "bad")
    metric = make_metric(alice.project, "Confirms")
    condition = {"field": "score", "op": "eq", "value": True}
    write_rubric(
        alice.project,
        {"rules": [{"metric_id": metric.pk, "conditions": {"operator": "and", "conditions": [condition]}}]},
    )
    judge = FakeJudge(lambda request: verdict(request.call_id == "good"))
    rerun = _rerun(alice, agent)
    run(judge, rerun)

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.success, bad.success) == (True, False)
    assert good.pending_rerun_id is None
    rerun.refresh_from_db()
    assert (rerun.total, rerun.scored, rerun.skipped, rerun.failed) == (2, 2, 0, 0)
    assert (rerun.settled_calls, rerun.failed_calls) == (2, 0)
    assert rerun.cost_usd == pytest.approx(0.002)
    result = MetricResult.objects.get(call=good)
    assert result.is_current
    assert result.judge_model == "fake:judge"


def test_a_pass_of_which_nothing_was_measured_is_marked(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    condition = {"field": "score", "op": "eq", "value": True}
    rules = [{"metric_id": metric.pk, "conditions": {"operator": "and", "conditions": [condition]}}]
    write_rubric(alice.project, {"rules": rules})
    for name in ("measured", "skipped"):
        make_call(agent, name)
    judge = FakeJudge(lambda request: verdict(True, applicable=request.call_id == "measured"))
    run(judge, _rerun(alice, agent))
    found = dict(agent.calls.values_list("call_id", "passed_unmeasured"))
    assert set(agent.calls.values_list("success", flat=True)) == {True}
    assert found == {"measured": False, "skipped": True}


def test_answers_without_a_price_are_counted_apart(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    for name in ("one", "two", "three"):
        make_call(agent, name)
    rerun = _rerun(alice, agent)
    run(FakeJudge(price=lambda request: 0.002 if request.call_id == "one" else None), rerun)
    rerun.refresh_from_db()
    assert (rerun.judge_requests, rerun.unpriced_requests) == (3, 2)
    assert rerun.cost_usd == pytest.approx(0.002)


def test_an_edited_metric_is_measured_again_and_history_stays(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "Confirms")
    judge = FakeJudge(lambda request: verdict("twice" in request.messages[-1].text))
    run(judge, _rerun(alice, agent))
    edit_metric(metric, MetricChange(frozen={"description": "Did the agent confirm twice?"}))
    run(judge, _rerun(alice, agent))

    first, second = MetricResult.objects.filter(call=call).order_by("id")
    assert (first.passed, first.is_current) == (False, False)
    assert (second.passed, second.is_current) == (True, True)
    assert second.previous_id == first.pk
    assert (first.version.number, second.version.number) == (1, 2)


def test_what_was_answered_before_a_crash_is_not_asked_again(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 5)
    make_metric(alice.project, "Confirms")
    rerun = _rerun(alice, agent)
    run(FakeJudge(), rerun)
    # As after kill -9 between the answers' commit and the results': answers are there, results are not.
    MetricResult.objects.all().delete()
    Chunk.objects.update(state="leased", owner="dead:1", attempts=1)
    Rerun.objects.update(state="running", scored=0)
    CallLog.objects.update(pending_rerun_id=rerun.pk)
    assert ledger.take_over("dead:") == 1
    judge = FakeJudge()
    run(judge, rerun)
    assert judge.asked == []
    assert MetricResult.objects.filter(is_current=True).count() == 5


def test_an_interrupted_request_is_asked_again_or_failed_as_set(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 1)
    make_metric(alice.project, "Confirms")
    rerun = _rerun(alice, agent)
    run(FakeJudge(), rerun)
    MetricResult.objects.all().delete()
    JudgeCall.objects.update(state="started", answer="null")
    Chunk.objects.update(state="pending")
    Rerun.objects.update(state="running", scored=0)
    judge = FakeJudge()
    run(judge, rerun, fail_interrupted=True)
    assert judge.asked == []
    result = MetricResult.objects.get()
    assert (result.outcome, result.reason, result.retryable) == ("failed", "judge_interrupted", True)

    MetricResult.objects.all().delete()
    Chunk.objects.update(state="pending")
    Rerun.objects.update(state="running", failed=0)
    run(judge, rerun)
    assert len(judge.asked) == 1
    assert JudgeCall.objects.get().attempts == 3


def test_a_chunk_that_only_ever_loses_its_owner_is_given_up(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    make_metric(alice.project, "Confirms")
    rerun = _rerun(alice, agent)
    Chunk.objects.update(attempts=ledger.MAX_ATTEMPTS)
    judge = FakeJudge()
    run(judge, rerun)
    assert judge.asked == []
    assert set(MetricResult.objects.values_list("outcome", "reason")) == {("failed", "internal_error")}


def _unavailable(request: JudgeRequest) -> dict[str, Any]:
    raise JudgeUnavailable("The judge did not answer.")


def _refused(request: JudgeRequest) -> dict[str, Any]:
    raise JudgeRefused("The key is wrong.")


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (_unavailable, "judge_unavailable", True),
        (_refused, "judge_refused", False),
        (lambda request: verdict("neither yes nor no"), "judge_invalid_answer", True),
    ],
)
def test_a_failing_judge_ends_failed_and_no_call_passes(
    alice: Tenant, run: Run, answer: Any, code: str, retryable: bool
) -> None:
    agent = alice.agent()
    call = make_call(agent, "one", success=True)
    metric = make_metric(alice.project, "Confirms")
    condition = {"field": "score", "op": "eq", "value": True}
    write_rubric(
        alice.project,
        {"rules": [{"metric_id": metric.pk, "conditions": {"operator": "and", "conditions": [condition]}}]},
    )
    rerun = _rerun(alice, agent)
    run(FakeJudge(answer), rerun)
    result = MetricResult.objects.get()
    assert (result.outcome, result.reason, result.retryable) == ("failed", code, retryable)
    call.refresh_from_db()
    assert call.success is None
    assert call.pending_rerun_id is None
    assert call.error_message is not None
    assert "Confirms" in call.error_message
    rerun.refresh_from_db()
    assert (rerun.failed, rerun.failed_calls) == (1, 1)


def test_a_failed_rerun_keeps_the_earlier_good_result_but_not_the_verdict(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "Confirms")
    condition = {"field": "score", "op": "eq", "value": True}
    write_rubric(
        alice.project,
        {"rules": [{"metric_id": metric.pk, "conditions": {"operator": "and", "conditions": [condition]}}]},
    )
    run(FakeJudge(), _rerun(alice, agent))
    run(FakeJudge(_unavailable), _rerun(alice, agent))
    current = MetricResult.objects.get(call=call, is_current=True)
    assert current.outcome == "scored"
    assert current.is_stale
    call.refresh_from_db()
    assert call.success is None


def test_without_a_judge_judge_metrics_are_skipped_with_what_to_set(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "Confirms")
    run(None, _rerun(alice, agent))
    result = MetricResult.objects.get()
    assert (result.outcome, result.reason) == ("skipped", "no_judge")
    assert "CALLGAUGE_JUDGE" in result.explanation
    call.refresh_from_db()
    assert call.success is True


def test_a_result_of_stale_content_never_becomes_current(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "Confirms")

    def answer(request: JudgeRequest) -> dict[str, Any]:
        return verdict(True)

    def edit() -> None:
        CallLog.objects.filter(pk=call.pk).update(content_hash="edited meanwhile")
        connection.close()

    class Editing(FakeJudge):
        async def ask(self, request: JudgeRequest) -> Any:
            await asyncio.to_thread(edit)
            return await super().ask(request)

    run(Editing(answer), _rerun(alice, agent))
    result = MetricResult.objects.get()
    assert result.outcome == "scored"
    assert not result.is_current


def test_a_large_rerun_is_planned_page_by_page(
    alice: Tenant, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 10)
    monkeypatch.setattr("callgauge.worker.chunks.PLAN_PAGE", 7)
    agent = alice.agent()
    make_calls(agent, 25)
    make_metric(alice.project, "Confirms")
    rerun = _rerun(alice, agent)
    assert rerun.planned_at is None
    late = make_call(agent, "late")
    judge = FakeJudge()
    run(judge, rerun)
    rerun.refresh_from_db()
    assert (rerun.total_calls, rerun.total, rerun.scored, rerun.settled_calls) == (25, 25, 25, 25)
    assert len(set(judge.asked)) == len(judge.asked) == 25
    assert not MetricResult.objects.filter(call=late).exists()


def test_a_stopped_executor_hands_its_chunk_back(alice: Tenant) -> None:
    agent = alice.agent()
    make_calls(agent, 3)
    make_metric(alice.project, "Confirms")
    rerun = _rerun(alice, agent)

    class Stuck(FakeJudge):
        async def ask(self, request: JudgeRequest) -> Any:
            self.asked.append((request.call_id, request.metric_name))
            raise AssertionError("never answered") if len(self.asked) > 3 else JudgeUnavailable("down")

    executor = Executor("test:1", lambda: Stuck(), concurrency=1)
    executor.start()
    wait_until(lambda: MetricResult.objects.exists())
    executor.stop()
    if _state(rerun) != RerunState.DONE:
        assert not Chunk.objects.filter(state="leased").exists()


def test_a_chunk_that_takes_too_long_hands_back_what_it_has_not_begun(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 6)
    make_metric(alice.project, "Confirms")
    judge = FakeJudge(lambda request: verdict(True))
    rerun = _rerun(alice, agent)
    run(judge, rerun, hand_back_secs=0.02)
    rerun.refresh_from_db()
    assert (rerun.scored, rerun.settled_calls) == (6, 6)
    ids = [call_id for chunk in Chunk.objects.filter(rerun=rerun) for call_id in chunk.call_ids]
    assert sorted(ids) == sorted(CallLog.objects.values_list("pk", flat=True))


def test_a_chunk_that_a_broker_brings_is_worked_on_once(alice: Tenant) -> None:
    agent = alice.agent()
    make_calls(agent, 3)
    make_metric(alice.project, "Confirms")
    judge = FakeJudge(lambda request: verdict(True))
    rerun = _rerun(alice, agent)
    (chunk,) = Chunk.objects.filter(rerun=rerun)
    executor = Executor("test:1", lambda: judge, concurrency=8, looks_for_work=False)
    executor.start()
    try:
        doubled = [executor.work_on(chunk.pk) for _ in range(3)]
        assert [one.result(30 * PATIENCE) for one in doubled] == [True, True, True]
        assert executor.work_on(chunk.pk).result(30 * PATIENCE)  # done meanwhile
    finally:
        executor.stop()
    assert _state(rerun) == RerunState.DONE
    assert len(judge.asked) == 3

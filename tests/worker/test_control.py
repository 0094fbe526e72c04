"""Steering reruns that are under way: pause, resume, cancel, the money cap."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from callgauge.domain.judging import JudgeAnswer, JudgeRefused, JudgeRequest
from callgauge.domain.outcomes import Usage
from callgauge.flow import control, ledger
from callgauge.flow.errors import Conflict, Invalid
from callgauge.flow.planning import plan_page
from callgauge.flow.progress import progress_of
from callgauge.flow.rerun import PLAIN, Terms, request_rerun
from callgauge.flow.selection import Selection
from callgauge.store.models import (
    Agent,
    CallLog,
    Chunk,
    JudgeCall,
    MetricResult,
    MetricVersion,
    Rerun,
    RerunState,
)
from callgauge.worker.executor import Executor
from tests.calls import make_calls, make_metric
from tests.judges import verdict
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4
CENT = 0.01


class HeldJudge:
    """Answers as many questions as it is let, and then waits."""

    model = "fake:judge"
    scripted = False
    cache_min_tokens: int | None = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.in_flight = 0
        self._let = 0
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    def let(self, more: int) -> None:
        with self._lock:
            free, self._waiting = self._waiting[:more], self._waiting[more:]
            self._let += more - len(free)
        for loop, event in free:
            loop.call_soon_threadsafe(event.set)

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        self.asked.append((request.call_id, request.metric_name))
        self.in_flight += 1
        event = asyncio.Event()
        with self._lock:
            if self._let > 0:
                self._let -= 1
                event.set()
            else:
                self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()
        self.in_flight -= 1
        usage = Usage(requests=1, input_tokens=100, output_tokens=10, cost_usd=CENT)
        return JudgeAnswer(content=verdict(True), model=self.model, usage=usage)

    async def close(self) -> None:
        return None


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    agent = alice.agent()
    make_calls(agent, 40)
    make_metric(alice.project, "Confirms")
    return agent


@pytest.fixture
def held() -> HeldJudge:
    return HeldJudge()


@pytest.fixture
def executor(transactional_db: None, held: HeldJudge) -> Iterator[Executor]:
    executor = Executor("test:1", lambda: held, concurrency=AT_ONCE)
    executor.start()
    yield executor
    held.let(10_000)
    executor.stop()


@pytest.fixture
def judge(held: HeldJudge, executor: Executor) -> HeldJudge:
    """A judge that somebody asks."""
    return held


def start(alice: Tenant, agent: Agent, terms: Terms = PLAIN, **options: Any) -> Rerun:
    return request_rerun(alice.key, agent, Selection(), terms=terms, **options).rerun


def fresh(rerun: Rerun) -> Rerun:
    return Rerun.objects.get(pk=rerun.pk)


def free(rerun: Rerun) -> bool:
    return not Chunk.objects.filter(rerun=rerun, state="leased").exists()


def test_a_paused_rerun_asks_nothing_new_and_resumes_without_asking_twice(
    alice: Tenant, agent: Agent, judge: HeldJudge
) -> None:
    rerun = start(alice, agent)
    judge.let(10)
    wait_until(lambda: len(judge.asked) > 10)
    control.pause(alice.key, rerun)
    control.pause(alice.key, rerun)
    wait_until(lambda: free(rerun), what="letting go")
    judge.let(AT_ONCE)
    wait_until(lambda: judge.in_flight == 0)
    asked = len(judge.asked)
    assert asked <= 10 + AT_ONCE
    paused = fresh(rerun)
    assert (paused.state, paused.pause_reason, paused.paused_at is not None) == ("paused", "asked", True)
    judge.let(100)
    wait_until(lambda: JudgeCall.objects.filter(state="done").count() == asked, what="the answers kept")
    assert len(judge.asked) == asked
    control.resume(alice.key, rerun)
    wait_until(lambda: fresh(rerun).state == RerunState.DONE)
    assert len(judge.asked) == len(set(judge.asked)) == 40
    done = fresh(rerun)
    assert (done.scored, done.settled_calls, done.paused_secs > 0) == (40, 40, True)


def test_a_cancelled_rerun_keeps_what_it_has_and_decides_the_rest_by_older_results(
    alice: Tenant, agent: Agent, judge: HeldJudge, executor: Executor
) -> None:
    judge.let(40)
    first = start(alice, agent)
    wait_until(lambda: fresh(first).state == RerunState.DONE)
    CallLog.objects.update(success=None)
    rerun = start(alice, agent)
    judge.let(8)
    wait_until(lambda: len(judge.asked) > 48)
    cancelled = control.cancel(alice.key, rerun)
    assert (cancelled.state, cancelled.finished_at is not None) == ("cancelled", True)
    wait_until(lambda: not CallLog.objects.exclude(pending_rerun_id=None).exists(), what="verdicts")
    wait_until(lambda: not executor._chunks, what="letting go")
    asked = len(judge.asked)
    assert asked <= 48 + AT_ONCE
    judge.let(1000)
    wait_until(lambda: judge.in_flight == 0)
    wait_until(lambda: JudgeCall.objects.filter(state="done").count() == asked, what="the answers kept")
    assert len(judge.asked) == asked
    assert MetricResult.objects.filter(is_current=True).count() == 40
    assert not Chunk.objects.filter(rerun=rerun).exclude(state__in=["cancelled", "done"]).exists()
    assert control.cancel(alice.key, rerun).state == "cancelled"
    with pytest.raises(Conflict, match="cancelled"):
        control.resume(alice.key, rerun)
    with pytest.raises(Conflict, match="cancelled"):
        control.pause(alice.key, rerun)


def test_a_cap_pauses_and_is_passed_by_no_more_than_what_is_in_flight(
    alice: Tenant, agent: Agent, judge: HeldJudge
) -> None:
    rerun = start(alice, agent, Terms(max_cost_usd=10 * CENT))
    judge.let(1000)
    wait_until(lambda: fresh(rerun).state == RerunState.PAUSED)
    wait_until(lambda: free(rerun) and judge.in_flight == 0, what="letting go")
    wait_until(lambda: JudgeCall.objects.filter(state="done").count() == len(judge.asked), what="the answers")
    paused = fresh(rerun)
    assert paused.pause_reason == "budget"
    assert 10 <= len(judge.asked) < 10 + AT_ONCE
    assert control.spent_of(paused) == pytest.approx(len(judge.asked) * CENT)
    with pytest.raises(Invalid, match="name a higher one"):
        control.resume(alice.key, rerun)
    control.resume(alice.key, rerun, max_cost_usd=20 * CENT)
    wait_until(lambda: fresh(rerun).state == RerunState.PAUSED and len(judge.asked) >= 20)
    wait_until(lambda: free(rerun) and judge.in_flight == 0, what="letting go")
    assert 20 <= len(judge.asked) < 20 + AT_ONCE
    control.resume(alice.key, rerun, max_cost_usd=1.0)
    wait_until(lambda: fresh(rerun).state == RerunState.DONE)
    assert len(judge.asked) == len(set(judge.asked)) == 40
    assert fresh(rerun).cost_usd == pytest.approx(40 * CENT)


def test_what_could_not_be_used_is_spent_before_its_result_is_stored(
    alice: Tenant, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash in between must not make it free."""

    class Unusable(HeldJudge):
        async def ask(self, request: JudgeRequest) -> JudgeAnswer:
            raise JudgeRefused("No JSON.", usage=Usage(requests=1, cost_usd=CENT))

    def crash(*_: Any) -> None:
        raise RuntimeError("no result is stored")

    monkeypatch.setattr("callgauge.flow.results.store_results", crash)
    monkeypatch.setattr("callgauge.worker.executor.BACK_OFF_SECS", 60.0)
    executor = Executor("test:1", Unusable, concurrency=AT_ONCE)
    executor.start()
    rerun = start(alice, agent, Terms(max_cost_usd=10 * CENT))
    wait_until(lambda: fresh(rerun).state == RerunState.PAUSED)
    executor.stop()
    assert fresh(rerun).cost_usd == 0.0
    assert control.spent_of(fresh(rerun)) >= 10 * CENT


def test_a_rerun_whose_calls_cannot_be_cut_into_chunks_is_paused_until_somebody_resumes_it(
    alice: Tenant, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 10)
    rerun = start(alice, agent)
    Chunk.objects.update(attempts=ledger.MAX_PLAN_ATTEMPTS)
    executor = Executor("test:1", lambda: None, concurrency=AT_ONCE)
    executor.start()
    try:
        wait_until(lambda: fresh(rerun).state == RerunState.PAUSED)
        assert fresh(rerun).pause_reason == "fault"
        assert "cut the calls into pieces" in progress_of(fresh(rerun)).words
        chunk = Chunk.objects.get()
        assert (chunk.state, chunk.attempts, chunk.owner) == ("pending", 0, "")
        control.resume(alice.key, rerun)
        wait_until(lambda: fresh(rerun).state == RerunState.DONE)
    finally:
        executor.stop()
    assert fresh(rerun).total_calls == 40


def test_a_page_that_is_planned_is_progress(
    alice: Tenant, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 10)
    start(alice, agent)
    Chunk.objects.update(attempts=50)
    (chunk,) = ledger.claim("test:1", (0, 1, 2), 1)
    plan_page("test:1", chunk.pk, 10)
    assert Chunk.objects.get(pk=chunk.pk).attempts == 1


def test_a_cap_that_is_raised_while_the_rerun_is_under_way_is_the_one_that_pauses_it(
    alice: Tenant, agent: Agent, judge: HeldJudge
) -> None:
    rerun = start(alice, agent, Terms(max_cost_usd=10 * CENT))
    judge.let(5)
    wait_until(lambda: len(judge.asked) > 5)
    control.resume(alice.key, rerun, max_cost_usd=20 * CENT)
    judge.let(1000)
    wait_until(lambda: fresh(rerun).state == RerunState.PAUSED)
    wait_until(lambda: free(rerun) and judge.in_flight == 0, what="letting go")
    assert 20 <= len(judge.asked) < 20 + AT_ONCE


def test_a_rerun_that_ended_while_it_was_paused_ends_when_it_is_resumed(
    alice: Tenant, agent: Agent, judge: HeldJudge
) -> None:
    judge.let(1000)
    rerun = start(alice, agent)
    wait_until(lambda: fresh(rerun).state == RerunState.DONE)
    Rerun.objects.update(state="paused", finished_at=None)
    assert control.resume(alice.key, rerun).state == "done"


def test_more_failures_than_one_request_may_name_are_told_another_way(
    alice: Tenant, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    rerun = start(alice, agent)
    (version,) = rerun.metric_version_ids
    metric = MetricVersion.objects.get(pk=version).metric_id
    MetricResult.objects.bulk_create(
        MetricResult(call=call, metric_id=metric, version_id=version, rerun=rerun, outcome="failed")
        for call in CallLog.objects.all()
    )
    Rerun.objects.update(state="done")
    monkeypatch.setattr(control, "RESET_AT_ONCE", 39)
    with pytest.raises(Invalid, match='"reuse": "current"'):
        control.retry_failed(alice.key, fresh(rerun))
    assert Rerun.objects.count() == 1


def test_a_cap_without_a_price_is_refused(alice: Tenant, agent: Agent, settings: Any) -> None:
    from dataclasses import replace

    settings.CALLGAUGE = replace(
        settings.CALLGAUGE, judge="openai:nobody-knows", judge_base_url="http://127.0.0.1:9/v1"
    )
    with pytest.raises(Invalid, match="CALLGAUGE_JUDGE_PRICES"):
        start(alice, agent, Terms(max_cost_usd=1.0))
    settings.CALLGAUGE = replace(settings.CALLGAUGE, judge_prices="openai:nobody-knows=1/2")
    assert start(alice, agent, Terms(max_cost_usd=1.0)).max_cost_usd == 1.0

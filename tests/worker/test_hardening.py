"""What must hold when things go wrong: silent judges, lapsed leases, damaged rows, a stop in mid-work."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.flow import ledger, work
from callgauge.flow.rerun import Selection, request_evaluation, request_rerun, start_live
from callgauge.store.models import (
    Agent,
    CallLog,
    CallPayload,
    Chunk,
    JudgeCall,
    MetricResult,
    Priority,
    Rerun,
    RerunState,
)
from callgauge.worker import executor as executors
from callgauge.worker.executor import Executor
from tests.calls import make_call, make_calls, make_metric
from tests.judges import FakeJudge
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SLOTS = 8
BULK_SLOTS = 6  # three of four; the rest is kept for live calls


class SilentJudge(FakeJudge):
    """Answers nothing until it is opened, but calls whose id begins with "live" at once."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        if not request.call_id.startswith("live"):
            self.asked.append((request.call_id, request.metric_name))
            await asyncio.to_thread(self.opened.wait)
            self.asked.pop()
        return await super().ask(request)


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    make_metric(alice.project, "Confirms")
    return alice.agent()


@pytest.fixture
def judge() -> Iterator[SilentJudge]:
    judge = SilentJudge()
    yield judge
    judge.opened.set()


Start = Callable[..., Executor]


@pytest.fixture
def start(judge: SilentJudge) -> Iterator[Start]:
    running: list[Executor] = []

    def begin(asked: FakeJudge = judge, **options: Any) -> Executor:
        executor = Executor("test:1", lambda: asked, concurrency=SLOTS, **options)
        executor.start()
        running.append(executor)
        return executor

    yield begin
    judge.opened.set()
    Chunk.objects.filter(state="pending").update(state="cancelled")
    for executor in running:
        executor.stop()


def _live_call_is_measured(agent: Agent) -> None:
    call = make_call(agent, "live-1")
    with transaction.atomic():
        start_live(call)
    wait_until(
        lambda: MetricResult.objects.filter(call=call).exists(), within_secs=10, what="the live call's result"
    )


def test_a_silent_judge_on_a_large_rerun_does_not_hold_up_a_live_call(
    alice: Tenant, agent: Agent, judge: SilentJudge, start: Start
) -> None:
    make_calls(agent, 200)
    request_rerun(alice.key, agent, Selection())
    start()
    wait_until(lambda: len(judge.asked) >= BULK_SLOTS)
    _live_call_is_measured(agent)


def test_chosen_metrics_on_many_calls_do_not_keep_a_live_call_out(
    alice: Tenant, agent: Agent, judge: SilentJudge, start: Start
) -> None:
    calls = make_calls(agent, 1_000)
    request_evaluation(alice.key, alice.project, [call.pk for call in calls], None)
    start()
    wait_until(lambda: len(judge.asked) >= BULK_SLOTS)
    _live_call_is_measured(agent)


def test_an_executor_whose_lease_ran_out_does_not_take_its_own_chunk_again(
    alice: Tenant, agent: Agent, judge: SilentJudge, start: Start
) -> None:
    make_calls(agent, 4)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    executor = start()
    wait_until(lambda: len(judge.asked) >= 4)
    Chunk.objects.update(lease_until=timezone.now() - timedelta(seconds=60))
    chunk = Chunk.objects.get()
    assert ledger.claim("test:1", list(Priority), 5, at_work=[chunk.pk]) == []
    judge.opened.set()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    executor.stop()
    assert set(JudgeCall.objects.values_list("attempts", flat=True)) == {1}
    assert len(judge.asked) == 4


def test_a_call_that_cannot_be_read_fails_alone(alice: Tenant, agent: Agent, start: Start) -> None:
    good, bad = make_call(agent, "live-good"), make_call(agent, "live-bad")
    CallPayload.objects.filter(call=bad).update(turns="{not json")
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    start()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    assert MetricResult.objects.get(call=good).outcome == "scored"
    failed = MetricResult.objects.get(call=bad)
    assert (failed.outcome, failed.reason, failed.retryable) == ("failed", "internal_error", False)


def test_a_call_that_cannot_be_settled_is_left_without_a_verdict_and_the_rerun_ends(
    alice: Tenant, agent: Agent, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = make_call(agent, "live-1")
    monkeypatch.setattr(executors, "BACK_OFF_SECS", 0.0)

    def broken(*args: object) -> None:
        raise ValueError("a fault in settling")

    monkeypatch.setattr("callgauge.flow.settle.settle_calls", broken)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    # Each try stores results, which would set the count back: as after all those tries without progress.
    Chunk.objects.update(attempts=ledger.MAX_ATTEMPTS)
    start()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    call.refresh_from_db()
    assert (call.success, call.pending_rerun_id) == (None, None)
    assert call.error_message


def test_a_clean_stop_interrupts_only_what_was_sent(
    alice: Tenant, agent: Agent, judge: SilentJudge, start: Start
) -> None:
    make_calls(agent, 20)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    executor = start(fail_interrupted=True)
    wait_until(lambda: len(judge.asked) >= BULK_SLOTS)
    stopping = threading.Thread(target=executor.stop)
    stopping.start()
    wait_until(lambda: executor._stopping.is_set())
    judge.opened.set()
    stopping.join()
    assert not JudgeCall.objects.filter(state="started").exists()
    start(FakeJudge(), fail_interrupted=True)
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    assert set(MetricResult.objects.values_list("outcome", flat=True)) == {"scored"}


def test_a_judge_that_cancels_itself_leaves_an_outcome(alice: Tenant, agent: Agent, start: Start) -> None:
    class Cancelling(FakeJudge):
        async def ask(self, request: JudgeRequest) -> JudgeAnswer:
            raise asyncio.CancelledError

    make_calls(agent, 1)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    start(Cancelling())
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    assert MetricResult.objects.get().reason == "judge_unavailable"


def test_a_deleted_calls_answers_go_with_it(alice: Tenant, agent: Agent, start: Start) -> None:
    call = make_call(agent, "live-1")
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    start()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    assert JudgeCall.objects.filter(call=call, state="done").exists()
    kept = make_call(agent, "kept")
    assert alice.client.delete(f"/observability/v1/call-logs/{call.pk}/").status_code == 204
    assert not JudgeCall.objects.exists()
    assert CallLog.objects.filter(pk=kept.pk).exists()


def test_calls_are_loaded_by_their_size(
    alice: Tenant, agent: Agent, judge: SilentJudge, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []
    load = work.load_calls

    def counting(chunk: Chunk, specs: Any, ids: Any) -> Any:
        loaded.extend(ids)
        return load(chunk, specs, ids)

    monkeypatch.setattr(work, "load_calls", counting)
    large = json.dumps([{"role": "Main Agent", "content": "x" * 500_000, "start_time": 0, "end_time": 1}])
    for call in make_calls(agent, 8):
        CallPayload.objects.filter(call=call).update(turns=large)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    start(memory_mb=1)
    wait_until(lambda: len(judge.asked) >= 1)
    # A megabyte, a quarter of it kept for live calls: one of half a megabyte at a time.
    assert len(loaded) == 1
    _live_call_is_measured(agent)
    judge.opened.set()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    assert MetricResult.objects.filter(rerun=rerun, outcome="scored").count() == 8


def test_a_dead_executor_is_not_ready(
    client: Client, alice: Tenant, agent: Agent, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200

    def broken(*args: object) -> None:
        raise ValueError("a fault of the event loop")

    executor = start()
    assert client.get("/readyz").json() == {"status": "ready"}
    monkeypatch.setattr(executors, "STUCK_SECS", -1.0)
    assert "has not moved" in client.get("/readyz").json()["status"]
    monkeypatch.undo()
    assert executor.fault() == ""
    dead = Executor("test:2", lambda: FakeJudge(), concurrency=SLOTS)
    monkeypatch.setattr(dead, "_claim_until_stopped", broken)
    dead.start()
    dead._thread.join()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (
        503,
        "the executor ended; see the log, and start the server again",
    )
    assert client.get("/healthz").status_code == 200
    dead.stop()
    assert client.get("/readyz").status_code == 200


def test_an_executor_that_was_never_started_can_be_stopped() -> None:
    Executor("test:3", lambda: None, concurrency=1).stop()

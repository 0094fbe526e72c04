"""Long reruns through a provider's batch API. The fake server has its shapes from public documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError

from callgauge.flow import batches, ledger, work
from callgauge.flow.rerun import Selection, request_rerun
from callgauge.judge.batch_openai import OpenAIBatches
from callgauge.judge.prices import Prices
from callgauge.store.models import (
    BatchEnding,
    BatchStep,
    CallLog,
    Chunk,
    ChunkState,
    JudgeBatch,
    JudgeCall,
    JudgeCallState,
    MetricResult,
    Priority,
    Rerun,
    RerunKind,
    RerunState,
)
from callgauge.worker.batches import Batches
from callgauge.worker.executor import Executor
from callgauge.worker.judges import Judges
from tests.calls import make_calls, make_metric
from tests.judge.asking import judge_at
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until
from tests.worker.fake_provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

PROVIDERS = ["openai", "anthropic"]
PRICES = Prices(1.0, 4.0)
LOOK_SECS = 0.01
CALLS = 6
METRICS = ("Confirms", "Greets")
QUESTIONS = CALLS * len(METRICS)

Start = Callable[..., Executor]


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as fake:
        yield fake


@pytest.fixture
def start(provider: FakeProvider) -> Iterator[Start]:
    """Starts executors; they end with the test."""
    started: list[Executor] = []

    def begin(name: str = "openai", least: int | None = 1, **options: Any) -> Executor:
        executor = Executor(
            f"test:{len(started)}",
            lambda: judge_at(provider.url, name, prices=PRICES),
            concurrency=8,
            batch_least=least,
            batch_look_secs=LOOK_SECS,
            **options,
        )
        started.append(executor)
        executor.start()
        return executor

    yield begin
    for executor in started:
        executor.stop()


def _rerun(alice: Tenant, calls: int = CALLS) -> Rerun:
    agent = alice.agent()
    make_calls(agent, calls)
    for name in METRICS:
        make_metric(alice.project, name)
    return request_rerun(alice.key, agent, Selection()).rerun


def _until_done(*reruns: Rerun) -> None:
    ids = [rerun.pk for rerun in reruns]
    wait_until(lambda: not Rerun.objects.filter(pk__in=ids).exclude(state=RerunState.DONE).exists())


def _values(rerun: Rerun) -> dict[tuple[int, int], Any]:
    rows = MetricResult.objects.filter(rerun=rerun).values_list("call_id", "metric_id", "passed", "outcome")
    return {(call, metric): (passed, outcome) for call, metric, passed, outcome in rows}


def _again(alice: Tenant, rerun: Rerun) -> Rerun:
    assert rerun.agent is not None
    Rerun.objects.filter(pk=rerun.pk).update(fingerprint="")
    return request_rerun(alice.key, rerun.agent, Selection()).rerun


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_long_rerun_gets_the_answers_of_single_questions_at_half_the_price(
    alice: Tenant, provider: FakeProvider, start: Start, name: str
) -> None:
    rerun = _rerun(alice)
    executor = start(name, least=QUESTIONS)
    _until_done(rerun)
    executor.stop()
    assert (provider.made, provider.asked_singly) == (1, 1), "one question goes ahead, the others in a batch"
    batch = JudgeBatch.objects.get()
    assert (batch.ending, batch.questions, batch.answered) == (BatchEnding.ANSWERED, QUESTIONS, QUESTIONS)
    assert JudgeCall.objects.filter(state=JudgeCallState.DONE, attempts=1).count() == QUESTIONS

    single = _again(alice, rerun)
    start(name, least=QUESTIONS + 1)
    _until_done(single)
    assert provider.made == 1, "a rerun below the least is asked singly"
    assert _values(rerun) == _values(single)
    assert {outcome for _, outcome in _values(rerun).values()} == {"scored"}
    rerun.refresh_from_db()
    single.refresh_from_db()
    assert (rerun.judge_requests, rerun.input_tokens) == (single.judge_requests, single.input_tokens)
    ahead = max(MetricResult.objects.filter(rerun=rerun).values_list("cost_usd", flat=True))
    assert rerun.cost_usd - ahead / 2 == pytest.approx(single.cost_usd / 2, rel=0.05)
    halves = [
        row.cost_usd / (row.input_tokens * 1e-6 + row.output_tokens * 4e-6)
        for row in MetricResult.objects.filter(rerun=rerun)
    ]
    assert sorted(halves) == pytest.approx([0.5] * (QUESTIONS - 1) + [1.0])


@pytest.mark.parametrize("kind", [RerunKind.LIVE, RerunKind.EVALUATE])
def test_what_somebody_waits_for_is_never_batched(
    alice: Tenant, provider: FakeProvider, start: Start, kind: RerunKind
) -> None:
    rerun = _rerun(alice)
    Rerun.objects.update(kind=kind)
    start()
    _until_done(rerun)
    assert (provider.made, provider.asked_singly) == (0, QUESTIONS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_a_batch_leaves_open_is_asked_singly(
    alice: Tenant, provider: FakeProvider, start: Start, name: str
) -> None:
    rerun = _rerun(alice)
    plan = provider.server.batches.plan
    plan.expires_after, plan.error_every, plan.misshape_every = 9, 4, 3
    start(name)
    _until_done(rerun)
    # Of the 11 in the batch, 9 are worked on: the 4th and 8th end in an error, the 3rd, 6th and 9th are odd.
    answered = 4
    assert provider.made == 1
    assert provider.asked_singly == 1 + (QUESTIONS - 1 - answered)
    assert {outcome for _, outcome in _values(rerun).values()} == {"scored"}
    assert JudgeCall.objects.filter(state=JudgeCallState.DONE).count() == QUESTIONS
    assert JudgeBatch.objects.get().answered == answered + 1
    rerun.refresh_from_db()
    assert rerun.judge_requests == QUESTIONS + 3, "answers that could not be used were paid for too"
    assert (rerun.scored, rerun.settled_calls) == (QUESTIONS, CALLS)


def test_a_waiting_chunk_has_no_lease_and_progress_shows_it(
    alice: Tenant, provider: FakeProvider, start: Start
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.looks = 1_000_000
    start()
    wait_until(lambda: JudgeBatch.objects.filter(step=BatchStep.WAITING).exists())
    chunk = Chunk.objects.get()
    assert (chunk.state, chunk.owner, chunk.lease_until) == (ChunkState.WAITING, "", None)
    assert ledger.claim("other:1", list(Priority), 10) == []
    assert batches.at_provider([rerun.pk, 0]) == {rerun.pk: batches.AtProvider(1, QUESTIONS)}
    provider.server.batches.plan.looks = 0
    _until_done(rerun)
    assert batches.at_provider([rerun.pk]) == {}


def test_a_cancelled_rerun_cancels_its_batch_and_keeps_what_was_answered(
    alice: Tenant, provider: FakeProvider, start: Start
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.looks = 1_000_000
    start()
    wait_until(lambda: JudgeBatch.objects.filter(step=BatchStep.WAITING).exists())
    Rerun.objects.filter(pk=rerun.pk).update(state=RerunState.CANCELLED)
    wait_until(lambda: JudgeBatch.objects.filter(step=BatchStep.ENDED).exists())
    assert provider.server.batches.made[0].cancelled
    answered = (QUESTIONS - 1) // 2 + 1
    assert JudgeBatch.objects.get().answered == answered
    assert set(JudgeCall.objects.values_list("state", flat=True)) == {JudgeCallState.DONE}
    assert JudgeCall.objects.count() == answered
    assert provider.asked_singly == 1
    assert ledger.claim("other:1", list(Priority), 10) == []


def test_a_batch_of_a_rerun_cancelled_before_is_never_sent(
    alice: Tenant, provider: FakeProvider, start: Start
) -> None:
    rerun = _rerun(alice)
    _drive(provider, "openai", steps=0)
    Rerun.objects.filter(pk=rerun.pk).update(state=RerunState.CANCELLED)
    start()
    wait_until(lambda: JudgeBatch.objects.filter(ending=BatchEnding.DROPPED).exists())
    assert (provider.made, provider.asked_singly, JudgeCall.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_without_batches_is_asked_singly(
    alice: Tenant, provider: FakeProvider, start: Start, name: str
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.refuse_status = 404
    start(name)
    _until_done(rerun)
    assert provider.asked_singly == QUESTIONS
    assert JudgeBatch.objects.get().ending == BatchEnding.REFUSED


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_is_busy_is_asked_later(
    alice: Tenant, provider: FakeProvider, start: Start, name: str
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.refuse_status = 429
    start(name)
    wait_until(lambda: JudgeBatch.objects.filter(faults__gte=2).exists())
    provider.server.batches.plan.refuse_status = 0
    _until_done(rerun)
    assert (provider.made, provider.asked_singly) == (1, 1)


def test_a_full_queue_at_openai_is_tried_again(alice: Tenant, provider: FakeProvider, start: Start) -> None:
    rerun = _rerun(alice)
    plan = provider.server.batches.plan
    plan.fail_code = "token_limit_exceeded"
    start()
    wait_until(lambda: provider.made > 0)
    plan.fail_code = ""
    _until_done(rerun)
    assert provider.asked_singly == 1
    assert [batch.ended for batch in provider.server.batches.made].count(True) == 1


def test_a_batch_that_fails_for_good_is_asked_singly(
    alice: Tenant, provider: FakeProvider, start: Start
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.fail_code = "invalid_json_line"
    start()
    _until_done(rerun)
    assert (provider.made, provider.asked_singly) == (1, QUESTIONS)


def test_large_chunks_become_several_batches_and_wait_for_all(
    alice: Tenant, provider: FakeProvider, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenAIBatches, "max_items", 5)
    rerun = _rerun(alice)
    start()
    _until_done(rerun)
    sizes = sorted(JudgeBatch.objects.values_list("questions", flat=True))
    assert sizes == [2, 5, 5]
    assert (provider.made, provider.asked_singly) == (3, 1)


def test_each_judge_gets_a_batch_of_its_own(alice: Tenant, provider: FakeProvider) -> None:
    rerun = _rerun(alice)
    make_metric(alice.project, "Thanks", configuration={"judge_model": "anthropic:fake"})
    rerun = _again(alice, rerun)

    def open_judges() -> Judges:
        return Judges(
            judge_at(provider.url, "openai"), lambda name: judge_at(provider.url, name.partition(":")[0])
        )

    executor = Executor("test:1", open_judges, concurrency=8, batch_least=1, batch_look_secs=LOOK_SECS)
    executor.start()
    try:
        _until_done(rerun)
    finally:
        executor.stop()
    made = dict(JudgeBatch.objects.filter(rerun=rerun).values_list("model", "questions"))
    assert made == {"openai:fake": QUESTIONS, "anthropic:fake": CALLS}


def test_batches_are_looked_after_although_no_new_ones_are_wanted(
    alice: Tenant, provider: FakeProvider, start: Start
) -> None:
    rerun = _rerun(alice)
    _drive(provider, "openai", steps=1)
    assert JudgeBatch.objects.get().step == BatchStep.WAITING
    start(least=None)
    _until_done(rerun)
    assert (provider.made, provider.asked_singly) == (1, 1)


def test_without_the_judge_a_batch_is_given_up_and_the_rerun_ends(
    alice: Tenant, provider: FakeProvider
) -> None:
    rerun = _rerun(alice)
    _drive(provider, "openai", steps=1)
    executor = Executor("test:1", lambda: None, concurrency=8, batch_look_secs=LOOK_SECS)
    executor.start()
    try:
        _until_done(rerun)
    finally:
        executor.stop()
    assert JudgeBatch.objects.get().ending == BatchEnding.LOST
    assert set(MetricResult.objects.values_list("reason", flat=True)) == {"no_judge"}


# --- the server dies ---------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing runs after it, as after kill -9."""


def _drive(provider: FakeProvider, name: str, *, steps: int = 1_000, fail_interrupted: bool = False) -> None:
    """What an executor does with the first chunk, so many steps of its batch, and no orderly end."""

    async def drive() -> None:
        judge = judge_at(provider.url, name, prices=PRICES)
        looking = Batches("dead:1", Judges(judge), least=1, fail_interrupted=fail_interrupted, look_secs=0.0)
        try:
            chunk = (await looking._thread.run(ledger.claim, "dead:1", list(Priority), 1))[0]
            specs = await looking._thread.run(work.load_specs, chunk.rerun.metric_version_ids)
            assert await looking.take(chunk, specs)
            for _ in range(steps):
                if not await looking.step():
                    break
        finally:
            await judge.close()
            for api in looking._apis.values():
                if api is not None:
                    await api.close()
            await looking._thread.close()

    asyncio.run(drive())


COMMITS = ("open_batches", "submitting", "submitted", "store", "end")


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", COMMITS)
def test_a_crash_at_any_commit_makes_no_second_batch(
    alice: Tenant,
    provider: FakeProvider,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    when: str,
    commit: str,
) -> None:
    rerun = _rerun(alice)
    monkeypatch.setattr("callgauge.worker.batches.ANSWERS_PER_COMMIT", 3)
    provider.server.batches.plan.misshape_every = 5
    real = getattr(batches, commit)
    times = iter(range(100))
    fatal = 2 if commit == "store" else 0  # the first stores the question that went ahead

    def die(*args: Any, **kwargs: Any) -> Any:
        now = next(times) == fatal
        if now and when == "before":
            raise Killed
        result = real(*args, **kwargs)
        if now:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(batches, commit, die)
        with pytest.raises(Killed):
            _drive(provider, name)
    ledger.take_over("dead:")
    batches.take_over("dead:")
    executor = start(name)
    _until_done(rerun)
    executor.stop()

    rerun.refresh_from_db()
    assert provider.made == 1
    assert JudgeCall.objects.filter(state=JudgeCallState.DONE).count() == QUESTIONS
    assert {outcome for _, outcome in _values(rerun).values()} == {"scored"}
    assert (rerun.scored, rerun.settled_calls) == (QUESTIONS, CALLS)
    # Two of the eleven answers in the batch were odd: paid for, and asked again singly.
    assert rerun.judge_requests == QUESTIONS + 2
    assert JudgeBatch.objects.get().ending == BatchEnding.ANSWERED


@pytest.mark.parametrize("fail_interrupted", [False, True])
def test_a_batch_that_cannot_be_found_ends_as_the_operator_set(
    alice: Tenant,
    provider: FakeProvider,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    fail_interrupted: bool,
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.lose_replies = 1
    provider.server.batches.plan.looks = 1_000_000  # it never ends, so nobody can tell whose it is
    monkeypatch.setattr("callgauge.worker.batches.LOST_AFTER", timedelta(0))
    start("anthropic", fail_interrupted=fail_interrupted)
    _until_done(rerun)
    assert provider.made == 1
    outcomes = set(MetricResult.objects.values_list("outcome", "reason"))
    if fail_interrupted:
        assert provider.asked_singly == 0
        assert outcomes == {("failed", "judge_interrupted")}
    else:
        assert provider.asked_singly == QUESTIONS
        assert outcomes == {("scored", "")}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_batch_whose_id_was_lost_is_found_again(
    alice: Tenant, provider: FakeProvider, start: Start, name: str
) -> None:
    rerun = _rerun(alice)
    provider.server.batches.plan.lose_replies = 1
    provider.server.batches.plan.looks = 3
    start(name)
    _until_done(rerun)
    assert (provider.made, provider.asked_singly) == (1, 1)


def test_a_call_that_changed_meanwhile_is_asked_anew(
    alice: Tenant, provider: FakeProvider, start: Start
) -> None:
    rerun = _rerun(alice)
    _drive(provider, "openai", steps=1)
    last = CallLog.objects.order_by("-pk").values_list("pk", flat=True)[:1]
    CallLog.objects.filter(pk__in=list(last)).update(content_hash="other")
    start()
    _until_done(rerun)
    rerun.refresh_from_db()
    assert provider.asked_singly == 1 + len(METRICS)
    assert rerun.judge_requests == QUESTIONS + len(METRICS), "the answers about the old content were paid for"


def test_whatever_is_wrong_with_the_connection_batches_are_looked_for_again(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(owner: str) -> None:
        raise InterfaceError("connection already closed")  # not one of Django's DatabaseErrors

    async def step() -> bool:
        looking = Batches("test:1", None, least=None, fail_interrupted=False)
        try:
            return await looking.step()
        finally:
            await looking.stop(0.0)

    monkeypatch.setattr(batches, "claim", fail)
    assert asyncio.run(step()) is False

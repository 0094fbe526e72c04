"""From a scorer's question to a judge's answer, through the checkpoint and the slots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from callgauge.domain.calls import Call
from callgauge.domain.judging import (
    Judge,
    JudgeAnswer,
    JudgeError,
    JudgeInterrupted,
    JudgeRequest,
    JudgeUnavailable,
)
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Usage
from callgauge.flow.checkpoint import Question
from callgauge.store.models import Chunk
from callgauge.worker.judges import Judges
from callgauge.worker.lead import Lead
from callgauge.worker.operations import BEGIN, COUNT_SPENT, FORGET, PAUSE, STORE_ANSWER, Pausing
from callgauge.worker.questions import question_about
from callgauge.worker.slots import URGENT, Place, Slots
from callgauge.worker.watching import watched_judge_call
from callgauge.worker.writer import Writer

MOST_BUDGETS = 10_000
"""Reruns that are remembered; live calls bring one each."""


@dataclass(frozen=True, slots=True)
class _Lanes:
    """How much of one provider may be under way at once."""

    sent: Slots
    begun: Slots
    """Half as many again may be committed as started: a free slot then never waits for a commit."""

    @classmethod
    def of(cls, in_flight: int) -> _Lanes:
        return cls(Slots(in_flight), Slots(in_flight + (in_flight + 1) // 2))


class _Budget:
    """What one rerun may still spend. Counts an answer as soon as it is here, before it is stored: otherwise
    the next question would go out on money that is gone."""

    def __init__(self, spent_usd: float) -> None:
        self.spent_usd = spent_usd
        self.cap_usd: float | None = None

    @property
    def is_reached(self) -> bool:
        return self.cap_usd is not None and self.spent_usd >= self.cap_usd

    def add(self, usage: Usage) -> None:
        self.spent_usd += usage.cost_usd or 0.0


class Asking:
    """Asks the judges. A request under way is carried to its end even when nobody waits for it any more:
    its answer is paid for and must be stored."""

    def __init__(
        self,
        judges: Judges,
        writer: Writer,
        *,
        in_flight: int,
        reasks: int,
        fail_interrupted: bool,
        on_cap: Callable[[int], None] = lambda rerun_id: None,
    ) -> None:
        """`in_flight` requests to each provider at once: one that is paused does not hold up another.
        `on_cap` is told of a rerun whose money cap is reached, once that is stored."""
        self._on_cap = on_cap
        self.reasks = reasks
        self._judges = judges
        self._writer = writer
        self._in_flight = in_flight
        self._lanes: dict[str, _Lanes] = {}
        self._fail_interrupted = fail_interrupted
        self._under_way: set[asyncio.Task[JudgeAnswer]] = set()
        self._stored: dict[str, asyncio.Task[JudgeAnswer]] = {}
        """Questions that have been sent, until their answers are stored."""
        self._stopped = False
        self._budgets: dict[int, _Budget] = {}

    def can_hear(self, spec: MetricSpec) -> bool:
        """Whether there is a judge that listens for the metric."""
        return self._judges.can_hear(spec)

    async def ask(
        self, chunk: Chunk, call: Call, spec: MetricSpec, request: JudgeRequest, sample: int, lead: Lead
    ) -> JudgeAnswer:
        """`lead` is shared by all questions about the call."""

        def question(judge: Judge) -> Question:
            return question_about(chunk, call, spec, judge, request, sample)

        budget = self._budget_of(chunk)
        return await self.ask_recorded(spec, request, question, lead, Place.of(chunk), budget)

    async def ask_recorded(
        self,
        spec: MetricSpec,
        request: JudgeRequest,
        question: Callable[[Judge], Question],
        lead: Lead,
        place: Place,
        budget: _Budget | None = None,
    ) -> JudgeAnswer:
        """`question` names it for the checkpoint, once the judge is known. No budget: no cap."""
        judge = self._judges.of(spec)
        asked = question(judge)
        async with lead.turn(judge, request):
            return await self._ask(judge, asked, request, lead, place, budget or _Budget(0.0))

    async def ask_unrecorded(self, spec: MetricSpec, request: JudgeRequest, lead: Lead) -> JudgeAnswer:
        """Without a checkpoint, for what is stored nowhere: a crash pays for it again."""
        judge = self._judges.of(spec)
        async with lead.turn(judge, request), self._lanes_of(judge).sent.take(URGENT):
            if self._stopped:
                await asyncio.Event().wait()
            return await self._send(judge, request, lead)

    async def ask_kept(
        self,
        request: JudgeRequest,
        begin: Callable[[], Awaitable[None]],
        store: Callable[[JudgeAnswer], Awaitable[None]],
    ) -> JudgeAnswer:
        """Of the installation's own judge, with a checkpoint of the caller's: `begin` commits that it will be
        sent or raises, `store` commits the answer, even when nobody waits for it any more."""
        judge = self._judges.default

        async def send() -> JudgeAnswer:
            answer = await self._send(judge, request, Lead())
            await store(answer)
            return answer

        async with self._lanes_of(judge).sent.take(URGENT):
            if self._stopped:
                await asyncio.Event().wait()  # until cancelled: nothing is sent while stopping
            await begin()
            return await asyncio.shield(self._keep(asyncio.create_task(send())))

    async def _ask(
        self, judge: Judge, asked: Question, request: JudgeRequest, lead: Lead, place: Place, budget: _Budget
    ) -> JudgeAnswer:
        running = self._stored.get(asked.key)
        if running is not None:
            # A chunk that failed or lost its lease has asked this: the answer is paid for and on its way.
            return await asyncio.shield(running)
        stored = await self._send_within(judge, asked, request, lead, place, budget)
        if stored is None:
            assert asked.rerun_id is not None, "only a rerun has a cap"
            assert budget.cap_usd is not None
            # The chunk is let go of even where the cap was raised meanwhile: its next owner has the new one.
            await self._writer.write(PAUSE, Pausing(asked.rerun_id, budget.cap_usd), place.priority)
            self._on_cap(asked.rerun_id)
            await asyncio.Event().wait()  # until the executor lets go of the chunk
            raise AssertionError("unreachable")
        return stored if isinstance(stored, JudgeAnswer) else await asyncio.shield(stored)

    async def _send_within(
        self, judge: Judge, asked: Question, request: JudgeRequest, lead: Lead, place: Place, budget: _Budget
    ) -> JudgeAnswer | asyncio.Task[JudgeAnswer] | None:
        """The answer that is known, else the task that brings it; None where the rerun's cap is reached."""
        lanes = self._lanes_of(judge)
        async with lanes.begun.take(place):
            stored: asyncio.Task[JudgeAnswer] | None = None
            try:
                begun = await self._writer.write(BEGIN, asked, place.priority)
                if begun.answer is not None:
                    return begun.answer
                if begun.interrupted and self._fail_interrupted:
                    raise JudgeInterrupted(
                        "The server stopped while this was asked, and CALLGAUGE_JUDGE_INTERRUPTED is fail."
                    )
                budget.spent_usd = max(budget.spent_usd, begun.spent_usd)
                async with lanes.sent.take(place):
                    if self._stopped:
                        await asyncio.Event().wait()  # until cancelled: nothing is sent while stopping
                    if budget.is_reached:
                        self._writer.post(FORGET, asked, place.priority)
                        return None
                    ended = asyncio.get_running_loop().create_future()
                    carried = self._carry(judge, asked, request, lead, place, budget, ended)
                    stored = self._keep(asyncio.create_task(carried))
                    self._stored[asked.key] = stored
                    stored.add_done_callback(partial(self._answered, asked.key))
                    await ended  # the slot is free as soon as the answer is here
            except asyncio.CancelledError:
                if stored is None:
                    self._writer.post(
                        FORGET, asked, place.priority
                    )  # begun, but never sent: nothing was interrupted
                raise
            return stored

    def _budget_of(self, chunk: Chunk) -> _Budget:
        rerun = chunk.rerun
        spent = max(rerun.spent_usd, rerun.cost_usd)
        if rerun.pk not in self._budgets:
            if len(self._budgets) > MOST_BUDGETS:
                self._budgets.clear()
            self._budgets[rerun.pk] = _Budget(spent)
        budget = self._budgets[rerun.pk]
        budget.cap_usd = rerun.max_cost_usd
        return budget

    def _lanes_of(self, judge: Judge) -> _Lanes:
        provider = judge.model.partition(":")[0]
        if provider not in self._lanes:
            self._lanes[provider] = _Lanes.of(self._in_flight)
        return self._lanes[provider]

    async def stop(self, grace_secs: float) -> None:
        """Begin nothing new and let what is under way end, for at most `grace_secs`."""
        self._stopped = True
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=grace_secs)

    def _keep(self, task: asyncio.Task[JudgeAnswer]) -> asyncio.Task[JudgeAnswer]:
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def _answered(self, key: str, task: asyncio.Task[JudgeAnswer]) -> None:
        self._stored.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: a fault that nobody awaits is no news

    @staticmethod
    async def _send(judge: Judge, request: JudgeRequest, lead: Lead) -> JudgeAnswer:
        async with lead.sending(judge):
            with watched_judge_call(judge.model) as ended:
                try:
                    answer = await judge.ask(request)
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():
                        raise
                    # Nobody cancelled us: the client did it to itself, and a metric must not end without
                    # outcome.
                    raise JudgeUnavailable("The request to the judge was broken off.") from None
                ended(answer)
                return answer

    async def _carry(
        self,
        judge: Judge,
        asked: Question,
        request: JudgeRequest,
        lead: Lead,
        place: Place,
        budget: _Budget,
        ended: asyncio.Future[None],
    ) -> JudgeAnswer:
        """From the request to its stored answer. `ended` is told when the request is over, whatever came."""
        try:
            answer = await self._sent(judge, request, lead, budget, ended)
        except JudgeError as fault:
            # Nothing to store, but it may have cost: the cap knows of it before the failed result comes.
            if asked.rerun_id is not None and fault.usage.cost_usd:
                await self._writer.write(COUNT_SPENT, (asked.rerun_id, fault.usage.cost_usd), place.priority)
            raise
        await self._writer.write(STORE_ANSWER, (asked, answer), place.priority)
        return answer

    async def _sent(
        self, judge: Judge, request: JudgeRequest, lead: Lead, budget: _Budget, ended: asyncio.Future[None]
    ) -> JudgeAnswer:
        """When `ended` is told, the budget knows the cost: a useless answer has cost as much."""
        try:
            answer = await self._send(judge, request, lead)
            budget.add(answer.usage)
        except JudgeError as fault:
            budget.add(fault.usage)
            raise
        finally:
            if not ended.done():  # whoever waited may be gone
                ended.set_result(None)
        return answer

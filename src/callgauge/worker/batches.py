"""Looks after the batches at providers: hands them over, looks whether they have ended, stores answers.

Each step ends with a commit. Whoever comes after a crash finds the row as the last commit left it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import DatabaseError
from django.utils import timezone

from callgauge.domain.judging import Judge, JudgeAnswer, JudgeError, JudgeRequest
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.domain.outcomes import Usage
from callgauge.flow import batches, work
from callgauge.flow.batches import BatchLost, Draft
from callgauge.flow.checkpoint import Question
from callgauge.judge import open_batches
from callgauge.judge.batch import (
    BatchApi,
    BatchFault,
    BatchRefused,
    BatchState,
    BatchUnavailable,
    BatchUnsure,
)
from callgauge.store.models import BatchEnding, BatchStep, Chunk, JudgeBatch, RerunKind, RerunState
from callgauge.telemetry.metrics import count_answer
from callgauge.worker.database import DatabaseThread
from callgauge.worker.judges import Judges
from callgauge.worker.loop import moment
from callgauge.worker.questions import Asked, questions_of

log = logging.getLogger(__name__)

LOOK_SECS = 60.0
"""Between two looks at one batch; providers need minutes to hours."""
SEARCH_SECS = 5.0
"""Between two searches for batches that are due; one made in this process announces itself."""
STEPS_AT_ONCE = 2
"""Each may hold a batch of 100 MB in memory."""
STEP_SECS = 540.0
"""Below the lease of ten minutes."""
CROWDED_SECS = 600.0
"""Until a batch that found the provider's queue full is handed over again."""
LONGEST_WAIT_SECS = 1800.0
UNSURE_SECS = 30.0
"""Until a batch that was perhaps made is looked for: the provider's list may lag behind."""
MOST_FAULTS = 12
"""Tries in a row to hand a batch over, some three hours with the pauses between them."""
LOST_AFTER = timedelta(hours=48)
"""Providers end a batch within 24 hours of taking it."""
CALLS_PER_LOAD = 20
ANSWERS_PER_COMMIT = 200
_UNREAD = JudgeRequest(messages=(), schema={}, schema_name="")
"""For a question that is asked no more, as its call has changed: only what it cost still counts."""


class Batches:
    def __init__(
        self,
        owner: str,
        judges: Judges | None,
        *,
        least: int | None,
        fail_interrupted: bool,
        look_secs: float = LOOK_SECS,
    ) -> None:
        """`least`: judge evaluations that a rerun must have for its chunks to be batched; None: no new
        batches. Those that exist are looked after all the same."""
        self._owner = owner
        self._judges = judges
        self._least = least
        self._fail_interrupted = fail_interrupted
        self._look_secs = look_secs
        self._thread = DatabaseThread("batches")
        self._apis: dict[str, BatchApi | None] = {}
        self._tried: set[str] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(STEPS_AT_ONCE)]

    async def stop(self, grace_secs: float) -> None:
        """Let steps under way end, for at most `grace_secs`; what is cut off is found by the next start."""
        self._stopping = True
        self._wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_secs)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(DatabaseError):  # the leases run out by themselves
            await self._thread.run(batches.release, self._owner)
        for api in self._apis.values():
            if api is not None:
                await api.close()
        await self._thread.close()

    # --- a chunk becomes batches -----------------------------------------------------------------------

    async def take(self, chunk: Chunk, specs: Sequence[MetricSpec]) -> bool:
        """True where the chunk now waits at a provider. Raises ledger.LeaseLost."""
        if self._judges is None or not self._is_long(chunk, specs):
            return False
        if await self._thread.run(batches.was_batched, chunk.pk):
            return False
        drafts = self._drafts(await self._questions(chunk, specs))
        taken = bool(drafts) and await self._thread.run(batches.open_batches, self._owner, chunk.pk, drafts)
        if taken:
            self._wake.set()
        return taken

    def _is_long(self, chunk: Chunk, specs: Sequence[MetricSpec]) -> bool:
        if self._least is None or chunk.rerun.kind != RerunKind.RERUN:
            return False
        if chunk.rerun.max_cost_usd is not None:
            return False  # what lies in a batch is spent: no cap could stop it
        judged = sum(spec.kind is MetricKind.LLM_JUDGE for spec in specs)
        return chunk.rerun.total_calls * judged >= self._least

    def _drafts(self, asked: Sequence[Asked]) -> list[Draft]:
        by_model: dict[str, list[Asked]] = {}
        for one in asked:
            by_model.setdefault(one.judge.model, []).append(one)
        drafts: list[Draft] = []
        for model, its in by_model.items():
            api = self._api(its[0].judge)
            if api is not None:
                drafts += [Draft(model, questions) for questions in _parts(api, its)]
        return drafts

    def _api(self, judge: Judge) -> BatchApi | None:
        if judge.model not in self._apis:
            self._apis[judge.model] = open_batches(judge)
        return self._apis[judge.model]

    async def _questions(self, chunk: Chunk, specs: Sequence[MetricSpec]) -> list[Asked]:
        assert self._judges is not None
        asked: list[Asked] = []
        for start in range(0, len(chunk.call_ids), CALLS_PER_LOAD):
            ids = chunk.call_ids[start : start + CALLS_PER_LOAD]
            asked += await questions_of(
                chunk, await self._thread.run(work.load_calls, chunk, specs, ids), self._judges
            )
        return asked

    # --- a batch moves on ------------------------------------------------------------------------------

    async def _work(self) -> None:
        while not self._stopping:
            self._wake.clear()
            if not await self.step():
                await moment(self._wake, min(SEARCH_SECS, self._look_secs))

    async def step(self) -> bool:
        """Move one batch on that is due; False where none is."""
        try:
            batch = await self._thread.run(batches.claim, self._owner)
            if batch is None:
                return False
            await self._step_safely(batch)
        except Exception as error:  # noqa: BLE001 -- batches are looked after whatever it was
            log.warning("cannot look after batches, trying again: %s", type(error).__name__)
            return False
        return True

    async def _step_safely(self, batch: JudgeBatch) -> None:
        try:
            async with asyncio.timeout(STEP_SECS):
                await self._step(batch)
        except BatchLost:
            log.info("batch %s was taken over", batch.pk)
        except DatabaseError:
            raise
        except Exception as error:
            log.error("batch %s failed: %s", batch.pk, type(error).__name__, exc_info=error)
            with contextlib.suppress(BatchLost):
                await self._thread.run(batches.out_of_reach, self._owner, batch.pk, self._pause(batch))

    async def _step(self, batch: JudgeBatch) -> None:
        specs = await self._thread.run(work.load_specs, batch.rerun.metric_version_ids)
        judge = self._judge(batch.model, specs)
        api = None if judge is None else self._api(judge)
        if judge is None or api is None:
            log.warning("batch %s: no judge is set any more for its model", batch.pk)
            await self._lose(batch)
            return
        match BatchStep(batch.step):
            case BatchStep.CREATED:
                await self._hand_over(batch, judge, api, specs)
            case BatchStep.SUBMITTING:
                await self._find(batch, api)
            case BatchStep.WAITING:
                await self._look(batch, api, specs)
            case BatchStep.ENDED:
                raise AssertionError("an ended batch is not claimed")

    def _judge(self, model: str, specs: Sequence[MetricSpec]) -> Judge | None:
        if self._judges is None:
            return None
        judges = [self._judges.default]
        for spec in specs:
            with contextlib.suppress(Exception):  # a metric that may not have its judge is another matter
                judges.append(self._judges.of(spec))
        return next((judge for judge in judges if judge.model == model), None)

    async def _hand_over(
        self, batch: JudgeBatch, judge: Judge, api: BatchApi, specs: Sequence[MetricSpec]
    ) -> None:
        asked = [] if batch.rerun.state == RerunState.CANCELLED else await self._unanswered(batch, specs)
        asked = await self._try_one(judge, asked)
        if not asked:
            await self._end(batch, BatchEnding.DROPPED)
            return
        await self._thread.run(batches.submitting, self._owner, batch.pk)
        try:
            provider_id = await api.submit(batch.uid, [(one.question.key, one.request) for one in asked])
        except BatchUnavailable as fault:
            await self._not_now(batch, fault)
        except BatchUnsure as fault:
            log.warning("batch %s may have been made: %s", batch.pk, fault)
            await self._thread.run(
                batches.out_of_reach, self._owner, batch.pk, min(UNSURE_SECS, self._look_secs)
            )
        except BatchRefused as fault:
            log.warning("batch %s is refused, its questions are asked singly: %s", batch.pk, fault)
            await self._end(batch, BatchEnding.REFUSED)
        else:
            await self._thread.run(batches.submitted, self._owner, batch.pk, provider_id, self._look_secs)

    async def _unanswered(self, batch: JudgeBatch, specs: Sequence[MetricSpec]) -> list[Asked]:
        """Written anew from the calls: the words of a batch are stored nowhere."""
        left = set(await self._thread.run(batches.unanswered, batches.keys_of(batch)))
        return [one for one in await self._questions(batch.chunk, specs) if one.question.key in left]

    async def _try_one(self, judge: Judge, asked: list[Asked]) -> list[Asked]:
        """Ask the first question singly, once per process and model: from a refusal the judge learns which
        settings the model does not take, which in a batch would fail all of its questions."""
        if judge.model in self._tried or self._fail_interrupted or not asked:
            return asked
        self._tried.add(judge.model)
        with contextlib.suppress(JudgeError):
            answer = await judge.ask(asked[0].request)
            await self._thread.run(batches.store, [(asked[0].question, answer)])
        return asked[1:]

    async def _not_now(self, batch: JudgeBatch, fault: BatchUnavailable) -> None:
        log.warning("batch %s is not taken now: %s", batch.pk, fault)
        if batch.faults + 1 >= MOST_FAULTS:
            await self._end(batch, BatchEnding.REFUSED)
            return
        pause = self._pause(batch) if fault.wait_secs is None else fault.wait_secs
        await self._thread.run(batches.not_submitted, self._owner, batch.pk, pause)

    async def _find(self, batch: JudgeBatch, api: BatchApi) -> None:
        """Handing it over was cut off: it exists at the provider, or it does not."""
        assert batch.submitted_at is not None
        others = await self._thread.run(batches.known_at_providers, batch.submitted_at)
        try:
            provider_id = await api.find(
                batch.uid, batch.submitted_at.timestamp(), set(batches.keys_of(batch)), others
            )
        except BatchFault as fault:
            await self._out_of_reach(batch, fault)
            return
        if provider_id is None:
            await self._thread.run(batches.not_submitted, self._owner, batch.pk, 0.0)
        else:
            await self._thread.run(batches.submitted, self._owner, batch.pk, provider_id, 0.0)

    async def _look(self, batch: JudgeBatch, api: BatchApi, specs: Sequence[MetricSpec]) -> None:
        try:
            if batch.rerun.state == RerunState.CANCELLED and not batch.cancel_asked:
                with contextlib.suppress(BatchRefused):  # it has ended already
                    await api.cancel(batch.provider_id)
                await self._thread.run(batches.cancel_asked, self._owner, batch.pk)
            state = await api.look(batch.provider_id)
            match state:
                case BatchState.RUNNING:
                    await self._thread.run(batches.still_running, self._owner, batch.pk, self._look_secs)
                case BatchState.ENDED:
                    wasted = await self._store_answers(batch, api, specs)
                    await self._end(batch, BatchEnding.ANSWERED, wasted)
                case BatchState.CROWDED if not _is_old(batch):
                    await self._thread.run(
                        batches.not_submitted, self._owner, batch.pk, min(CROWDED_SECS, 10 * self._look_secs)
                    )
                case BatchState.CROWDED | BatchState.FAILED:
                    log.warning("batch %s failed at the provider, its questions are asked singly", batch.pk)
                    await self._end(batch, BatchEnding.REFUSED)
        except BatchFault as fault:
            await self._out_of_reach(batch, fault)

    async def _store_answers(self, batch: JudgeBatch, api: BatchApi, specs: Sequence[MetricSpec]) -> Usage:
        """What was paid for answers that cannot be used. Cut off in between it is done again from the start:
        the first answer to a question stays."""
        asked = {one.question.key: one for one in await self._questions(batch.chunk, specs)}
        left = set(batches.keys_of(batch))
        waiting: list[tuple[Question, JudgeAnswer]] = []
        wasted = Usage()
        async for line in api.lines(batch.provider_id):
            if line.key not in left:
                continue
            left.remove(line.key)
            one = asked.get(line.key)
            read = api.read(line, one.request if one is not None else _UNREAD)
            if one is None or read.answer is None:
                wasted += read.usage
                continue
            count_answer(batch.model, read.answer)
            waiting.append((one.question, read.answer))
            if len(waiting) >= ANSWERS_PER_COMMIT:
                await self._thread.run(batches.store, waiting)
                waiting = []
        if waiting:
            await self._thread.run(batches.store, waiting)
        return wasted

    async def _out_of_reach(self, batch: JudgeBatch, fault: BatchFault) -> None:
        log.warning("batch %s cannot be looked at: %s", batch.pk, fault)
        if _is_old(batch):
            await self._lose(batch)
        else:
            await self._thread.run(batches.out_of_reach, self._owner, batch.pk, self._pause(batch))

    async def _lose(self, batch: JudgeBatch) -> None:
        await self._end(batch, BatchEnding.LOST, forget=not self._fail_interrupted)

    async def _end(
        self, batch: JudgeBatch, ending: BatchEnding, wasted: Usage | None = None, *, forget: bool = True
    ) -> None:
        def end() -> None:
            batches.end(self._owner, batch.pk, ending, wasted=wasted, forget=forget)

        await self._thread.run(end)

    def _pause(self, batch: JudgeBatch) -> float:
        return min(self._look_secs * 2.0 ** min(batch.faults, 10), LONGEST_WAIT_SECS)


def _parts(api: BatchApi, asked: Sequence[Asked]) -> list[list[Question]]:
    """Cut by what one batch may hold."""
    parts: list[list[Question]] = [[]]
    held = 0
    for one in asked:
        size = api.size(one.request)
        if size is None or size > api.max_bytes:
            continue  # asked singly
        if held + size > api.max_bytes or len(parts[-1]) >= api.max_items:
            parts.append([])
            held = 0
        parts[-1].append(one.question)
        held += size
    return [part for part in parts if part]


def _is_old(batch: JudgeBatch) -> bool:
    return batch.submitted_at is not None and timezone.now() - batch.submitted_at > LOST_AFTER

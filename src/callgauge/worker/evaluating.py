"""Evaluating one call of a chunk: each outcome is stored as it arrives, then the call is settled."""

from __future__ import annotations

import logging
from typing import Any

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Outcome
from callgauge.engine.dependencies import runs_code
from callgauge.engine.evaluate import MAX_REASKS, evaluate_call
from callgauge.engine.heard import Hearing
from callgauge.engine.identity import identity
from callgauge.engine.nested import NestedJudge
from callgauge.flow.ledger import LeftAsIs
from callgauge.flow.results import NewResult
from callgauge.flow.reuse import models_told
from callgauge.flow.sampling import SAMPLED_OUT
from callgauge.flow.work import CallWork
from callgauge.store.models import Chunk
from callgauge.telemetry.metrics import RESULTS, labelled
from callgauge.telemetry.traces import span
from callgauge.worker.asking import Asking
from callgauge.worker.lead import Lead
from callgauge.worker.operations import (
    ABANDON,
    SETTLE,
    STORE_RESULT,
    TAKE_OVER,
    OwnedResult,
    Settling,
    TakingOver,
)
from callgauge.worker.recordings import Recordings
from callgauge.worker.scripts import Scripts
from callgauge.worker.slots import Place
from callgauge.worker.sounds import hear_for
from callgauge.worker.writer import Item, Operation, Result, Writer

log = logging.getLogger(__name__)


class LeaseLost(BaseException):
    """Another worker has the chunk. Not an Exception: a scorer's fault handling must not swallow it."""


class CallEvaluation:
    def __init__(
        self,
        owner: str,
        chunk: Chunk,
        work: CallWork,
        writer: Writer,
        asking: Asking | None,
        scripts: Scripts,
        recordings: Recordings,
    ) -> None:
        self._owner = owner
        self._chunk = chunk
        self._work = work
        self._writer = writer
        self._asking = asking
        self._scripts = scripts
        self._recordings = recordings
        self._lead = Lead()
        self._hear = hear_for(asking, recordings.sounds, work.call, Place.of(chunk))
        self._seen: dict[str, Outcome] = dict(work.known)
        """What scripts can read, by name: it is part of what their results depend on."""
        self._code_names = work.code_names | {one.name for one in work.specs if runs_code(one)}

    async def run(self) -> None:
        """Evaluate what is left to do. Raises LeaseLost."""
        if not self._work.readable:
            await self._fail("What is stored of this call cannot be read; see the server's log.", False)
            await self._settle()
            return
        taken = tuple(one.result_id for one in self._work.reused if one.take_over)
        if taken:
            chunk = self._chunk
            taking = TakingOver(self._owner, chunk.pk, chunk.rerun_id, self._work.call.id, taken)
            if not await self._write(TAKE_OVER, taking):
                raise LeaseLost
        for spec in self._work.sampled_out:
            await self._save(spec, SAMPLED_OUT)
        if self._work.specs:
            await evaluate_call(
                self._work.call,
                self._work.specs,
                ask=self._ask if self._asking is not None else None,
                run_script=self._run_script,
                save=self._save,
                listen=self._listen if self._work.call.has_recording else None,
                hear=self._hear,
                transcribe=self._recordings.transcriber(self._work.call, Place.of(self._chunk)),
                known=self._work.known,
                reasks=self._asking.reasks if self._asking is not None else MAX_REASKS,
            )
        await self._settle()

    async def give_up(self) -> None:
        """This chunk never got anywhere: what it lacks ends failed, and the rerun can end."""
        await self._fail("The server gave up on this call after several tries; see the server's log.", True)
        if self._chunk.rerun.aside:
            return
        settling = Settling.of(self._chunk, self._work.call.id)
        try:
            await self._write(SETTLE, settling)
        except Exception as error:  # noqa: BLE001 -- settling may be what never works
            log.error("call %s cannot be settled: %s", self._work.call.id, type(error).__name__)
            await self._write(ABANDON, settling)

    async def _fail(self, why: str, retryable: bool) -> None:
        failure = Failed(FailureCode.INTERNAL_ERROR, (why,), retryable=retryable)
        for spec in (*self._work.specs, *self._work.sampled_out):
            await self._save(spec, failure)

    async def _ask(self, spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
        assert self._asking is not None
        return await self._asking.ask(self._chunk, self._work.call, spec, request, sample, self._lead)

    async def _run_script(self, spec: MetricSpec, data: dict[str, Any]) -> Outcome:
        judge = None
        if self._asking is not None:
            judge = NestedJudge(self._work.call, spec, self._ask, hear=self._hear, reasks=self._asking.reasks)
        return await self._scripts.run(spec, data, judge, Place.of(self._chunk))

    @property
    def left_as_is(self) -> LeftAsIs:
        scored = sum(one.scored for one in self._work.reused)
        return LeftAsIs(scored, len(self._work.reused) - scored)

    async def _listen(self) -> Hearing:
        return await self._recordings.hearing(self._work.call, Place.of(self._chunk))

    async def _write(self, operation: Operation[Item, Result], item: Item) -> Result:
        return await self._writer.write(operation, item, self._chunk.priority)

    async def _save(self, spec: MetricSpec, outcome: Outcome) -> None:
        call = self._work.call
        result = NewResult(
            chunk_id=self._chunk.pk,
            rerun_id=self._chunk.rerun_id,
            call_id=call.id,
            content_hash=call.content_hash,
            spec=spec,
            outcome=outcome,
            identity=identity(spec, call, models_told(spec), self._seen, self._code_names),
            aside=self._chunk.rerun.aside,
        )
        self._seen[spec.name] = outcome
        if not await self._write(STORE_RESULT, OwnedResult(self._owner, result)):
            raise LeaseLost
        labelled(RESULTS, type(outcome).__name__.lower()).inc()

    async def _settle(self) -> None:
        if self._chunk.rerun.aside:
            return
        with span("settle", call_id=self._work.call.id):
            await self._write(SETTLE, Settling.of(self._chunk, self._work.call.id))

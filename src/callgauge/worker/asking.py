"""From a scorer's question to a judge's answer, through the checkpoint and the slots."""

from __future__ import annotations

import asyncio

from callgauge.domain.calls import Call
from callgauge.domain.judging import Judge, JudgeAnswer, JudgeInterrupted, JudgeRequest
from callgauge.domain.metrics import MetricSpec
from callgauge.flow.checkpoint import Question, question
from callgauge.store.models import Chunk, Priority
from callgauge.worker.operations import BEGIN, STORE_ANSWER
from callgauge.worker.slots import Slots
from callgauge.worker.writer import Writer


class Asking:
    """Asks the judge. A request under way is carried to its end even when nobody waits for it any more:
    its answer is paid for and must be stored."""

    def __init__(self, judge: Judge, writer: Writer, *, in_flight: int, fail_interrupted: bool) -> None:
        self._judge = judge
        self._writer = writer
        self._slots = Slots(in_flight)
        # Half as many again may be committed as started: a free slot then never waits for a commit.
        self._begun = Slots(in_flight + (in_flight + 1) // 2)
        self._fail_interrupted = fail_interrupted
        self._under_way: set[asyncio.Task[JudgeAnswer]] = set()
        self._stopped = False

    async def ask(
        self, chunk: Chunk, call: Call, spec: MetricSpec, request: JudgeRequest, sample: int
    ) -> JudgeAnswer:
        asked = question(
            rerun_id=chunk.rerun_id,
            call_id=call.id,
            content_hash=call.content_hash,
            version_id=spec.version_id,
            model=self._judge.model,
            sample=sample,
            request=request,
        )
        urgent = chunk.priority < Priority.BULK
        async with self._begun.take(urgent=urgent):
            begun = await self._writer.write(BEGIN, asked)
            if begun.answer is not None:
                return begun.answer
            if begun.interrupted and self._fail_interrupted:
                raise JudgeInterrupted(
                    "The server stopped while this was asked, and CALLGAUGE_JUDGE_INTERRUPTED is fail."
                )
            async with self._slots.take(urgent=urgent):
                if self._stopped:
                    await asyncio.Event().wait()  # until cancelled: nothing is sent while stopping
                sent = self._keep(asyncio.create_task(self._judge.ask(request)))
                stored = self._keep(asyncio.create_task(self._store(asked, sent)))
                await asyncio.wait({sent})  # the slot is free as soon as the answer is here
            return await asyncio.shield(stored)

    async def stop(self, grace_secs: float) -> None:
        """Begin nothing new and let what is under way end, for at most `grace_secs`."""
        self._stopped = True
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=grace_secs)

    def _keep(self, task: asyncio.Task[JudgeAnswer]) -> asyncio.Task[JudgeAnswer]:
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _store(self, asked: Question, sent: asyncio.Task[JudgeAnswer]) -> JudgeAnswer:
        answer = await sent
        await self._writer.write(STORE_ANSWER, (asked, answer))
        return answer

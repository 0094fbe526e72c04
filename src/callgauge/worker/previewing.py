"""Working through previews: an unsaved metric on a few calls, by the same engine as everything else."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Any

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome
from callgauge.engine.evaluate import MAX_REASKS, evaluate_call
from callgauge.engine.nested import NestedJudge
from callgauge.flow import previews
from callgauge.flow.previews import LOST, PreviewWork
from callgauge.flow.work import CallWork
from callgauge.worker.asking import Asking
from callgauge.worker.database import DatabaseThread
from callgauge.worker.lead import Lead
from callgauge.worker.scripts import Scripts
from callgauge.worker.slots import URGENT

log = logging.getLogger(__name__)

POLL_SECS = 1.0
RENEW_SECS = 5.0
AT_ONCE = 4
"""Previews of a server under way; each asks for its calls together."""


class Previews:
    """Runs beside the chunks of an executor, with its judges and its sandbox, from `start` to `stop`."""

    def __init__(self, owner: str, asking: Asking | None, scripts: Scripts) -> None:
        self._owner = owner
        self._asking = asking
        self._scripts = scripts
        self._database = DatabaseThread("preview")
        self._wake = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._claiming: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._claiming = asyncio.create_task(self._claim_for_ever())

    def wake(self) -> None:
        self._wake.set()

    async def stop(self) -> None:
        """Hand back what is not done. Its requests are not checkpointed: they will be asked again."""
        tasks = [*self._tasks.values(), *([self._claiming] if self._claiming is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._database.close()

    async def _claim_for_ever(self) -> None:
        while True:
            self._wake.clear()
            work = await self._claim() if len(self._tasks) < AT_ONCE else None
            if work is not None:
                task = asyncio.create_task(self._work(work))
                self._tasks[work.pk] = task
                task.add_done_callback(partial(self._ended, work.pk))
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECS)

    def _ended(self, pk: int, task: asyncio.Task[None]) -> None:
        self._tasks.pop(pk, None)
        self._wake.set()

    async def _claim(self) -> PreviewWork | None:
        try:
            return await self._database.run(previews.claim_preview, self._owner)
        except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
            log.warning("cannot look for previews, trying again: %s", type(error).__name__)
            return None

    async def _work(self, work: PreviewWork) -> None:
        renewing = asyncio.create_task(self._renew(work.pk))
        try:
            async with asyncio.TaskGroup() as group:
                for call in work.calls:
                    group.create_task(self._evaluate(work, call))
            await self._database.run(previews.end_preview, self._owner, work.pk)
        except asyncio.CancelledError:
            await self._database.run(previews.hand_back_preview, self._owner, work.pk)
            raise
        except Exception as error:  # noqa: BLE001 -- one preview must not end the others
            log.error("preview %s failed: %s", work.pk, type(error).__name__)
            await self._database.run(_fail, self._owner, work.pk)
        finally:
            renewing.cancel()

    async def _renew(self, pk: int) -> None:
        while True:
            await asyncio.sleep(RENEW_SECS)
            await self._database.run(previews.renew_preview, self._owner, pk)

    async def _evaluate(self, work: PreviewWork, call: CallWork) -> None:
        async def save(spec: MetricSpec, outcome: Outcome) -> None:
            await self._database.run(previews.store_preview, self._owner, work, call, outcome)

        if work.give_up:
            await save(work.spec, LOST)
            return
        asking, lead = self._asking, Lead()

        async def ask(spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
            assert asking is not None
            return await asking.ask_unrecorded(spec, request, lead)

        async def run_script(spec: MetricSpec, data: dict[str, Any]) -> Outcome:
            judge = NestedJudge(call.call, spec, ask, reasks=asking.reasks) if asking is not None else None
            return await self._scripts.run(spec, data, judge, URGENT)

        await evaluate_call(
            call.call,
            [work.spec],
            ask=ask if asking is not None else None,
            run_script=run_script,
            save=save,
            known=call.known,
            reasks=asking.reasks if asking is not None else MAX_REASKS,
        )


def _fail(owner: str, pk: int) -> None:
    previews.end_preview(owner, pk, failed=True)

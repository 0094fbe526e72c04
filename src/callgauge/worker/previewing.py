"""Working through previews: an unsaved metric on a few calls, by the same engine as everything else."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome
from callgauge.engine.evaluate import MAX_REASKS, evaluate_call
from callgauge.engine.nested import NestedJudge
from callgauge.flow import errands, previews
from callgauge.flow.previews import LOST, UNREADABLE, PreviewWork
from callgauge.flow.work import CallWork
from callgauge.store.models import MetricPreview
from callgauge.worker.asking import Asking
from callgauge.worker.claiming import Claiming
from callgauge.worker.lead import Lead
from callgauge.worker.recordings import Recordings
from callgauge.worker.scripts import Scripts
from callgauge.worker.slots import URGENT
from callgauge.worker.sounds import hear_for


class Previews(Claiming[PreviewWork]):
    """Runs beside the chunks of an executor, with its judges and its sandbox. Its requests are not
    checkpointed: those of a preview that is handed back will be asked again."""

    name = "preview"

    def __init__(self, owner: str, asking: Asking | None, scripts: Scripts, recordings: Recordings) -> None:
        super().__init__(owner)
        self._asking = asking
        self._scripts = scripts
        self._recordings = recordings

    def claim(self) -> PreviewWork | None:
        return previews.claim_preview(self._owner)

    def renew(self, pk: int) -> bool:
        return errands.renew(MetricPreview, self._owner, pk)

    def fail(self, pk: int) -> None:
        errands.end(MetricPreview, self._owner, pk, failed=True)

    def hand_back(self, pk: int) -> None:
        errands.hand_back(MetricPreview, self._owner, pk)

    async def work(self, work: PreviewWork) -> None:
        async with asyncio.TaskGroup() as group:
            for call in work.calls:
                group.create_task(self._evaluate(work, call))
        await self._database.run(errands.end, MetricPreview, self._owner, work.pk)

    async def _evaluate(self, work: PreviewWork, call: CallWork) -> None:
        async def save(spec: MetricSpec, outcome: Outcome) -> None:
            await self._database.run(previews.store_preview, self._owner, work, call, outcome)

        if work.give_up or not call.readable:
            await save(work.spec, LOST if call.readable else UNREADABLE)
            return
        asking, lead = self._asking, Lead()
        hear = hear_for(asking, self._recordings.sounds, call.call, URGENT)

        async def ask(spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
            assert asking is not None
            return await asking.ask_unrecorded(spec, request, lead)

        async def run_script(spec: MetricSpec, data: dict[str, Any]) -> Outcome:
            judge = None
            if asking is not None:
                judge = NestedJudge(call.call, spec, ask, hear=hear, reasks=asking.reasks)
            return await self._scripts.run(spec, data, judge, URGENT)

        await evaluate_call(
            call.call,
            [work.spec],
            ask=ask if asking is not None else None,
            run_script=run_script,
            save=save,
            listen=partial(self._recordings.hearing, call.call, URGENT) if call.call.has_recording else None,
            hear=hear,
            transcribe=self._recordings.transcriber(call.call, URGENT),
            known=call.known,
            reasks=asking.reasks if asking is not None else MAX_REASKS,
        )

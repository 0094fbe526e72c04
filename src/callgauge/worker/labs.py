"""Working through labs: first the proposal where one is asked for, then the draft on each call left."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from callgauge.domain.calls import Call
from callgauge.domain.judging import Judge, JudgeAnswer, JudgeError, JudgeRequest
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.domain.outcomes import Outcome, Usage
from callgauge.engine.evaluate import MAX_REASKS, evaluate_call
from callgauge.engine.faults import EngineError, InvalidAnswer
from callgauge.engine.nested import NestedJudge
from callgauge.engine.proposals import build_proposal_request, read_proposal
from callgauge.flow import errands, lab_work
from callgauge.flow.checkpoint import Question, lab_question
from callgauge.flow.lab_work import LabWork
from callgauge.flow.labs import Ending
from callgauge.flow.work import CallWork
from callgauge.store.models import Lab, LabKind
from callgauge.worker.asking import Asking
from callgauge.worker.claiming import Claiming
from callgauge.worker.lead import Lead
from callgauge.worker.recordings import Recordings
from callgauge.worker.scripts import Scripts
from callgauge.worker.slots import URGENT
from callgauge.worker.sounds import hear_for

IN_FLIGHT = 8
"""Calls of one lab at once: it must not take the room of live calls."""


class Labs(Claiming[LabWork]):
    """Runs beside the chunks of an executor, with its judges and sandbox; its requests are checkpointed."""

    name = "lab"

    def __init__(self, owner: str, asking: Asking | None, scripts: Scripts, recordings: Recordings) -> None:
        super().__init__(owner)
        self._asking = asking
        self._scripts = scripts
        self._recordings = recordings

    def claim(self) -> LabWork | None:
        return lab_work.claim_lab(self._owner)

    def renew(self, pk: int) -> bool:
        return errands.renew(Lab, self._owner, pk)

    def fail(self, pk: int) -> None:
        lab_work.end_lab(self._owner, pk, Ending.LOST)

    def hand_back(self, pk: int) -> None:
        lab_work.hand_back_lab(self._owner, pk)

    async def work(self, work: LabWork) -> None:
        await self._database.run(lab_work.end_lab, self._owner, work.pk, await self._ending(work))

    async def _ending(self, work: LabWork) -> Ending | None:
        """Do it; why it failed, None where it did not."""
        if work.give_up:
            return Ending.LOST
        asks = work.kind == LabKind.PROPOSE or (work.draft or work.asks_for).kind is MetricKind.LLM_JUDGE
        if asks and self._asking is None:
            return Ending.NO_JUDGE
        if work.draft is None:
            assert self._asking is not None
            proposed = await self._propose(work, self._asking)
            if proposed is not None:
                return proposed
            work = await self._database.run(lab_work.load_lab, work.pk)
        if work.draft is not None:
            await self._measure(work, work.draft)
        return None

    async def _propose(self, work: LabWork, asking: Asking) -> Ending | None:
        fault, usage = "", Usage()
        for sample in range(asking.reasks + 1):
            try:
                request = build_proposal_request(work.asks_for, work.shown, fault=fault)
                question = partial(_question, work.pk, None, "proposal", request, sample)
                answer = await asking.ask_recorded(work.asks_for, request, question, Lead(), URGENT)
                usage += answer.usage
                proposal = read_proposal(work.asks_for, answer)
            except InvalidAnswer as error:
                fault = error.demand
            except (JudgeError, EngineError):
                return Ending.JUDGE_FAILED
            else:
                await self._database.run(lab_work.store_proposal, self._owner, work.pk, proposal, usage)
                return None
        return Ending.JUDGE_FAILED

    async def _measure(self, work: LabWork, draft: MetricSpec) -> None:
        room = asyncio.Semaphore(IN_FLIGHT)

        async def one(case_id: int, call: CallWork) -> None:
            async with room:
                await self._evaluate(work.pk, draft, case_id, call)

        async with asyncio.TaskGroup() as group:
            for case_id, call in work.cases:
                group.create_task(one(case_id, call))

    async def _evaluate(self, lab_id: int, draft: MetricSpec, case_id: int, call: CallWork) -> None:
        asking, lead = self._asking, Lead()
        hear = hear_for(asking, self._recordings.sounds, call.call, URGENT)

        async def save(spec: MetricSpec, outcome: Outcome) -> None:
            await self._database.run(lab_work.store_case, self._owner, lab_id, case_id, call, outcome)

        async def ask(spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
            assert asking is not None
            question = partial(_question, lab_id, call.call, spec.content_hash, request, sample)
            return await asking.ask_recorded(spec, request, question, lead, URGENT)

        async def run_script(spec: MetricSpec, data: dict[str, Any]) -> Outcome:
            judge = None
            if asking is not None:
                judge = NestedJudge(call.call, spec, ask, hear=hear, reasks=asking.reasks)
            return await self._scripts.run(spec, data, judge, URGENT)

        await evaluate_call(
            call.call,
            [draft],
            ask=ask if asking is not None else None,
            run_script=run_script,
            save=save,
            listen=partial(self._recordings.hearing, call.call, URGENT) if call.call.has_recording else None,
            hear=hear,
            known=call.known,
            reasks=asking.reasks if asking is not None else MAX_REASKS,
        )


def _question(
    lab_id: int, call: Call | None, asked: str, request: JudgeRequest, sample: int, judge: Judge
) -> Question:
    return lab_question(
        lab_id=lab_id,
        call_id=None if call is None else call.id,
        content_hash="" if call is None else call.content_hash,
        asked=asked,
        model=judge.model,
        sample=sample,
        request=request,
    )

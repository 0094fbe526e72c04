"""What a chunk will ask the judges first, known without asking."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callgauge.domain.calls import Call
from callgauge.domain.judging import Judge, JudgeAnswer, JudgeInterrupted, JudgeRequest
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.domain.outcomes import Outcome, Skipped, SkipReason
from callgauge.engine.evaluate import evaluate_call
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.forms import FORMS
from callgauge.flow.checkpoint import Question, question
from callgauge.flow.work import CallWork
from callgauge.store.models import Chunk
from callgauge.worker.judges import Judges


@dataclass(frozen=True, slots=True)
class Asked:
    judge: Judge
    question: Question
    request: JudgeRequest


async def questions_of(chunk: Chunk, works: Sequence[CallWork], judges: Judges) -> list[Asked]:
    """The first questions of the calls' judge metrics, in the words in which the engine puts them.

    Left out is what only a run can tell: questions of scripts, those behind a trigger that is a script, and
    those that follow an answer. So are those that take anything from the recording: sound is not put into
    batches, and what is measured is known only after measuring."""
    found: list[Asked] = []
    for work in works:
        await _gather(chunk, work, judges, found)
        await asyncio.sleep(0)
    return found


async def _gather(chunk: Chunk, work: CallWork, judges: Judges, found: list[Asked]) -> None:
    async def note(spec: MetricSpec, request: JudgeRequest, sample: int) -> JudgeAnswer:
        try:
            judge = judges.of(spec)
        except BadConfiguration:
            pass  # the run itself says so in the result
        else:
            asked = question_about(chunk, work.call, spec, judge, request, sample)
            found.append(Asked(judge, asked, request))
        raise JudgeInterrupted("The question is only noted.")

    await evaluate_call(
        work.call,
        [spec for spec in work.specs if _is_known(spec, work.call)],
        ask=note,
        run_script=_not_run,
        save=_not_saved,
        reasks=0,
    )


def _is_known(spec: MetricSpec, call: Call) -> bool:
    if spec.kind is not MetricKind.LLM_JUDGE or spec.hears:
        return False
    form = FORMS.get(spec.built_in)
    return form is None or form.measured is None or not call.has_recording


def question_about(
    chunk: Chunk, call: Call, spec: MetricSpec, judge: Judge, request: JudgeRequest, sample: int
) -> Question:
    """By this a question is known again, however it was put."""
    return question(
        rerun_id=chunk.rerun_id,
        call_id=call.id,
        content_hash=call.content_hash,
        version_id=spec.version_id,
        model=judge.model,
        sample=sample,
        request=request,
    )


async def _not_run(spec: MetricSpec, data: dict[str, Any]) -> Outcome:
    return Skipped(SkipReason.NO_SANDBOX, ())


async def _not_saved(spec: MetricSpec, outcome: Outcome) -> None:
    return None

"""A judge call is paid once: committed as started before it is sent, its answer before anything uses it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db.models import F
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.outcomes import Usage
from callgauge.store.models import JudgeCall, JudgeCallState


@dataclass(frozen=True, slots=True)
class Question:
    """One judge call about to be made."""

    key: str
    rerun_id: int
    model: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a question: its answer, if it was paid for already, or that it may have been sent."""

    answer: JudgeAnswer | None = None
    interrupted: bool = False
    """Started before, by an owner that is gone: sent perhaps, answered perhaps."""


def question(
    *,
    rerun_id: int,
    call_id: int,
    content_hash: str,
    version_id: int,
    model: str,
    sample: int,
    request: JudgeRequest,
) -> Question:
    request_hash = stable_hash(
        [asdict(message) for message in request.messages], request.schema, request.temperature
    )
    key = stable_hash(rerun_id, call_id, content_hash, version_id, model, request_hash, sample)
    return Question(key, rerun_id, model, request_hash)


def begin(questions: Sequence[Question]) -> list[Begun]:
    """Commit questions as started, or give back what is known of them. The caller is in a transaction."""
    known = {
        row.key: row for row in JudgeCall.objects.filter(key__in=[question.key for question in questions])
    }
    JudgeCall.objects.bulk_create(
        (
            JudgeCall(
                key=question.key,
                rerun_id=question.rerun_id,
                model=question.model,
                request_hash=question.request_hash,
                attempts=1,
            )
            for question in questions
            if question.key not in known
        ),
        ignore_conflicts=True,
    )
    interrupted = [row.pk for row in known.values() if row.state == JudgeCallState.STARTED]
    if interrupted:
        JudgeCall.objects.filter(pk__in=interrupted).update(attempts=F("attempts") + 1)
    return [_begun(known.get(question.key)) for question in questions]


def _begun(row: JudgeCall | None) -> Begun:
    if row is None:
        return Begun()
    if row.state == JudgeCallState.STARTED:
        return Begun(interrupted=True)
    usage = Usage(
        requests=row.judge_requests,
        input_tokens=row.input_tokens,
        cached_tokens=row.cached_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_usd,
    )
    return Begun(JudgeAnswer(content=json.loads(row.answer), model=row.answered_by, usage=usage))


def store_answers(answers: Sequence[tuple[Question, JudgeAnswer]]) -> None:
    """Commit answers. Also done by an owner that lost its lease: what was paid for is kept.

    The first answer stays where two owners asked, so that every reader sees the same one.
    """
    now = timezone.now()
    for asked, answer in answers:
        JudgeCall.objects.filter(key=asked.key, state=JudgeCallState.STARTED).update(
            state=JudgeCallState.DONE,
            answer=json.dumps(answer.content),
            answered_by=answer.model[:255],
            judge_requests=answer.usage.requests,
            input_tokens=answer.usage.input_tokens,
            cached_tokens=answer.usage.cached_tokens,
            output_tokens=answer.usage.output_tokens,
            cost_usd=answer.usage.cost_usd,
            finished_at=now,
        )

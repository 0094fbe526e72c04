"""A judge call is paid once: committed as started before it is sent, its answer before anything uses it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import F
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.domain.judging import JudgeAnswer, JudgeRequest, hash_of_request
from callgauge.domain.outcomes import Usage
from callgauge.flow import tally
from callgauge.flow.late_findings import withheld
from callgauge.store.bulk import insert_rows, moment, update_rows
from callgauge.store.models import JudgeCall, JudgeCallState, Rerun
from callgauge.store.prepared import Ids, Prepared, PreparedValues, Texts

_USAGE = ("judge_requests", "input_tokens", "cached_tokens", "output_tokens")
_STARTED = (
    *(
        "key",
        "rerun_id",
        "lab_id",
        "call_id",
        "state",
        "model",
        "request_hash",
        "answer",
        "answered_by",
        "attempts",
    ),
    *_USAGE,
    "started_at",
)
_ANSWERED = ("state", "answer", "answered_by", *_USAGE, "cost_usd", "finished_at")


_KNOWN = Prepared(lambda keys: JudgeCall.objects.filter(key__in=keys), Texts)
_CAPPED = PreparedValues(
    lambda reruns: Rerun.objects.filter(pk__in=reruns, max_cost_usd__isnull=False).values_list(
        "pk", "spent_usd", "cost_usd"
    ),
    Ids,
)


@dataclass(frozen=True, slots=True)
class Question:
    """One judge call about to be made."""

    key: str
    rerun_id: int | None
    call_id: int | None
    model: str
    request_hash: str
    lab_id: int | None = None
    content_hash: str = ""
    """Of the call as it is asked about."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a question: its answer, if it was paid for already, or that it may have been sent."""

    answer: JudgeAnswer | None = None
    interrupted: bool = False
    """Started before, by an owner that is gone: sent perhaps, answered perhaps."""
    spent_usd: float = 0.0
    """For the answers of the question's rerun that are stored by now; looked up only where it has a cap."""


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
    request_hash = hash_of_request(request)
    key = stable_hash(rerun_id, call_id, content_hash, version_id, model, request_hash, sample)
    return Question(key, rerun_id, call_id, model, request_hash, content_hash=content_hash)


def lab_question(
    *,
    lab_id: int,
    call_id: int | None,
    content_hash: str,
    asked: str,
    model: str,
    sample: int,
    request: JudgeRequest,
) -> Question:
    """One that no rerun asks: of a draft on a call, or about several calls. `asked`: what else tells it from
    other questions of the lab."""
    request_hash = hash_of_request(request)
    key = stable_hash("lab", lab_id, call_id, f"{content_hash}:{asked}", model, request_hash, sample)
    return Question(key, None, call_id, model, request_hash, lab_id, content_hash)


def begin(questions: Sequence[Question]) -> list[Begun]:
    """Commit questions as started, or give back what is known of them. The caller is in a transaction."""
    known = {row.key: row for row in _KNOWN([question.key for question in questions])}
    now = moment(timezone.now())
    insert_rows(
        JudgeCall,
        _STARTED,
        [
            (
                question.key,
                question.rerun_id,
                question.lab_id,
                question.call_id,
                JudgeCallState.STARTED.value,
                question.model[:255],
                question.request_hash,
                *("null", "", 1, 0, 0, 0, 0, now),
            )
            for question in questions
            if question.key not in known
        ],
        ignore_conflicts=True,
    )
    interrupted = [row.pk for row in known.values() if row.state == JudgeCallState.STARTED]
    if interrupted:
        JudgeCall.objects.filter(pk__in=interrupted).update(attempts=F("attempts") + 1)
    spent = _spent({question.rerun_id for question in questions if question.rerun_id is not None})
    return [_begun(known.get(question.key), spent.get(question.rerun_id or 0, 0.0)) for question in questions]


def _spent(rerun_ids: Collection[int]) -> dict[int, float]:
    return {pk: max(spent, cost) for pk, spent, cost in _CAPPED(list(rerun_ids))}


def _begun(row: JudgeCall | None, spent_usd: float) -> Begun:
    if row is None:
        return Begun(spent_usd=spent_usd)
    if row.state == JudgeCallState.STARTED:
        return Begun(interrupted=True, spent_usd=spent_usd)
    usage = Usage(
        requests=row.judge_requests,
        input_tokens=row.input_tokens,
        cached_tokens=row.cached_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_usd,
    )
    return Begun(JudgeAnswer(content=json.loads(row.answer), model=row.answered_by, usage=usage))


def forget(questions: Sequence[Question]) -> None:
    """Take back questions that were begun but never sent. What has an answer stays."""
    JudgeCall.objects.filter(
        key__in=[question.key for question in questions], state=JudgeCallState.STARTED, attempts=1
    ).delete()


def count_spent(costs: Sequence[tuple[int, float]]) -> None:
    """Add US dollars to what reruns, by their ids, have spent; their caps are held to that."""
    spent: dict[int, float] = defaultdict(float)
    for rerun_id, cost in costs:
        spent[rerun_id] += cost
    for rerun_id, cost in sorted(spent.items()):
        if cost:
            tally.count(rerun_id, spent_usd=cost)


def store_answers(answers: Sequence[tuple[Question, JudgeAnswer]]) -> None:
    """Commit answers. Also done by an owner that lost its lease: what was paid for is kept.

    The first answer stays where two owners asked, so that every reader sees the same one. What each cost is
    added to its rerun, either way. What may not be told any more is not stored: nobody will ask that question
    again, for the call reads otherwise now, or is gone.
    """
    count_spent(
        [
            (asked.rerun_id, answer.usage.cost_usd or 0.0)
            for asked, answer in answers
            if asked.rerun_id is not None
        ]
    )
    of_calls = [(asked.call_id, asked) for asked, _ in answers if asked.call_id is not None]
    silent = withheld((call_id, asked.content_hash) for call_id, asked in of_calls)
    if silent:
        gone = [asked.key for call_id, asked in of_calls if (call_id, asked.content_hash) in silent]
        JudgeCall.objects.filter(key__in=gone, state=JudgeCallState.STARTED).delete()
    now = moment(timezone.now())
    update_rows(
        JudgeCall,
        _ANSWERED,
        ("key", "state"),
        [
            (
                JudgeCallState.DONE.value,
                json.dumps(answer.content),
                answer.model[:255],
                answer.usage.requests,
                answer.usage.input_tokens,
                answer.usage.cached_tokens,
                answer.usage.output_tokens,
                answer.usage.cost_usd,
                now,
                asked.key,
                JudgeCallState.STARTED.value,
            )
            for asked, answer in answers
        ],
    )

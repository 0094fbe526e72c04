"""Batches at a provider as rows: made with the chunk's questions in one transaction, then moved on step by
step by whoever holds the row's lease.

created -> submitting -> waiting -> ended. `submitting` is committed before anything is sent.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce, Now

from callgauge.domain.judging import JudgeAnswer
from callgauge.domain.outcomes import Usage
from callgauge.flow import checkpoint, ledger
from callgauge.flow.checkpoint import Question
from callgauge.flow.settle import hold_calls
from callgauge.flow.wake import announce_work
from callgauge.store.clock import from_now
from callgauge.store.models import (
    BatchEnding,
    BatchStep,
    Chunk,
    ChunkState,
    JudgeBatch,
    JudgeCall,
    JudgeCallState,
    Rerun,
    RerunState,
)
from callgauge.store.turns import write_turn

LEASE = timedelta(minutes=10)
"""Longer than one step may take; nobody is kept waiting by it, for batches take hours."""
KEYS_PER_QUERY = 5_000


class BatchLost(Exception):
    """Another owner has the batch now."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A batch about to be made."""

    model: str
    questions: Sequence[Question]


def open_batches(owner: str, chunk_id: int, drafts: Sequence[Draft]) -> bool:
    """Commit the questions as started and their batches as created; the chunk gives up its lease and waits.

    False, and nothing is changed, where every question has been asked before. Raises LeaseLost."""
    with write_turn(), transaction.atomic():
        if chunk_id not in ledger.held(owner, [chunk_id]):
            raise ledger.LeaseLost
        chunk = Chunk.objects.get(pk=chunk_id)
        made = [batch for draft in drafts if (batch := _made(chunk, draft)) is not None]
        if made:
            Chunk.objects.filter(pk=chunk_id).update(
                state=ChunkState.WAITING, owner="", lease_until=None, attempts=0
            )
        return bool(made)


def _made(chunk: Chunk, draft: Draft) -> JudgeBatch | None:
    known = _known([question.key for question in draft.questions])
    fresh = [question for question in draft.questions if question.key not in known]
    if not fresh:
        return None
    checkpoint.begin(fresh)
    return JudgeBatch.objects.create(
        uid=secrets.token_hex(16),
        rerun_id=chunk.rerun_id,
        chunk=chunk,
        model=draft.model[:255],
        keys=json.dumps([question.key for question in fresh]),
        questions=len(fresh),
        due_at=Now(),
    )


def _known(keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        found.update(JudgeCall.objects.filter(key__in=part).values_list("key", flat=True))
    return found


def keys_of(batch: JudgeBatch) -> list[str]:
    keys: list[str] = json.loads(batch.keys)
    return keys


def claim(owner: str) -> JudgeBatch | None:
    """Lease the batch that has been due for longest. One that a paused rerun has not yet sent stays."""
    due = (
        JudgeBatch.objects.select_related("rerun", "chunk")
        .filter(Q(lease_until=None) | Q(lease_until__lt=Now()), due_at__lte=Now())
        .exclude(step=BatchStep.ENDED)
        .exclude(step=BatchStep.CREATED, rerun__state=RerunState.PAUSED)
        .order_by("due_at")
    )
    if not due.exists():
        return None
    with write_turn(), transaction.atomic():
        batch = due.select_for_update(
            skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",)
        ).first()
        if batch is not None:
            until = from_now(LEASE)
            JudgeBatch.objects.filter(pk=batch.pk).update(owner=owner, lease_until=until)
            batch.owner = owner
        return batch


def submitting(owner: str, batch_id: int) -> None:
    """About to be handed over: from here on it may exist at the provider. Raises BatchLost."""
    _move(owner, batch_id, step=BatchStep.SUBMITTING, submitted_at=Coalesce(F("submitted_at"), Now()))


def submitted(owner: str, batch_id: int, provider_id: str, look_in_secs: float) -> None:
    """Raises BatchLost."""
    _move(
        owner,
        batch_id,
        step=BatchStep.WAITING,
        provider_id=provider_id[:255],
        faults=0,
        **_handed_back(look_in_secs),
    )


def not_submitted(owner: str, batch_id: int, again_in_secs: float) -> None:
    """It does not exist at the provider, for certain. Raises BatchLost."""
    _move(
        owner,
        batch_id,
        step=BatchStep.CREATED,
        provider_id="",
        faults=F("faults") + 1,
        **_handed_back(again_in_secs),
    )


def cancel_asked(owner: str, batch_id: int) -> None:
    """Raises BatchLost."""
    _move(owner, batch_id, cancel_asked=True)


def still_running(owner: str, batch_id: int, look_in_secs: float) -> None:
    """Raises BatchLost."""
    _move(owner, batch_id, faults=0, **_handed_back(look_in_secs))


def known_at_providers(since: datetime) -> set[str]:
    """The providers' ids of batches that were handed over in the days around this, or still wait."""
    made = JudgeBatch.objects.exclude(provider_id="").filter(created_at__gte=since - timedelta(days=3))
    return set(made.values_list("provider_id", flat=True))


def out_of_reach(owner: str, batch_id: int, again_in_secs: float) -> None:
    """Nothing is known of it at the moment. Raises BatchLost."""
    _move(owner, batch_id, faults=F("faults") + 1, **_handed_back(again_in_secs))


def release(owner: str) -> None:
    """Hand back whatever the owner holds; the steps stay as they are."""
    JudgeBatch.objects.filter(owner=owner).exclude(step=BatchStep.ENDED).update(owner="", lease_until=None)


def take_over(owner_prefix: str) -> None:
    """Free every lease of owners with this prefix: the process that held them is known to be gone."""
    JudgeBatch.objects.filter(owner__startswith=owner_prefix).exclude(step=BatchStep.ENDED).update(
        owner="", lease_until=None
    )


def store(answers: Sequence[tuple[Question, JudgeAnswer]]) -> None:
    """Commit answers, also where the lease was lost meanwhile: they are paid for."""
    with write_turn(), transaction.atomic():
        hold_calls({asked.call_id for asked, _ in answers if asked.call_id is not None})
        checkpoint.store_answers(answers)


def end(
    owner: str, batch_id: int, ending: BatchEnding, *, wasted: Usage | None = None, forget: bool = True
) -> None:
    """The batch is over: the chunk goes on when it was its last one, and asks singly what has no answer.

    `wasted` was paid for answers that cannot be used. `forget`: questions without an answer count as never
    asked; else they count as interrupted. Raises BatchLost."""
    with write_turn(), transaction.atomic():
        batch = JudgeBatch.objects.select_for_update().get(pk=batch_id)
        if batch.owner != owner or batch.step == BatchStep.ENDED:
            raise BatchLost
        chunk = Chunk.objects.select_for_update().get(pk=batch.chunk_id)
        keys = keys_of(batch)
        left = unanswered(keys)
        if forget:
            for start in range(0, len(left), KEYS_PER_QUERY):
                part = left[start : start + KEYS_PER_QUERY]
                JudgeCall.objects.filter(key__in=part, state=JudgeCallState.STARTED).delete()
        _move(
            owner,
            batch_id,
            step=BatchStep.ENDED,
            ending=ending,
            answered=len(keys) - len(left),
            ended_at=Now(),
            owner="",
            lease_until=None,
        )
        if wasted is not None and wasted.requests:
            _count_waste(batch.rerun_id, wasted)
        _go_on(chunk)


def unanswered(keys: Sequence[str]) -> list[str]:
    """Those of the keys that were committed as started and have no answer."""
    found: list[str] = []
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = JudgeCall.objects.filter(
            key__in=keys[start : start + KEYS_PER_QUERY], state=JudgeCallState.STARTED
        )
        found.extend(part.values_list("key", flat=True))
    return found


def _count_waste(rerun_id: int, wasted: Usage) -> None:
    """What was paid belongs to the rerun's cost although no result shows it."""
    Rerun.objects.filter(pk=rerun_id).update(
        judge_requests=F("judge_requests") + wasted.requests,
        input_tokens=F("input_tokens") + wasted.input_tokens,
        cached_tokens=F("cached_tokens") + wasted.cached_tokens,
        output_tokens=F("output_tokens") + wasted.output_tokens,
        cost_usd=F("cost_usd") + (wasted.cost_usd or 0.0),
        unpriced_requests=F("unpriced_requests") + wasted.unpriced_requests,
    )


def _go_on(chunk: Chunk) -> None:
    if chunk.state != ChunkState.WAITING:
        return
    if JudgeBatch.objects.filter(chunk=chunk).exclude(step=BatchStep.ENDED).exists():
        return
    Chunk.objects.filter(pk=chunk.pk).update(state=ChunkState.PENDING, dispatched_at=None)
    announce_work()


def _handed_back(due_in_secs: float) -> dict[str, object]:
    return {"owner": "", "lease_until": None, "due_at": from_now(timedelta(seconds=due_in_secs))}


def _move(owner: str, batch_id: int, /, **fields: object) -> None:
    with write_turn(), transaction.atomic():
        moved = (
            JudgeBatch.objects.filter(pk=batch_id, owner=owner).exclude(step=BatchStep.ENDED).update(**fields)
        )
        if not moved:
            raise BatchLost


def was_batched(chunk_id: int) -> bool:
    """A chunk's questions go to a provider as batches at most once."""
    return JudgeBatch.objects.filter(chunk_id=chunk_id).exists()


@dataclass(frozen=True, slots=True)
class AtProvider:
    """What of a rerun lies at a provider, or is about to."""

    batches: int = 0
    questions: int = 0


def at_provider(rerun_ids: Collection[int]) -> dict[int, AtProvider]:
    """By rerun; those with nothing there are left out."""
    rows = (
        JudgeBatch.objects.filter(rerun_id__in=rerun_ids)
        .exclude(step=BatchStep.ENDED)
        .values("rerun_id")
        .annotate(batches=Count("pk"), asked=Sum("questions"))
    )
    return {row["rerun_id"]: AtProvider(row["batches"], row["asked"]) for row in rows}

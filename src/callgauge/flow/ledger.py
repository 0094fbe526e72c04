"""Chunks: claimed by one owner at a time, under a lease by the database's clock.

Whatever carries messages may lose or double them: what counts is who holds the lease.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Least, Now

from callgauge.flow import fairness, tally
from callgauge.flow.fairness import NOT_AT_WORK
from callgauge.store.bulk import update_rows
from callgauge.store.clock import from_now
from callgauge.store.models import (
    CallLog,
    Chunk,
    ChunkKind,
    ChunkState,
    Priority,
    Rerun,
    RerunKind,
    RerunState,
)
from callgauge.store.prepared import Ids, Prepared, PreparedValues, insert
from callgauge.store.turns import write_turn

CHUNK_CALLS = 100
SMALL_CHUNK_CALLS = 20
SHARES = 16
SMALL_RERUN_CALLS = 200
"""A rerun of so few calls is one that somebody waits for: it does not queue behind the large ones."""
LEASE = timedelta(seconds=20)
"""Renewed every few seconds; a worker on another host that dies is taken over after this."""
OPEN = (ChunkState.PENDING, ChunkState.LEASED, ChunkState.WAITING)
MAX_ATTEMPTS = 10
"""Claims in a row without one stored result, after which a chunk is given up as poisonous."""
MAX_PLAN_ATTEMPTS = 100
"""Claims in a row without one page of calls planned, after which the rerun is paused: some minutes, so that a
fault that passes is outlived."""
MOST_COUNTED = 30_000
"""Attempts beyond this are not counted: their column is a small integer."""


_LOCKED = Prepared(lambda pk: Chunk.objects.select_for_update().filter(pk=pk), int)
_HELD = PreparedValues(
    lambda chunks, owner: (
        Chunk.objects.select_for_update()
        .filter(pk__in=chunks, owner=owner, state=ChunkState.LEASED)
        .order_by("pk")
        .values_list("pk", "attempts")
    ),
    Ids,
    str,
)
_IS_OPEN = Prepared(
    lambda rerun: Chunk.objects.filter(rerun_id=rerun, state__in=OPEN).only("pk")[:1],
    int,
)


_UNDECIDED = Prepared(
    lambda call: CallLog.objects.filter(pk=call, is_reviewed=False, success=None, pending_rerun_id=None).only(
        "pk"
    ),
    int,
)


class LeaseLost(Exception):
    """Another owner has the chunk now: what this one still holds must not be written."""


@dataclass(frozen=True, slots=True)
class LeftAsIs:
    """Results of a chunk that were not measured again: nothing that they depend on has changed."""

    scored: int = 0
    skipped: int = 0

    def __add__(self, other: LeftAsIs) -> LeftAsIs:
        return LeftAsIs(self.scored + other.scored, self.skipped + other.skipped)


NOTHING_LEFT = LeftAsIs()


def claim(
    owner: str,
    priorities: Collection[int],
    limit: int,
    at_work: Collection[int] = (),
    *,
    also_expired: bool = True,
) -> list[Chunk]:
    """Lease up to `limit` chunks, the most urgent first, tenants in turn. The caller is in no transaction.

    `at_work`: chunks that the owner is working on. When their leases have run out (the database was away),
    it must not take them a second time: both would then hold the lease. `also_expired`: those that another
    owner let run out, too. Nobody announces them, so that they are worth a look now and then only.
    """
    found: list[int] = []
    for priority in sorted(priorities):
        if also_expired and len(found) < limit:
            # Looking takes no lock; on SQLite a transaction would take the one write lock.
            found += fairness.expired(priority, limit - len(found), at_work)
        if len(found) < limit:
            found += fairness.pending(priority, limit - len(found))
    return claim_these(owner, found)


def claim_these(owner: str, chunk_ids: Collection[int], *, waits: bool = False) -> list[Chunk]:
    """Lease those of the chunks that are free, in the order of their ids. The caller is in no transaction.

    `waits`: for whoever has locked one that is free. A message comes once: it often arrives while the
    dispatcher still marks its chunk as sent, and whoever passed it over then would let it lie until the
    message counts as lost.
    """
    if not chunk_ids:
        return []
    claimable = (
        Chunk.objects.select_related("rerun")
        .filter(
            Q(state=ChunkState.PENDING) | Q(state=ChunkState.LEASED, lease_until__lt=Now()),
            pk__in=chunk_ids,
        )
        .exclude(rerun__state__in=NOT_AT_WORK)
        .order_by("priority", "id")
    )
    with write_turn(), transaction.atomic():
        chunks = list(
            claimable.select_for_update(
                skip_locked=not waits and connection.features.has_select_for_update_skip_locked, of=("self",)
            )
        )
        ids = [chunk.pk for chunk in chunks]
        if ids:
            Chunk.objects.filter(pk__in=ids).update(
                state=ChunkState.LEASED,
                owner=owner,
                lease_until=from_now(LEASE),
                dispatched_at=None,
                attempts=Least(F("attempts") + 1, Value(MOST_COUNTED)),
            )
            Rerun.objects.filter(
                pk__in={chunk.rerun_id for chunk in chunks}, state=RerunState.PLANNED
            ).update(state=RerunState.RUNNING, started_at=Coalesce("started_at", Now()))
    for chunk in chunks:
        chunk.owner = owner
        chunk.attempts += 1
    return chunks


def renew(owner: str, chunk_ids: Collection[int]) -> set[int]:
    """Prolong leases; the ids of those still held are returned.

    A chunk that a transaction has locked, mostly one that stores its results, is left for the next time: who
    waits for it here while holding the others is waited for by that transaction, which may need them next.
    """
    mine = Chunk.objects.filter(pk__in=chunk_ids, owner=owner, state=ChunkState.LEASED)
    skips = connection.features.has_select_for_update_skip_locked
    with write_turn(), transaction.atomic():
        free = mine.select_for_update(skip_locked=skips).order_by("pk").values_list("pk", flat=True)
        Chunk.objects.filter(pk__in=list(free)).update(lease_until=from_now(LEASE))
        return set(mine.values_list("pk", flat=True))


def stopped(owner: str, chunk_ids: Collection[int]) -> set[int]:
    """Which of the owner's chunks it should let go of: their rerun was paused or cancelled."""
    going = Chunk.objects.filter(pk__in=chunk_ids, owner=owner, state=ChunkState.LEASED).exclude(
        rerun__state__in=NOT_AT_WORK
    )
    return set(chunk_ids) - set(going.values_list("pk", flat=True))


def held(owner: str, chunk_ids: Collection[int]) -> set[int]:
    """Which of the chunks the owner holds; locked until the transaction ends, so that it stays true.

    A lease that ran out but that nobody took over is still held: taking over changes the owner.
    """
    return set(held_attempts(owner, chunk_ids))


def held_attempts(owner: str, chunk_ids: Collection[int]) -> dict[int, int]:
    """Those of `held`, each with how often it was claimed since it last progressed."""
    return dict(_HELD(list(chunk_ids), owner))


def hold(chunk_ids: Collection[int]) -> None:
    """Lock chunks in the order of ids, after calls and before reruns. Whoever writes results of several in
    one transaction, or ends them, does this first: two that lock in different orders would wait for each
    other."""
    if chunk_ids and connection.features.has_select_for_update:
        list(Chunk.objects.select_for_update().filter(pk__in=chunk_ids).order_by("pk").values_list("pk"))


def open_chunks(rerun_id: int) -> QuerySet[Chunk]:
    return Chunk.objects.filter(rerun_id=rerun_id, state__in=OPEN)


def hold_open(rerun_id: int) -> list[Chunk]:
    """Lock all chunks of a rerun that are not done. No more come until the transaction ends: only whoever
    holds one of these makes others."""
    while True:
        chunks = list(open_chunks(rerun_id).select_for_update().order_by("pk"))
        if open_chunks(rerun_id).count() == len(chunks):  # none came while this waited for the locks
            return chunks


def release(owner: str, chunk_ids: Collection[int], *, counts: bool = False) -> None:
    """Hand chunks back unfinished; they can be claimed at once. `counts`: this claim was a failed attempt."""
    attempts = F("attempts") if counts else Case(When(attempts__gt=0, then=F("attempts") - 1), default=0)
    _free(Chunk.objects.filter(pk__in=chunk_ids, owner=owner, state=ChunkState.LEASED), attempts=attempts)


def take_over(owner_prefix: str) -> int:
    """Free every lease of owners with this prefix: the process that held them is known to be gone."""
    return _free(Chunk.objects.filter(owner__startswith=owner_prefix, state=ChunkState.LEASED))


def free_expired() -> int:
    """Make chunks whose owner is gone claimable by whoever is told of them. One that a transaction has locked
    is left for the next time: its owner may still be storing results."""
    expired = Chunk.objects.filter(state=ChunkState.LEASED, lease_until__lt=Now())
    return _free(expired, skip_locked=True) if expired.exists() else 0


def _free(leased: QuerySet[Chunk], *, skip_locked: bool = False, **columns: Combinable) -> int:
    """Lock them in the order of ids first, as whoever stores results of several does: see `hold`."""
    skips = skip_locked and connection.features.has_select_for_update_skip_locked
    with write_turn(), transaction.atomic():
        ids = leased.select_for_update(skip_locked=skips).order_by("pk").values_list("pk", flat=True)
        return Chunk.objects.filter(pk__in=list(ids)).update(
            state=ChunkState.PENDING, owner="", lease_until=None, **columns
        )


def progressed(chunk_ids: Collection[int]) -> None:
    """A result was stored: the chunks are not poisonous."""
    Chunk.objects.filter(pk__in=chunk_ids).update(attempts=1)


def finish(
    owner: str, chunk_id: int, rest: Collection[int] = (), left_as_is: LeftAsIs = NOTHING_LEFT
) -> None:
    """Mark a chunk as done, count its calls, and end the rerun when it was the last.

    `rest`: calls of it that were not begun; they become a chunk of their own. `left_as_is` is counted here,
    once for the chunk, since no row tells of it. Raises LeaseLost. The caller is in a transaction.
    """
    chunk = next(iter(_LOCKED(chunk_id)), None)
    if chunk is None or chunk.owner != owner or chunk.state != ChunkState.LEASED:
        raise LeaseLost
    if rest:
        left = set(rest)
        Chunk.objects.create(
            rerun_id=chunk.rerun_id,
            kind=chunk.kind,
            priority=chunk.priority,
            tenant=chunk.tenant,
            call_ids=[call_id for call_id in chunk.call_ids if call_id in left],
        )
        chunk.call_ids = [call_id for call_id in chunk.call_ids if call_id not in left]
        chunk.save(update_fields=["call_ids"])
    update_rows(Chunk, ["state", "lease_until"], ["id"], [(ChunkState.DONE.value, None, chunk_id)])
    if chunk.kind == ChunkKind.EVALUATE:
        if len(chunk.call_ids) == 1:
            undecided = len(_UNDECIDED(chunk.call_ids[0]))
        else:
            undecided = CallLog.objects.filter(
                pk__in=chunk.call_ids, is_reviewed=False, success=None, pending_rerun_id=None
            ).count()
        tally.count(
            chunk.rerun_id,
            settled_calls=len(chunk.call_ids),
            failed_calls=undecided,
            scored=left_as_is.scored,
            skipped=left_as_is.skipped,
            reused=left_as_is.scored + left_as_is.skipped,
        )
    tally.afterwards(chunk.rerun_id, partial(end_if_complete, chunk.rerun_id))


def end_if_complete(rerun_id: int) -> None:
    if _IS_OPEN(rerun_id):
        return
    Rerun.objects.filter(
        pk=rerun_id, planned_at__isnull=False, state__in=[RerunState.PLANNED, RerunState.RUNNING]
    ).update(state=RerunState.DONE, finished_at=Now())


def add_chunks(rerun: Rerun, call_ids: Sequence[int]) -> None:
    """Cut calls into chunks. The caller is in a transaction."""
    size = _chunk_size(len(call_ids))
    chunks = [
        Chunk(
            rerun=rerun,
            kind=ChunkKind.EVALUATE,
            priority=priority_of(rerun),
            tenant=rerun.project_id,
            call_ids=list(call_ids[start : start + size]),
        )
        for start in range(0, len(call_ids), size)
    ]
    if len(chunks) == 1:
        insert(chunks[0])  # each call that comes in is one
    else:
        Chunk.objects.bulk_create(chunks)


def _chunk_size(calls: int) -> int:
    """A small rerun is cut finer: several workers share it, and none has a whole chunk left at the end."""
    return max(SMALL_CHUNK_CALLS, min(CHUNK_CALLS, -(-calls // SHARES)))


def add_planning(rerun: Rerun) -> None:
    Chunk.objects.create(rerun=rerun, kind=ChunkKind.PLAN, priority=Priority.BULK, tenant=rerun.project_id)


def priority_of(rerun: Rerun) -> int:
    """Live calls go first, then what a person waits for, then the bulk."""
    if rerun.kind == RerunKind.LIVE:
        return Priority.INTERACTIVE
    small = rerun.planned_at is not None and rerun.total_calls <= SMALL_RERUN_CALLS
    if rerun.kind == RerunKind.EVALUATE or small:
        return Priority.NORMAL
    return Priority.BULK

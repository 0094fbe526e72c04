"""Which chunks are next: tenants in turn, so that a rerun of a million calls keeps nobody waiting.

The number of tenants with work is small, that of their chunks is not: every step is a look into an index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from callgauge.store.models import Chunk, ChunkState, RerunState

NOT_AT_WORK = (RerunState.PAUSED, RerunState.CANCELLED)
"""Chunks of such reruns wait, whoever asks."""


def expired(priority: int, limit: int, at_work: Collection[int] = ()) -> list[int]:
    """Chunks whose lease ran out, the oldest first."""
    return list(
        Chunk.objects.filter(state=ChunkState.LEASED, lease_until__lt=Now(), priority=priority)
        .exclude(pk__in=list(at_work))
        .exclude(rerun__state__in=NOT_AT_WORK)
        .order_by("id")
        .values_list("pk", flat=True)[:limit]
    )


def pending(
    priority: int, limit: int, *, per_tenant: int | None = None, unsent_only: bool = False
) -> list[int]:
    """Up to `limit` chunks that nobody has: the tenant with the fewest under way is next, each time.

    `per_tenant`: how many of one tenant may be under way, or with `unsent_only` under way or with the broker.
    """
    tenants = list(_tenants(priority))
    if not tenants:
        return []  # nearly always: whoever has nothing to do asks every second
    busy = under_way(priority, sent=unsent_only)
    queues: dict[int, list[int]] = {}
    for tenant in tenants:
        room = limit if per_tenant is None else min(limit, per_tenant - busy[tenant])
        if room > 0:
            queues[tenant] = list(_waiting(priority, tenant, unsent_only)[:room])[::-1]
    chosen: list[int] = []
    while len(chosen) < limit and (able := [tenant for tenant, queue in queues.items() if queue]):
        tenant = min(able, key=lambda tenant: busy[tenant])
        chosen.append(queues[tenant].pop())
        busy[tenant] += 1
    return chosen


def under_way(priority: int, *, sent: bool = False) -> Counter[int]:
    """Chunks per tenant that somebody has; with `sent` also those that a message is out for."""
    found: Counter[int] = Counter()
    held = Chunk.objects.filter(state=ChunkState.LEASED, lease_until__gte=Now(), priority=priority)
    kinds = [held]
    if sent:
        kinds.append(
            Chunk.objects.filter(state=ChunkState.PENDING, dispatched_at__isnull=False, priority=priority)
        )
    for chunks in kinds:
        for tenant, count in chunks.values_list("tenant").annotate(Count("id")).order_by():
            found[tenant] += count
    return found


def _tenants(priority: int) -> Iterator[int]:
    """Who has chunks waiting; one look into the index for each, not one row for each chunk."""
    waiting = Chunk.objects.filter(state=ChunkState.PENDING, priority=priority).order_by("tenant")
    last = -1
    while (tenant := waiting.filter(tenant__gt=last).values_list("tenant", flat=True).first()) is not None:
        yield tenant
        last = tenant


def _waiting(priority: int, tenant: int, unsent_only: bool) -> QuerySet[Chunk, int]:
    chunks = Chunk.objects.filter(state=ChunkState.PENDING, priority=priority, tenant=tenant)
    if unsent_only:
        chunks = chunks.filter(dispatched_at__isnull=True)
    return chunks.exclude(rerun__state__in=NOT_AT_WORK).order_by("id").values_list("pk", flat=True)

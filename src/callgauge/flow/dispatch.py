"""What is to be sent to the broker, and what became of it. Messages carry ids of chunks and nothing else: one
that is lost is sent again, one that is doubled finds its chunk taken."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Value
from django.db.models.functions import Now

from callgauge.flow import fairness
from callgauge.store.clock import from_now
from callgauge.store.models import Chunk, ChunkState, Duty, Priority, WorkerProcess

DUTY_LEASE = timedelta(seconds=10)
WORKER_SILENCE = timedelta(seconds=15)
"""A worker that has said nothing for so long is not counted."""
WORKER_FORGOTTEN = timedelta(hours=1)
CHUNKS_PER_WORKER = {Priority.INTERACTIVE: 64, Priority.NORMAL: 12, Priority.BULK: 12}
"""Chunks that are out at once for each worker, done by it or on the way: enough to keep it busy."""
LOST_AFTER = timedelta(seconds=10)
"""A message that nobody took for so long while its queue is empty is gone."""


def take_duty(name: str, owner: str) -> bool:
    """Whether the owner has this duty from now on, for the time of a lease."""
    until = from_now(DUTY_LEASE)
    mine = Duty.objects.filter(name=name, owner=owner).update(lease_until=until)
    if mine:
        return True
    if Duty.objects.filter(name=name, lease_until__lt=Now()).update(owner=owner, lease_until=until):
        return True
    if Duty.objects.filter(name=name).exists():
        return False
    Duty.objects.bulk_create([Duty(name=name, owner=owner, lease_until=until)], ignore_conflicts=True)
    return Duty.objects.filter(name=name, owner=owner).exists()


def drop_duty(name: str, owner: str) -> None:
    Duty.objects.filter(name=name, owner=owner).update(lease_until=Now())


def worker_is_here(owner: str, host: str) -> None:
    if not WorkerProcess.objects.filter(owner=owner).update(seen_at=Now()):
        WorkerProcess.objects.bulk_create(
            [WorkerProcess(owner=owner, host=host, seen_at=Now())], ignore_conflicts=True
        )


def worker_is_gone(owner: str) -> None:
    WorkerProcess.objects.filter(owner=owner).delete()


def count_workers() -> int:
    WorkerProcess.objects.filter(seen_at__lt=Now() - Value(WORKER_FORGOTTEN)).delete()
    return WorkerProcess.objects.filter(seen_at__gte=Now() - Value(WORKER_SILENCE)).count()


def next_to_send(priority: Priority, workers: int, tenant_chunks: int) -> list[int]:
    """Chunks that messages should now go out for: as many as the workers can use, tenants in turn."""
    waiting = Chunk.objects.filter(state=ChunkState.PENDING, priority=priority, dispatched_at__isnull=True)
    if not waiting.exists():
        return []  # nearly always, and several times a second
    workers = max(1, workers)
    out = fairness.under_way(priority, sent=True).total()
    room = CHUNKS_PER_WORKER[priority] * workers - out
    if room < 1:
        return []
    most = None if priority is Priority.INTERACTIVE else tenant_chunks * workers
    return fairness.pending(priority, room, per_tenant=most, unsent_only=True)


def mark_sent(chunk_ids: Collection[int]) -> None:
    """Once the broker has confirmed them. A crash before this sends them twice."""
    Chunk.objects.filter(pk__in=chunk_ids, state=ChunkState.PENDING).update(dispatched_at=Now())


def send_lost_again(priority: Priority) -> int:
    """The caller has seen that the broker holds no message of this priority."""
    return Chunk.objects.filter(
        state=ChunkState.PENDING,
        priority=priority,
        dispatched_at__lt=Now() - Value(LOST_AFTER),
    ).update(dispatched_at=None)

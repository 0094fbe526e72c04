"""How much work lies in the database, for Prometheus: the same whichever process is asked.

Each figure is a look into an index over work that is not done; what is done is never counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.db import DatabaseError, connection
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callgauge.flow import disk
from callgauge.flow.dispatch import count_workers
from callgauge.flow.fairness import NOT_AT_WORK
from callgauge.store.models import (
    ASKED_FOR,
    BatchStep,
    Chunk,
    ChunkState,
    ErrandState,
    JudgeBatch,
    Priority,
    Rerun,
    RerunState,
    WebhookDelivery,
)

log = logging.getLogger(__name__)

STATES = (RerunState.PLANNED, RerunState.RUNNING, RerunState.PAUSED)


class Gauges(Collector):
    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("callgauge_database_up", "1 where the database can be read.")
        try:
            found = [*_chunks(), *_reruns(), _workers(), *_webhooks(), _disk()]
        except DatabaseError as error:
            log.warning("the database cannot be read for metrics: %s", type(error).__name__)
            connection.close()
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *found]


class ClosingGauges(Gauges):
    """For a thread that no request ends: the connection is given back each time."""

    def collect(self) -> Iterable[Metric]:
        try:
            return list(super().collect())
        finally:
            connection.close()


def _chunks() -> Iterable[Metric]:
    waiting = GaugeMetricFamily(
        "callgauge_queue_chunks",
        "Chunks that wait; those of paused reruns are left out.",
        labels=["priority"],
    )
    oldest = GaugeMetricFamily(
        "callgauge_queue_oldest_seconds", "Age of the oldest of them.", labels=["priority"]
    )
    leased = GaugeMetricFamily("callgauge_leased_chunks", "Chunks that are worked on.", labels=["priority"])
    expired = GaugeMetricFamily("callgauge_expired_leases", "Chunks whose worker is gone.")
    pending = Chunk.objects.filter(state=ChunkState.PENDING).exclude(rerun__state__in=NOT_AT_WORK).order_by()
    by_priority = {
        row["priority"]: row
        for row in pending.values("priority").annotate(count=Count("id"), oldest=Min("created_at"), now=Now())
    }
    held = Chunk.objects.filter(state=ChunkState.LEASED).order_by()
    under_way = dict(held.values_list("priority").annotate(Count("id")))
    for priority in Priority:
        row, name = by_priority.get(priority), [priority.name.lower()]
        waiting.add_metric(name, row["count"] if row else 0)
        oldest.add_metric(name, max(0.0, (row["now"] - row["oldest"]).total_seconds()) if row else 0.0)
        leased.add_metric(name, under_way.get(priority, 0))
    expired.add_metric([], held.filter(lease_until__lt=Now()).count())
    return [waiting, oldest, leased, expired]


def _reruns() -> Iterable[Metric]:
    """What somebody asked for and is not done. Found by their chunks: most reruns are one live call each,
    done long ago, and no index tells the others."""
    reruns = GaugeMetricFamily(
        "callgauge_reruns", "Reruns that are not done, but for single live calls.", labels=["state"]
    )
    failed = GaugeMetricFamily("callgauge_reruns_failed_results", "Failed results of those reruns so far.")
    left = Chunk.objects.filter(state__in=[ChunkState.PENDING, ChunkState.LEASED]).values("rerun_id")
    batched = JudgeBatch.objects.filter(~Q(step=BatchStep.ENDED)).values("rerun_id")
    unfinished = Rerun.objects.filter(
        Q(pk__in=left) | Q(pk__in=batched), kind__in=ASKED_FOR, state__in=STATES
    )
    rows = {
        state: (count, failures)
        for state, count, failures in unfinished.order_by()
        .values_list("state")
        .annotate(Count("id"), Sum("failed"))
    }
    for state in STATES:
        reruns.add_metric([state.value], rows.get(state, (0, 0))[0])
    failed.add_metric([], sum(failures for _, failures in rows.values()))
    return [reruns, failed]


def _disk() -> Metric:
    room = GaugeMetricFamily("callgauge_disk_free_bytes", "Free space on the data folder's disk.")
    room.add_metric([], disk.free_bytes())
    return room


def _workers() -> Metric:
    workers = GaugeMetricFamily("callgauge_workers", "`callgauge worker` processes that said they are there.")
    workers.add_metric([], count_workers())
    return workers


def _webhooks() -> Iterable[Metric]:
    waiting = GaugeMetricFamily("callgauge_webhooks_waiting", "Webhooks that are to be sent.")
    overdue = GaugeMetricFamily(
        "callgauge_webhooks_overdue_seconds",
        "How long the one that is due the longest has waited.",
    )
    open_ones = WebhookDelivery.objects.filter(state__in=[ErrandState.QUEUED, ErrandState.IN_PROGRESS])
    row = open_ones.aggregate(count=Count("id"), first=Min("due_at", filter=Q(state=ErrandState.QUEUED)))
    waited = 0.0 if row["first"] is None else (timezone.now() - row["first"]).total_seconds()
    waiting.add_metric([], row["count"])
    overdue.add_metric([], max(0.0, waited))
    return [waiting, overdue]

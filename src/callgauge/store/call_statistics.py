"""Figures over many calls, worked out by the database. What was not measured is counted apart, never as 0."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from callgauge.store.models import CallLog, MetricResult, ResultOutcome
from callgauge.store.resets import pending_resets

TOP = 20
"""Reasons for the end of calls that are named; the others are counted together."""


@dataclass(frozen=True, slots=True)
class Tally:
    calls: int
    succeeded: int
    failed: int
    reviewed: int
    mean_secs: float | None
    total_secs: float | None
    first: Any
    last: Any

    @property
    def undecided(self) -> int:
        return self.calls - self.succeeded - self.failed

    @property
    def success_rate(self) -> float | None:
        """Of the calls with a verdict; None where there is none."""
        decided = self.succeeded + self.failed
        return self.succeeded / decided if decided else None


def tally(calls: QuerySet[CallLog], project_ids: Collection[int]) -> Tally:
    covered = pending_resets(*project_ids).covered()
    believed = Q() if covered is None else ~covered
    found = calls.order_by().aggregate(
        calls=Count("pk"),
        succeeded=Count("pk", filter=believed & Q(success=True)),
        failed=Count("pk", filter=believed & Q(success=False)),
        reviewed=Count("pk", filter=Q(is_reviewed=True)),
        mean_secs=Avg("duration_secs"),
        total_secs=Sum("duration_secs"),
        first=Min("timestamp"),
        last=Max("timestamp"),
    )
    return Tally(**found)


def by_day(calls: QuerySet[CallLog]) -> list[dict[str, Any]]:
    """UTC days with calls, the oldest first."""
    rows = calls.order_by().annotate(day=TruncDate("timestamp")).values("day").annotate(calls=Count("pk"))
    return [{"date": row["day"], "calls": row["calls"]} for row in rows.order_by("day")]


def by_ending(calls: QuerySet[CallLog]) -> list[dict[str, Any]]:
    """The most frequent reasons first; an empty one stands for calls that gave none."""
    rows = calls.order_by().values("call_ended_reason").annotate(calls=Count("pk"))
    return list(rows.order_by("-calls", "call_ended_reason")[:TOP])


def by_metric(calls: QuerySet[CallLog]) -> list[dict[str, Any]]:
    """The current results of each metric on these calls, in the order of the metrics' ids."""
    scored = Q(outcome=ResultOutcome.SCORED)
    rows = (
        MetricResult.objects.filter(call__in=calls.order_by().values("pk"), is_current=True)
        .values("metric_id", "metric__name", "version__eval_type")
        .annotate(
            scored=Count("pk", filter=scored),
            skipped=Count("pk", filter=Q(outcome=ResultOutcome.SKIPPED)),
            failed=Count("pk", filter=Q(outcome=ResultOutcome.FAILED)),
            passes=Count("pk", filter=scored & Q(passed=True)),
            decided=Count("pk", filter=scored & Q(passed__isnull=False)),
            mean=Avg("number", filter=scored),
        )
        .order_by("metric_id", "version__eval_type")
    )
    return list(rows)

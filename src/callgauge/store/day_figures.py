"""Counts over the calls of a stretch of time, by day or hour (UTC), worked out by the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Func, Max, Q, Sum
from django.db.models.sql.compiler import SQLCompiler

from callgauge.store.models import CallLog, MetricResult, ResultOutcome

DAY_CHARS, HOUR_CHARS = 10, 13
"""Of 2026-11-30 18:00:00 that are the same for all calls of a day, and of an hour."""


class Begins(Func):
    """The first characters of a time as text. Django's own TruncDate is a Python function on SQLite, called
    for each row: a tenth of a second per 10,000 calls."""

    output_field = CharField()

    def __init__(self, moment: str, chars: int) -> None:
        super().__init__(F(moment))
        self.chars = chars

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template=f"substr(%(expressions)s, 1, {self.chars})")

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **more: Any) -> Any:
        form = "YYYY-MM-DD" if self.chars == DAY_CHARS else "YYYY-MM-DD HH24"
        return self.as_sql(
            compiler, connection, template=f"to_char(%(expressions)s AT TIME ZONE 'UTC', '{form}')"
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """The calls of a project or of one agent, from `start` to before `end`; deleted ones are left out."""

    project_id: int
    agent_id: int | None
    start: datetime
    end: datetime

    def filters(self, prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {
            f"{prefix}project_id": self.project_id,
            f"{prefix}deleted_at": None,
            f"{prefix}timestamp__gte": self.start,
            f"{prefix}timestamp__lt": self.end,
        }
        return found if self.agent_id is None else {**found, f"{prefix}agent_id": self.agent_id}


@dataclass(frozen=True, slots=True)
class CallCounts:
    bucket: str
    agent_id: int | None
    calls: int
    passed: int
    unmeasured: int
    """Of those that passed: no metric of the rubric had a value."""
    failed: int
    pending: int
    """Of those without a verdict: being measured, or waiting for it."""
    reviewed: int
    changed: datetime
    """When one of them last changed; every verdict of the machine or of a person changes its call."""

    def __add__(self, other: CallCounts) -> CallCounts:
        return CallCounts(
            self.bucket if self.bucket == other.bucket else "",
            self.agent_id if self.agent_id == other.agent_id else None,
            self.calls + other.calls,
            self.passed + other.passed,
            self.unmeasured + other.unmeasured,
            self.failed + other.failed,
            self.pending + other.pending,
            self.reviewed + other.reviewed,
            max(self.changed, other.changed),
        )

    @property
    def fingerprint(self) -> str:
        counts = (self.calls, self.passed, self.failed, self.pending, self.reviewed)
        return ":".join([*map(str, counts), self.changed.isoformat()])


def count_calls(stretch: Stretch, chars: int) -> list[CallCounts]:
    """By bucket and agent."""
    rows = (
        CallLog.objects.filter(**stretch.filters())
        .order_by()
        .annotate(bucket=Begins("timestamp", chars))
        .values_list("bucket", "agent_id")
        .annotate(
            calls=Count("pk"),
            passed=Count("pk", filter=Q(success=True)),
            unmeasured=Count("pk", filter=Q(success=True, passed_unmeasured=True)),
            failed=Count("pk", filter=Q(success=False)),
            pending=Count("pending_rerun_id"),
            reviewed=Count("pk", filter=Q(is_reviewed=True)),
            changed=Max("updated_at"),
        )
    )
    return [CallCounts(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """The current results of one metric version by one judge, on the calls of one day or hour."""

    bucket: str
    metric_id: int
    version_id: int
    judge: str
    scored: int
    skipped: int
    failed: int
    passed: int
    decided: int
    """Of those scored: with a pass or a fail."""
    total: float
    numbers: int
    """Of those scored: with a number; `total` is their sum."""
    cost_usd: float
    priced: int
    """Results whose cost is known, nothing included."""
    asked: int
    """Results for which a judge was asked."""


def count_results(stretch: Stretch, chars: int) -> list[ResultCounts]:
    scored = Q(outcome=ResultOutcome.SCORED)
    rows = (
        MetricResult.objects.filter(is_current=True, **stretch.filters("call__"))
        .annotate(bucket=Begins("call__timestamp", chars))
        .values_list("bucket", "metric_id", "version_id", "judge_model")
        .annotate(
            n_scored=Count("pk", filter=scored),
            n_skipped=Count("pk", filter=Q(outcome=ResultOutcome.SKIPPED)),
            n_failed=Count("pk", filter=Q(outcome=ResultOutcome.FAILED)),
            n_passed=Count("pk", filter=scored & Q(passed=True)),
            n_decided=Count("pk", filter=scored & Q(passed__isnull=False)),
            total=Sum("number", filter=scored),
            numbers=Count("number", filter=scored),
            cost=Sum("cost_usd"),
            priced=Count("cost_usd"),
            asked=Count("pk", filter=Q(judge_requests__gt=0)),
        )
        .order_by("bucket", "metric_id", "version_id", "judge_model")
    )
    return [_result_counts(*row) for row in rows]


def _result_counts(*row: Any) -> ResultCounts:
    """A sum over nothing is no number in SQL."""
    values: list[Any] = [0.0 if value is None else value for value in row]
    return ResultCounts(*values)


def numbers_of(stretch: Stretch, metric_ids: Collection[int], chars: int) -> list[tuple[str, int, float]]:
    """Bucket, metric and value of each current number of these metrics, the smallest first."""
    if not metric_ids:
        return []
    rows = (
        MetricResult.objects.filter(
            is_current=True,
            metric_id__in=metric_ids,
            outcome=ResultOutcome.SCORED,
            number__isnull=False,
            **stretch.filters("call__"),
        )
        .annotate(bucket=Begins("call__timestamp", chars))
        .order_by("number")
    )
    values = rows.values_list("bucket", "metric_id", "number")
    return [(bucket, metric_id, number) for bucket, metric_id, number in values if number is not None]

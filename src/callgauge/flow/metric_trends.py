"""How metrics do over the newest calls, in steps of time.

A list shows this for every metric at once, so it reads a bounded number of calls and says how many: reading
every result of a large project would take seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import SkipReason
from callgauge.flow.metrics import current_version
from callgauge.store.models import CallLog, Metric, MetricResult, Project, ResultOutcome

DAYS: Final = 30
MOST_CALLS: Final = 2_000
STEPS: Final = 15
_INAPPLICABLE: Final = (SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value)


@dataclass(frozen=True, slots=True)
class Window:
    """The newest calls of a project, and the time they are spread over."""

    since: datetime
    until: datetime
    calls: Mapping[int, tuple[int, int | None]]
    """Step and agent, by the call's id."""
    is_cut: bool
    """There were more than MOST_CALLS, so the time is shorter than DAYS."""

    def starts(self) -> list[datetime]:
        width = (self.until - self.since) / STEPS
        return [self.since + number * width for number in range(STEPS)]


@dataclass(slots=True)
class Step:
    n: int = 0
    """Results with a value."""
    total: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Trend:
    """What the machine found, whatever people said of it afterwards."""

    eval_type: EvalType
    calls: int
    """Calls of the metric's agents in the window: those without a result are among them."""
    steps: Sequence[Step]
    inapplicable: int = 0
    skipped: int = 0
    failed: int = 0
    other_kind: int = 0
    """Values of a version that gave another kind of value: they are in no step."""
    versions: Counter[int] = field(default_factory=Counter)
    """Results with a value, by the id of the version."""

    @property
    def n(self) -> int:
        return sum(step.n for step in self.steps)

    @property
    def label(self) -> str:
        """Of an enum: the most frequent one, whose share is the trend's value."""
        counted = sum((step.labels for step in self.steps), Counter[str]())
        return min(counted, key=lambda label: (-counted[label], label)) if counted else ""

    def value(self, step: Step) -> float | None:
        """Pass rate, mean, or share of the most frequent label; None where nothing was measured."""
        if not step.n:
            return None
        total = step.labels[self.label] if self.eval_type is EvalType.ENUM else step.total
        return total / step.n

    @property
    def values(self) -> list[float | None]:
        return [self.value(step) for step in self.steps]

    @property
    def overall(self) -> float | None:
        labels = sum((step.labels for step in self.steps), Counter[str]())
        return self.value(Step(self.n, sum(step.total for step in self.steps), labels))


def newest_calls(project: Project) -> Window:
    """One query."""
    now = timezone.now()
    since = now - timedelta(days=DAYS)
    rows = list(
        CallLog.objects.filter(project=project, deleted_at=None, timestamp__gt=since)
        .order_by("-timestamp", "-id")
        .values_list("pk", "timestamp", "agent_id")[: MOST_CALLS + 1]
    )
    is_cut = len(rows) > MOST_CALLS
    rows = rows[:MOST_CALLS]
    if is_cut:
        since = rows[-1][1]
    width = max((now - since).total_seconds(), 1.0)

    def step(moment: datetime) -> int:
        return max(0, min(STEPS - 1, int(STEPS * (moment - since).total_seconds() / width)))

    return Window(since, now, {pk: (step(when), agent_id) for pk, when, agent_id in rows}, is_cut)


def trends_of(
    metrics: Sequence[Metric], agents: Mapping[int, Collection[int]], window: Window
) -> dict[int, Trend]:
    """By metric. `agents`: the ids of those that each metric measures. One query."""
    per_agent = Counter(agent_id for _, agent_id in window.calls.values())
    trends = {
        metric.pk: Trend(
            eval_type=EvalType(current_version(metric).eval_type),
            calls=sum(per_agent[agent_id] for agent_id in agents[metric.pk]),
            steps=[Step() for _ in range(STEPS)],
        )
        for metric in metrics
    }
    rows = MetricResult.objects.filter(
        call_id__in=list(window.calls), metric_id__in=list(trends), is_current=True
    ).values_list("call_id", "metric_id", "version_id", "outcome", "reason", "passed", "number", "label")
    for call_id, metric_id, version_id, outcome, reason, *value in rows:
        trend = trends[metric_id]
        if outcome == ResultOutcome.FAILED:
            trend.failed += 1
        elif outcome == ResultOutcome.SKIPPED:
            trend.inapplicable += reason in _INAPPLICABLE
            trend.skipped += reason not in _INAPPLICABLE
        elif _count(trend, trend.steps[window.calls[call_id][0]], *value):
            trend.versions[version_id] += 1
    return trends


def _count(trend: Trend, step: Step, passed: Any, number: Any, label: Any) -> bool:
    match trend.eval_type:
        case EvalType.BINARY:
            value = None if passed is None else float(passed)
        case EvalType.ENUM:
            value = None if label is None else 1.0
        case EvalType.RATING | EvalType.NUMERIC:
            value = number
    if value is None:
        trend.other_kind += 1
        return False
    step.n += 1
    step.total += value
    if label is not None:
        step.labels[label] += 1
    return True

"""What the overview shows: calls and results over time, counted by the database, day by day.

The calls of all days are counted anew each time, which is quick. The results are ten times as many, so those
of a day that was counted already are kept (DayFigures) and believed while the fingerprint of its calls is
the same: whatever changes a current result also changes its call. What has to be counted is counted within
a budget of time; days that are left over are told apart, and the page asks again.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

from django.db import transaction
from django.utils import timezone

from callgauge.store.day_figures import (
    DAY_CHARS,
    HOUR_CHARS,
    CallCounts,
    ResultCounts,
    Stretch,
    count_calls,
    count_results,
    numbers_of,
)
from callgauge.store.models import DayFigures, Metric, Project
from callgauge.store.models.figures import EVERY_AGENT
from callgauge.store.turns import write_turn

DAYS: Final[Mapping[str, int]] = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
"""Windows by name, as the list of calls has them; the first one is shown by the hour."""
SETTLED: Final = timedelta(seconds=60)
"""A change that is younger may belong to a transaction that others are still to follow."""
LATELY_SECS: Final = 15.0
"""Figures that are not sure are shown for that long all the same, or for LATELY_TIMES as long as counting
them took: while a rerun goes on, every day changes all the time, and looking at it must not slow it down."""
LATELY_TIMES: Final = 100.0
"""More than there are days, so that the first is not asked for again before the last was counted."""
KEPT: Final = timedelta(days=100)
"""Longer than the longest window."""
QUANTILES: Final = (0.5, 0.9, 0.95)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Window:
    name: str
    start: datetime
    end: datetime
    buckets: Sequence[str]
    """Days or hours as text, without gaps, the oldest first."""

    @property
    def hourly(self) -> bool:
        return self.name == "24h"

    @property
    def chars(self) -> int:
        return HOUR_CHARS if self.hourly else DAY_CHARS


def window_of(name: str, now: datetime) -> Window:
    """24 h end now and are shown by the hour; the others are whole days (UTC), today included."""
    now = now.astimezone(UTC)
    if name == "24h":
        start = now - timedelta(hours=24)
        first = start.replace(minute=0, second=0, microsecond=0)
        hours = [f"{first + timedelta(hours=step):%Y-%m-%d %H}" for step in range(25)]
        return Window(name, start, now + timedelta(seconds=1), hours)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=DAYS[name] - 1)
    days = [f"{start + timedelta(days=step):%Y-%m-%d}" for step in range(DAYS[name])]
    return Window(name, start, today + timedelta(days=1), days)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of one metric's numbers on the calls of one day or hour."""

    metric_id: int
    n: int
    values: Sequence[float]
    """For QUANTILES, each a value that occurred (nearest rank)."""


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    calls: CallCounts | None
    """None where there were no calls."""
    results: Sequence[ResultCounts] = ()
    quantiles: Sequence[Quantiles] = ()
    counted: bool = True
    """False: there are results that were not counted yet."""


@dataclass(frozen=True, slots=True)
class Figures:
    window: Window
    buckets: Sequence[Bucket] = ()
    agents: Mapping[int | None, CallCounts] = field(default_factory=dict)
    """The calls of each agent; None: of no agent that is there still."""

    @property
    def uncounted(self) -> int:
        return sum(not bucket.counted for bucket in self.buckets)


def figures_of(project: Project, agent_id: int | None, window: Window, budget_secs: float) -> Figures:
    until = time.monotonic() + budget_secs
    whole = Stretch(project.pk, agent_id, window.start, window.end)
    counts_of_all = count_calls(whole, window.chars)
    calls = _added_up(counts_of_all, lambda one: one.bucket)
    agents = _added_up(counts_of_all, lambda one: one.agent_id)
    timed = _timed_metrics(project.pk)
    if window.hourly:
        counted = _count(whole, timed, window.chars)
        hours = [_bucket(name, calls.get(name), counted.get(name)) for name in window.buckets]
        return Figures(window, hours, agents)
    kept = _kept(project.pk, agent_id, list(calls))
    buckets: list[Bucket] = []
    did_one = False
    for name in reversed(window.buckets):  # the newest days first: they are looked at most
        counts = calls.get(name)
        if counts is None:
            buckets.append(Bucket(name, None))
            continue
        found = _believed(kept.get(name), counts)
        if found is None and (time.monotonic() < until or not did_one):
            did_one = True
            found = _count_day(project.pk, agent_id, name, counts, timed)
        buckets.append(_bucket(name, counts, found) if found else Bucket(name, counts, counted=False))
    return Figures(window, buckets[::-1], agents)


def _added_up(rows: Iterable[CallCounts], key: Callable[[CallCounts], Key]) -> dict[Key, CallCounts]:
    found: dict[Key, CallCounts] = {}
    for row in rows:
        name = key(row)
        found[name] = found[name] + row if name in found else row
    return found


@dataclass(slots=True)
class _Counted:
    results: list[ResultCounts] = field(default_factory=list)
    quantiles: list[Quantiles] = field(default_factory=list)


def _bucket(name: str, calls: CallCounts | None, counted: _Counted | None) -> Bucket:
    found = counted or _Counted()
    return Bucket(name, calls, found.results, found.quantiles)


def _timed_metrics(project_id: int) -> list[int]:
    """Metrics whose quantiles are shown: how long the agent takes to answer."""
    return list(
        Metric.objects.filter(
            project_id=project_id, deleted_at=None, current_version__built_in="latency"
        ).values_list("pk", flat=True)
    )


def _count(stretch: Stretch, timed: Collection[int], chars: int) -> dict[str, _Counted]:
    found: dict[str, _Counted] = defaultdict(_Counted)
    for row in count_results(stretch, chars):
        found[row.bucket].results.append(row)
    numbers: dict[tuple[str, int], list[float]] = defaultdict(list)
    for bucket, metric_id, value in numbers_of(stretch, timed, chars):
        numbers[bucket, metric_id].append(value)
    for (bucket, metric_id), values in numbers.items():
        found[bucket].quantiles.append(Quantiles(metric_id, len(values), quantiles(values)))
    return found


def quantiles(ordered: Sequence[float]) -> list[float]:
    """By nearest rank: the smallest value that at least that share of all does not exceed."""
    return [ordered[math.ceil(share * len(ordered)) - 1] for share in QUANTILES]


# --- days that were counted already -----------------------------------------------------------------------


def _kept(project_id: int, agent_id: int | None, days: Sequence[str]) -> dict[str, DayFigures]:
    rows = DayFigures.objects.filter(project_id=project_id, agent=agent_id or EVERY_AGENT, day__in=days)
    return {row.day: row for row in rows}


def _believed(row: DayFigures | None, counts: CallCounts) -> _Counted | None:
    if row is None:
        return None
    read = json.loads(row.figures)
    same = row.fingerprint == counts.fingerprint
    if not (same and row.computed_at - counts.changed >= SETTLED):
        age_secs = (timezone.now() - row.computed_at).total_seconds()
        if not (same or counts.pending) or age_secs > max(LATELY_SECS, LATELY_TIMES * read["secs"]):
            return None
    return _Counted(
        [ResultCounts(**one) for one in read["results"]], [Quantiles(**one) for one in read["quantiles"]]
    )


def _count_day(
    project_id: int, agent_id: int | None, day: str, counts: CallCounts, timed: Collection[int]
) -> _Counted:
    start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    now, began = timezone.now(), time.monotonic()
    stretch = Stretch(project_id, agent_id, start, start + timedelta(days=1))
    counted = _count(stretch, timed, DAY_CHARS).get(day, _Counted())
    secs = time.monotonic() - began
    with write_turn(), transaction.atomic():
        DayFigures.objects.update_or_create(
            project_id=project_id,
            agent=agent_id or EVERY_AGENT,
            day=day,
            defaults={
                "fingerprint": counts.fingerprint,
                "figures": json.dumps({**asdict(counted), "secs": secs}),
                "computed_at": now,
            },
        )
        too_old = f"{now - KEPT:%Y-%m-%d}"
        DayFigures.objects.filter(project_id=project_id, day__lt=too_old).delete()
    return counted

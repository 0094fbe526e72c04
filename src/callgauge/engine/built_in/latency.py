"""Latency (ms) from the transcript's times: how long the caller waits for each answer of the agent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from callgauge.domain.calls import Call, Role, Turn
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Scored, Skipped, SkipReason, Value

MAX_OVERLAP_SECS = 0.15
"""An agent turn that starts so long before the caller's end broke in: an interruption (`interruption_score`),
not an answer whose latency could be told. A smaller overlap is an answer at once, 0 ms."""

PERCENTILES = (25, 50, 75, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Gap:
    """One answer of the agent: its turn, when it began, and how long after the caller's end."""

    turn: int
    start_secs: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Gaps:
    measured: Sequence[Gap]
    untimed: int
    """Answers for which the transcript has not both times."""


def gaps(call: Call) -> Gaps:
    """Every agent turn that directly follows a caller turn (tool turns between them do not count)."""
    measured: list[Gap] = []
    untimed = 0
    before: Turn | None = None
    for index, turn in enumerate(call.turns):
        if turn.role is Role.AGENT and before is not None and before.role is Role.CALLER:
            end = _end(before)
            if end is None or turn.start_secs is None:
                untimed += 1
            elif round(end - turn.start_secs, 3) < MAX_OVERLAP_SECS:
                latency_ms = max(0.0, round((turn.start_secs - end) * 1000, 1))
                measured.append(Gap(index, turn.start_secs, latency_ms))
        if turn.role in (Role.AGENT, Role.CALLER):
            before = turn
    return Gaps(tuple(measured), untimed)


def _end(turn: Turn) -> float | None:
    """Providers that know only starts repeat the start as the end: such a turn has no end."""
    if turn.start_secs is None or turn.end_secs is None or turn.end_secs <= turn.start_secs:
        return None
    return turn.end_secs


def percentile(values: Sequence[float], percent: float) -> float:
    """By linear interpolation between the closest ranks (Hyndman and Fan 1996, definition 7)."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def score(call: Call, _spec: MetricSpec) -> Scored | Skipped:
    """Numeric, mean milliseconds. Skipped for want of times, or where the agent never answers the caller."""
    found = gaps(call)
    if not found.measured:
        if found.untimed:
            return Skipped(
                SkipReason.NO_TIMES, ("The transcript does not say when the turns begin and end.",)
            )
        return Skipped(SkipReason.NOT_APPLICABLE, ("The agent never answers a turn of the caller.",))
    values = [gap.latency_ms for gap in found.measured]
    mean = round(fmean(values), 1)
    percentiles = {f"p{percent}_ms": round(percentile(values, percent), 1) for percent in PERCENTILES}
    return Scored(
        Value(number=mean),
        explanation=(
            f"The agent answered after {mean:g} ms on average over {len(values)} turns "
            f"(median {percentiles['p50_ms']:g} ms, 95th percentile {percentiles['p95_ms']:g} ms).",
            "Measured from the transcript's times, which are coarser than the recording.",
        ),
        extra={
            "source": "transcript",
            **percentiles,
            "events": [
                {"turn": gap.turn, "start_secs": gap.start_secs, "latency_ms": gap.latency_ms}
                for gap in found.measured
            ],
            "untimed_answers": found.untimed,
        },
    )

"""Interruption Score (0 to 5) from the transcript's times: how rarely the agent breaks in on the caller."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from callgauge.domain.calls import Call, Role
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Scored, Skipped, SkipReason, Value

MIN_OVERLAP_SECS = 0.15
"""Both must speak for this long; transcript times are no finer."""
MAX_BACKCHANNEL_SECS = 0.75
"""An "uh-huh" of at most this length that ends before the caller does leaves the floor where it was."""

MAX_SCORE = 5.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """The agent's turn that broke in, when, and how long both spoke (None: its end is unknown)."""

    turn: int
    start_secs: float
    overlap_secs: float | None


@dataclass(frozen=True, slots=True)
class Floor:
    interruptions: Sequence[Interruption]
    backchannels: int
    agent_turns: int
    """Agent turns with a start; the ones that could be judged."""
    caller_turns: int
    """Caller turns with a start and an end."""


def floor(call: Call) -> Floor:
    """Where an agent turn starts after the caller has begun and before the caller ends."""
    callers = sorted(
        (turn.start_secs, turn.end_secs)
        for turn in call.turns
        if turn.role is Role.CALLER and turn.start_secs is not None and turn.end_secs is not None
        if turn.end_secs > turn.start_secs
    )
    starts = [start for start, _ in callers]
    agents = [
        (i, turn.start_secs, turn.end_secs)
        for i, turn in enumerate(call.turns)
        if turn.role is Role.AGENT and turn.start_secs is not None
    ]
    interruptions: list[Interruption] = []
    backchannels = 0
    for index, start, end in agents:
        last = bisect_left(starts, start) - 1
        if last < 0:
            continue
        caller_end = callers[last][1]
        overlap = round((caller_end if end is None else min(end, caller_end)) - start, 3)
        if overlap < MIN_OVERLAP_SECS:
            continue
        if end is not None and end < caller_end and end - start <= MAX_BACKCHANNEL_SECS:
            backchannels += 1
        else:
            interruptions.append(Interruption(index, start, None if end is None else overlap))
    return Floor(tuple(interruptions), backchannels, len(agents), len(callers))


def score(call: Call, _spec: MetricSpec) -> Scored | Skipped:
    """Rating, `5 * (1 - interruptions / agent turns)`. Skipped for want of times, or of a party."""
    if {turn.role for turn in call.spoken} != {Role.AGENT, Role.CALLER}:
        return Skipped(SkipReason.NOT_APPLICABLE, ("Only one party speaks in this call.",))
    found = floor(call)
    if not found.agent_turns or not found.caller_turns:
        return Skipped(SkipReason.NO_TIMES, ("The transcript does not say when the turns begin and end.",))
    count = len(found.interruptions)
    rating = MAX_SCORE * (1 - count / found.agent_turns)
    return Scored(
        Value(number=round(min(MAX_SCORE, max(0.0, rating)), 2)),
        explanation=(
            f"The agent broke in on the caller in {count} of {found.agent_turns} turns.",
            "Measured from the transcript's times, which are coarser than the recording.",
        ),
        extra={
            "source": "transcript",
            "interruptions": count,
            "backchannels": found.backchannels,
            "turns": found.agent_turns,
            "min_overlap_ms": round(MIN_OVERLAP_SECS * 1000),
            "events": [
                {"turn": one.turn, "start_secs": one.start_secs, "overlap_secs": one.overlap_secs}
                for one in found.interruptions
            ],
        },
    )

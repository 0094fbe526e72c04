"""Who breaks in on whom, how fast the agent stops, and the Interruption Score, from the recording."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from callgauge.audio import Analysis, Party
from callgauge.audio.analysis import Interruption
from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Scored, Skipped, SkipReason, Value
from callgauge.engine.heard.heard import caveats, doubtful, percentiles, setting, told

MIN_OVERLAP_MS = 150.0
"""By definition; a metric may ask for more."""
MAX_SCORE = 5.0


def count(by: Party) -> Callable[[Call, MetricSpec, Analysis], Scored]:
    """A metric that counts the interruptions by one party."""

    def score(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored:
        found = _interruptions(call, spec, analysis, by)
        sure = [one.confidence for one in found]
        other = Party.CALLER if by is Party.AGENT else Party.AGENT
        yielded = sum(one.stop_ms is not None for one in found)
        if found:
            said = f"The {by} broke in on the {other} {_times(len(found))}"
            said += f"; the {other} gave way {_times(yielded)}."
        else:
            said = f"The {by} never broke in on the {other}."
        return Scored(
            Value(number=float(len(found))),
            (said, *caveats(analysis, sure)),
            low_trust=doubtful(analysis, sure),
            extra=told(
                analysis,
                sure,
                **_thresholds(call, spec),
                backchannels=sum(one.by is by for one in analysis.backchannels),
                events=[_event(one) for one in found],
            ),
        )

    return score


def stop_time(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Numeric, mean milliseconds from the caller's onset over the agent to the agent's silence."""
    found = _interruptions(call, spec, analysis, Party.CALLER)
    stopped = [one for one in found if one.stop_ms is not None]
    times = [one.stop_ms for one in stopped if one.stop_ms is not None]
    if not times:
        words = "The caller never broke in on the agent."
        if found:
            words = f"The caller broke in {_times(len(found))}, and the agent talked on each time."
        return Skipped(SkipReason.NOT_APPLICABLE, (words,), extra=told(analysis, talked_on=len(found)))
    sure = [one.confidence for one in stopped]
    mean = round(fmean(times), 1)
    talked_on = len(found) - len(stopped)
    more = f" It talked on {_times(talked_on)} more." if talked_on else ""
    return Scored(
        Value(number=mean),
        (
            f"The agent stopped {mean:g} ms after the caller broke in, on average over {len(times)}.{more}",
            *caveats(analysis, sure),
        ),
        low_trust=doubtful(analysis, sure),
        extra=told(
            analysis,
            sure,
            **_thresholds(call, spec),
            **percentiles(times),
            talked_on=talked_on,
            events=[_event(one) for one in found],
        ),
    )


def rating(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Rating, `5 * (1 - agent interruptions / agent turns)`."""
    turns = sum(turn.party is Party.AGENT for turn in analysis.turns)
    if not turns or not any(turn.party is Party.CALLER for turn in analysis.turns):
        words = ("Only one party speaks in this recording.",)
        return Skipped(SkipReason.NOT_APPLICABLE, words, extra=told(analysis))
    found = _interruptions(call, spec, analysis, Party.AGENT)
    sure = [one.confidence for one in found]
    value = MAX_SCORE * (1 - len(found) / turns)
    return Scored(
        Value(number=round(min(MAX_SCORE, max(0.0, value)), 2)),
        (f"The agent broke in on the caller in {len(found)} of {turns} turns.", *caveats(analysis, sure)),
        low_trust=doubtful(analysis, sure),
        extra=told(
            analysis,
            sure,
            interruptions=len(found),
            backchannels=sum(one.by is Party.AGENT for one in analysis.backchannels),
            turns=turns,
            **_thresholds(call, spec),
            events=[_event(one) for one in found],
        ),
    )


def _thresholds(call: Call, spec: MetricSpec) -> dict[str, float]:
    return {
        "min_overlap_ms": max(MIN_OVERLAP_MS, setting(call, spec, "min_overlap_ms", MIN_OVERLAP_MS)),
        "min_confidence": setting(call, spec, "min_confidence", 0.0),
    }


def _interruptions(call: Call, spec: MetricSpec, analysis: Analysis, by: Party) -> list[Interruption]:
    least, sure = _thresholds(call, spec).values()
    return [
        one
        for one in analysis.interruptions
        if one.by is by and one.overlap_ms >= least and one.confidence >= sure
    ]


def _event(one: Interruption) -> dict[str, object]:
    return {
        "start_secs": one.start,
        "by": str(one.by),
        "overlap_ms": one.overlap_ms,
        "stop_ms": one.stop_ms,
        "confidence": one.confidence,
    }


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")

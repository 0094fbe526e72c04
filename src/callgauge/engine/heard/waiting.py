"""Latency, Infrastructure Issues and silence, from the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from callgauge.audio import Analysis, Party
from callgauge.domain.calls import Call, Role
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Scored, Skipped, SkipReason, Value
from callgauge.engine.heard.heard import caveats, doubtful, percentiles, setting, told

SILENCE_SECS = 10.0
TIMEOUT_SECS = 10.0


def latency(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Numeric, mean milliseconds from the end of the caller's speech to the agent's first sound."""
    least = setting(call, spec, "min_confidence", 0.0)
    found = [one for one in analysis.latencies if one.confidence >= least]
    if not found:
        words = ("The agent never answers a turn of the caller.",)
        return Skipped(SkipReason.NOT_APPLICABLE, words, extra=told(analysis))
    values = [one.latency_ms for one in found]
    sure = [one.confidence for one in found]
    mean = round(fmean(values), 1)
    shares = percentiles(values)
    return Scored(
        Value(number=mean),
        (
            f"The agent answered after {mean:g} ms on average over {len(values)} turns "
            f"(median {shares['p50_ms']:g} ms, 95th percentile {shares['p95_ms']:g} ms).",
            "Measured in the recording.",
            *caveats(analysis, sure),
        ),
        low_trust=doubtful(analysis, sure),
        extra=told(
            analysis,
            sure,
            min_confidence=least,
            **shares,
            events=[
                {
                    "start_secs": one.agent_start,
                    "caller_end_secs": one.caller_end,
                    "latency_ms": one.latency_ms,
                    "confidence": one.confidence,
                }
                for one in found
            ],
        ),
    )


def silence(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored:
    """Binary: passes where both are never silent for longer than `silence_duration` seconds."""
    longest = setting(call, spec, "silence_duration", SILENCE_SECS)
    found = [span for span in analysis.silences if span[1] - span[0] > longest]
    extra = {**told(analysis), **_spans(found, longest)}
    return Scored(Value(passed=not found), _silent(found, longest), extra=extra)


def silence_in_transcript(call: Call, spec: MetricSpec) -> Scored | Skipped:
    """The same between the turns of the transcript."""
    longest = setting(call, spec, "silence_duration", SILENCE_SECS)
    times = sorted(
        (turn.start_secs, turn.end_secs)
        for turn in call.spoken
        if turn.start_secs is not None and turn.end_secs is not None and turn.end_secs > turn.start_secs
    )
    if len(times) < len(call.spoken) or not times:
        return Skipped(SkipReason.NO_TIMES, ("The transcript does not say when the turns begin and end.",))
    found, until = [], 0.0
    for start, end in times:
        if start - until > longest:
            found.append((until, start))
        until = max(until, end)
    return Scored(
        Value(passed=not found),
        _silent(found, longest),
        low_trust=True,
        extra={"source": "transcript", **_spans(found, longest)},
    )


def _silent(found: Sequence[tuple[float, float]], longest: float) -> tuple[str, ...]:
    if not found:
        return (f"Both were never silent for more than {longest:g} s.",)
    return tuple(
        f"Both were silent for {end - start:.1f} s, from {start:.1f} s on." for start, end in found[:10]
    )


def _spans(found: Sequence[tuple[float, float]], longest: float) -> dict[str, object]:
    return {
        "silence_duration": longest,
        "events": [
            {"start_secs": start, "end_secs": end, "secs": round(end - start, 3)} for start, end in found
        ],
    }


Wait = tuple[float, float | None]
"""When the caller's turn ended, and when the agent began to answer; None where it never did."""


def infrastructure(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Binary: passes where the agent answers each turn of the caller within `infra_issues_timeout` s."""
    limit = setting(call, spec, "infra_issues_timeout", TIMEOUT_SECS)
    agent = [span[0] for span in analysis.speech_agent]
    turns = [turn for turn in analysis.turns if turn.party is Party.CALLER]
    resumed = [turn.start for turn in turns[1:]] + [analysis.duration_secs]
    waits = [_wait(turn.end, until, agent) for turn, until in zip(turns, resumed, strict=True)]
    if not waits:
        return Skipped(SkipReason.NOT_APPLICABLE, ("The caller never speaks.",), extra=told(analysis))
    outcome = _answered(waits, limit, analysis.duration_secs, told(analysis), low=doubtful(analysis))
    return replace(outcome, explanation=(*outcome.explanation, *caveats(analysis)))


def infrastructure_in_transcript(call: Call, spec: MetricSpec) -> Scored | Skipped:
    """The same by the transcript's times."""
    limit = setting(call, spec, "infra_issues_timeout", TIMEOUT_SECS)
    starts = [turn.start_secs for turn in call.turns if turn.role is Role.AGENT]
    agent = [start for start in starts if start is not None]
    callers = [
        (turn.start_secs, turn.end_secs)
        for turn in call.turns
        if turn.role is Role.CALLER and turn.start_secs is not None and turn.end_secs is not None
    ]
    if not callers or not agent:
        return Skipped(SkipReason.NO_TIMES, ("The transcript does not say when the turns begin and end.",))
    end_of_call = call.duration_secs or max(end for _, end in callers)
    resumed = [start for start, _ in callers[1:]] + [end_of_call]
    waits = [_wait(end, until, agent) for (_, end), until in zip(callers, resumed, strict=True)]
    return _answered(waits, limit, end_of_call, {"source": "transcript"}, low=True)


def _wait(end: float, until: float, agent: Sequence[float]) -> Wait:
    """The caller who goes on by itself was not answered until then."""
    return end, next((start for start in agent if end - 0.5 <= start <= until), None)


def _answered(
    waits: Sequence[Wait], limit: float, end: float, extra: dict[str, object], *, low: bool
) -> Scored:
    """A call that ends before the time is up tells nothing of its last turn."""
    late = [
        (start, answer, (answer if answer is not None else end) - start)
        for start, answer in waits
        if (answer if answer is not None else end) - start > limit
    ]
    if late:
        said = tuple(
            f"No answer of the agent for {secs:.1f} s, from {start:.1f} s on." for start, _, secs in late
        )
    else:
        said = (f"The agent answered every turn of the caller within {limit:g} s.",)
    return Scored(
        Value(passed=not late),
        said[:10],
        low_trust=low,
        extra={
            **extra,
            "infra_issues_timeout": limit,
            "events": [
                {"start_secs": start, "answer_secs": answer, "secs": round(secs, 3)}
                for start, answer, secs in late
            ],
        },
    )

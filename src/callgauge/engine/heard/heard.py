"""What metrics from the recording have in common: what they need, how sure they are, their `extra`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from callgauge.audio import SURE, Analysis
from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, Scored, Skipped, SkipReason
from callgauge.engine.built_in.latency import PERCENTILES, percentile
from callgauge.engine.faults import BadConfiguration

Hearing = Analysis | Skipped | Failed
"""The analysis of a call's recording, or the outcome of every metric that needs it."""
Listen = Callable[[], Awaitable[Hearing]]

NO_RECORDING: Final = Skipped(SkipReason.NO_RECORDING, ("The call has no recording.",))
GUESSED: Final = 0.7
"""Confidence where it is not known for sure which channel is the agent's."""


@dataclass(frozen=True, slots=True)
class HeardMetric:
    """A metric worked out from the analysis of the recording."""

    score: Callable[[Call, MetricSpec, Analysis], Scored | Skipped]
    figure: str = ""
    """What it rests on, of those that `health.refused` may name; empty where it needs no party told apart."""
    fallback: Callable[[Call, MetricSpec], Scored | Skipped] | None = None
    """From the transcript's times, where the recording does not serve."""

    def refusal(self, analysis: Analysis) -> Skipped | None:
        """Why the figure cannot be known from this recording."""
        reason = dict(analysis.health.refused).get(self.figure) if self.figure else None
        if reason is None:
            return None
        mono = analysis.health.agent_channel is None
        return Skipped(
            SkipReason.MONO_RECORDING if mono else SkipReason.POOR_RECORDING,
            (f"It cannot be measured on this recording: {reason}.", *analysis.health.notes),
            extra={"audio": health_of(analysis)},
        )


def told(analysis: Analysis, confidences: Sequence[float] = (), **extra: Any) -> dict[str, Any]:
    """`extra` of a result: where it is from, how sure it is, and the state of the recording."""
    return {
        "source": "recording",
        **extra,
        "confidence": round(confidence(analysis, confidences), 2),
        "audio": health_of(analysis),
    }


def confidence(analysis: Analysis, confidences: Sequence[float] = ()) -> float:
    """The mean of the events' own; never more than the knowledge of who is on which channel."""
    own = fmean(confidences) if confidences else 1.0
    health = analysis.health
    return min(own, GUESSED) if health.swapped or health.agent_channel_source == "guessed" else own


def doubtful(analysis: Analysis, confidences: Sequence[float] = ()) -> bool:
    return confidence(analysis, confidences) < SURE


def caveats(analysis: Analysis, confidences: Sequence[float] = ()) -> tuple[str, ...]:
    """Sentences for a result that is not sure."""
    if not doubtful(analysis, confidences):
        return ()
    notes = "; ".join(analysis.health.notes)
    return ("Not sure: " + (f"{notes}." if notes else "events lie close to the limits of their definition."),)


def health_of(analysis: Analysis) -> dict[str, Any]:
    """The audio health record, without what `refused` says of other figures."""
    health: dict[str, Any] = analysis.to_json()["health"]
    return {name: value for name, value in health.items() if name != "refused"}


def setting(call: Call, spec: MetricSpec, name: str, default: float, *, smallest: float = 0.0) -> float:
    """A number of the metric's configuration, one for all agents or `{"AGENT'S ID": number}` with the default
    for those that are not in it. Raises BadConfiguration."""
    value = spec.configuration.get(name)
    if isinstance(value, Mapping):
        value = value.get(str(call.agent.id))
    if value is None or value == "":
        return default
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not smallest <= value < 1e6:
        raise BadConfiguration(f"{name} in the metric's configuration must be a number from {smallest:g} on.")
    return float(value)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Of milliseconds, by name."""
    return {f"p{percent}_ms": round(percentile(values, percent), 1) for percent in PERCENTILES}

"""Metrics worked out by rule from the transcript alone. A new one is one file, and one line below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome
from callgauge.engine.built_in import interruption_score, latency, tool_call_success

Scorer = Callable[[Call, MetricSpec], Outcome]

BUILT_IN: Final[Mapping[str, Scorer]] = {
    "tool_call_success": tool_call_success.score,
    "latency": latency.score,
    "interruption_score": interruption_score.score,
}

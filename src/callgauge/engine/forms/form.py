"""What a judge metric may do its own way: prepare its question, add material, read its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from callgauge.audio import Analysis
from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Scored, Skipped, Value
from callgauge.engine.fence import Fence


@dataclass(frozen=True, slots=True)
class Reading:
    """What the judge's `value` comes to."""

    value: Value
    notes: tuple[str, ...] = ()
    """Sentences that follow the judge's explanation."""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the analysis of the recording tells the judge, and the `extra` of the result."""

    text: str = ""
    """Our own words and numbers: nothing of the call that would have to be fenced."""
    extra: Mapping[str, Any] = field(default_factory=dict)


def as_it_is(_call: Call, spec: MetricSpec) -> MetricSpec:
    return spec


def nothing_more(_call: Call, _spec: MetricSpec, _fence: Fence) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Each part left out is done as for any judge metric of the eval type."""

    eval_type: EvalType
    """Of the result. A copy whose eval type was changed cannot be asked."""
    prepare: Callable[[Call, MetricSpec], MetricSpec | Scored | Skipped] = as_it_is
    """The metric as it is asked of this call, or an outcome that needs no judge. Raises BadConfiguration."""
    material: Callable[[Call, MetricSpec, Fence], str] = nothing_more
    """Text between the question and the form of the value; call data in it is fenced."""
    value_prompt: str = ""
    """The prompt file that says what `value` must look like."""
    read: Callable[[object, Call, MetricSpec], Reading] | None = None
    """Raises InvalidAnswer."""
    measured: Callable[[Call, MetricSpec, Analysis], Measured] | None = None
    """Where the call has a recording that can be measured. None: nothing of it is asked for."""
    facts: Callable[[Call, MetricSpec], Mapping[str, Any]] | None = None
    """What goes into the `extra` of a scored result besides what `read` gives."""

"""When an alert should fire: read, completed with defaults, refused where it makes no sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AlertKind(StrEnum):
    """The wire's `sub_type`."""

    NORMAL = "normal"
    """Each call that fails the metric."""
    THRESHOLD = "threshold"
    """The mean of the last calls leaves a range."""
    SIGNIFICANT_CHANGE = "significant_change"
    """The mean moves away from its own past (exponentially weighted)."""


PRESETS: Mapping[str, Mapping[str, float]] = {
    "conservative": {"window_size": 100, "std_multiplier": 3.0, "ewma_alpha": 0.10},
    "balanced": {"window_size": 50, "std_multiplier": 2.0, "ewma_alpha": 0.30},
    "aggressive": {"window_size": 25, "std_multiplier": 1.5, "ewma_alpha": 0.50},
}
"""For `significant_change`, as the contract has them."""
DEFAULT_PRESET = "balanced"
DEFAULT_WINDOW = 50
"""Calls."""
MAX_WINDOW = 10_000
OPERATORS = ("gt", "lt", "outside")
DIRECTIONS = ("", "increase", "decrease")


class AlertFault(ValueError):
    """What is wrong with an alert, and in which field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class AlertRule:
    source: Mapping[str, Any]
    threshold: Mapping[str, Any]


def read_rule(source: Any, threshold: Any, preset: str | None) -> AlertRule:
    """Complete what a request says. Explicit values go before a preset's. Raises AlertFault."""
    if not isinstance(source, Mapping):
        raise AlertFault("source", 'Expected an object such as {"sub_type": "normal"}.')
    if threshold is not None and not isinstance(threshold, Mapping):
        raise AlertFault("threshold", "Expected an object.")
    kind = _kind(source.get("sub_type", AlertKind.NORMAL.value))
    if preset is not None and kind is not AlertKind.SIGNIFICANT_CHANGE:
        raise AlertFault("preset", "A preset is for significant_change only.")
    chosen = PRESETS[preset or DEFAULT_PRESET]
    said = dict(threshold or {})
    completed = {**source, "sub_type": kind.value}
    match kind:
        case AlertKind.NORMAL:
            return AlertRule(completed, {})
        case AlertKind.THRESHOLD:
            completed["window_size"] = _window(source.get("window_size", DEFAULT_WINDOW))
            return AlertRule(completed, _range(said, completed["window_size"]))
        case AlertKind.SIGNIFICANT_CHANGE:
            completed["window_size"] = _window(source.get("window_size", int(chosen["window_size"])))
            return AlertRule(completed, _change(said, chosen))


def _kind(value: Any) -> AlertKind:
    try:
        return AlertKind(value)
    except ValueError:
        known = ", ".join(kind.value for kind in AlertKind)
        raise AlertFault("source", f"sub_type: write one of {known}.") from None


def _window(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_WINDOW:
        raise AlertFault("source", f"window_size: write a number of calls from 1 to {MAX_WINDOW}.")
    return int(value)


def _range(said: Mapping[str, Any], window: int) -> dict[str, Any]:
    operator, value = said.get("operator"), said.get("value")
    if operator not in OPERATORS:
        raise AlertFault("threshold", f"operator: write one of {', '.join(OPERATORS)}.")
    if operator == "outside":
        if not isinstance(value, Mapping) or not (_number(value.get("low")) and _number(value.get("high"))):
            raise AlertFault("threshold", 'value: outside needs {"low": number, "high": number}.')
        if value["low"] > value["high"]:
            raise AlertFault("threshold", "value: low is above high.")
    elif not _number(value):
        raise AlertFault("threshold", "value: write a number.")
    breaches = said.get("min_breaches", 1)
    if isinstance(breaches, bool) or not isinstance(breaches, int) or not 1 <= breaches <= window:
        raise AlertFault("threshold", "min_breaches: write a number from 1 to window_size.")
    return {**said, "min_breaches": breaches}


def _change(said: Mapping[str, Any], preset: Mapping[str, float]) -> dict[str, Any]:
    multiplier = said.get("std_multiplier", preset["std_multiplier"])
    alpha = said.get("ewma_alpha", preset["ewma_alpha"])
    direction = said.get("direction") or ""
    if not _number(multiplier) or multiplier <= 0:
        raise AlertFault("threshold", "std_multiplier: write a number above 0.")
    if not _number(alpha) or not 0 < alpha <= 1:
        raise AlertFault("threshold", "ewma_alpha: write a number above 0 and up to 1.")
    if direction not in DIRECTIONS:
        raise AlertFault("threshold", "direction: write increase, decrease, or nothing for both.")
    return {**said, "std_multiplier": multiplier, "ewma_alpha": alpha, "direction": direction}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

"""What a script set as `_result`, read as the metric's kind of value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, assert_never

from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Value
from callgauge.engine.judged import MAX_RATING, MIN_RATING

_SHOWN_CHARS = 60
_PASS, _FAIL = frozenset({1, 5}), frozenset({0})
"""Scripts written for the wire's scores give 5 and 0."""


class WrongValue(Exception):
    """The script's result does not fit the metric's eval type."""

    def __init__(self, demand: str, given: object) -> None:
        shown = repr(given)
        super().__init__(
            f"{demand}, not {shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + '…'}."
        )


def script_value(raw: Any, spec: MetricSpec) -> Value:
    """`raw` is not None. Raises WrongValue."""
    match spec.eval_type:
        case EvalType.BINARY:
            if isinstance(raw, bool):
                return Value(passed=raw)
            if isinstance(raw, (int, float)) and raw in _PASS | _FAIL:
                return Value(passed=raw in _PASS)
            raise WrongValue("A binary metric must set _result to True or False", raw)
        case EvalType.RATING:
            number = _number(raw)
            if number is None or not MIN_RATING <= number <= MAX_RATING:
                raise WrongValue("This metric must set _result to a number from 0 to 5", raw)
            return Value(number=number)
        case EvalType.NUMERIC:
            number = _number(raw)
            if number is None:
                raise WrongValue("A numeric metric must set _result to a number", raw)
            return Value(number=number)
        case EvalType.ENUM:
            return Value(label=_label(raw, spec.labels))
        case _:
            assert_never(spec.eval_type)


def _number(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw):
        return None
    return float(raw)


def _label(raw: Any, labels: Sequence[str]) -> str:
    if isinstance(raw, str):
        for label in labels:
            if label.strip().casefold() == raw.strip().casefold():
                return label
    raise WrongValue(f"An enum metric must set _result to one of {', '.join(labels)}", raw)

"""How far two judges of the same calls agree, a machine and a person or two people, by the kind of value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from callgauge.domain.agreeing import agrees
from callgauge.domain.metrics import EvalType
from callgauge.engine.statistics import (
    F1,
    MIN_CASES,
    Confusion,
    Kappa,
    Proportion,
    accuracy,
    f1,
    kappa,
    proportion,
)

NOT_APPLICABLE: Final = "not applicable"
PASS, FAIL = "pass", "fail"
HALVES: Final = tuple(half / 2 for half in range(11))
"""Ratings are told apart by half a point, as people and judges are asked to give them."""

Values = tuple[Any, Any]
"""What the first and the second said of one call: a verdict, a number, a label, or None: not applicable."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Rows of the table are the first's answers, columns the second's. There is none for numbers."""

    eval_type: EvalType
    agreed: Proportion
    kappa: Kappa | None
    """Weighted by the squared distance for ratings; None for numbers."""
    table: Confusion | None
    f1: Sequence[tuple[str, F1]]
    mean_difference: float | None
    """Mean absolute difference of numbers and ratings, in their own unit; None without a pair."""

    @property
    def n(self) -> int:
        return self.agreed.n

    @property
    def enough(self) -> bool:
        """Whether there are enough cases for more than counts."""
        return self.n >= MIN_CASES


def compare(eval_type: EvalType, labels: Sequence[str], pairs: Sequence[Values]) -> Agreement:
    """ "Not applicable" is an answer like any other: a machine that skips what a person failed is wrong. Only
    the kappa of ratings leaves such calls out, because no distance leads from there to a number."""
    right = sum(agrees(eval_type, one, other) for one, other in pairs)
    numbers = [(one, other) for one, other in pairs if one is not None and other is not None]
    if eval_type in (EvalType.RATING, EvalType.NUMERIC):
        table = _ratings(numbers) if eval_type is EvalType.RATING else None
        return Agreement(
            eval_type,
            agreed=proportion(right, len(pairs)),
            kappa=None if table is None else kappa(table, weights="quadratic"),
            table=table,
            f1=(),
            mean_difference=sum(abs(one - other) for one, other in numbers) / len(numbers)
            if numbers
            else None,
        )
    order = [PASS, FAIL] if eval_type is EvalType.BINARY else list(labels)
    table = Confusion.of([(say(one), say(other)) for one, other in pairs], order)
    return Agreement(
        eval_type,
        agreed=accuracy(table),
        kappa=kappa(table),
        table=table,
        f1=[(str(label), f1(table, label)) for label in table.labels],
        mean_difference=None,
    )


def in_words(found: Agreement, *, who: str = "the machine") -> str:
    """What the figures mean, claiming no more than their number carries."""
    share = found.agreed
    if not share.n:
        return "No call has both answers."
    calls = "call" if share.n == 1 else "calls"
    times = "time" if share.count == 1 else "times"
    words = f"On {share.n} reviewed {calls} {who} agreed {share.count} {times}"
    if share.interval is None or share.value is None:
        return f"{words}: too few for more than the counts."
    low, high = share.interval.low, share.interval.high
    words = f"{words} ({share.value:.0%}, interval {low:.0%} to {high:.0%})."
    if found.kappa is None:
        return words
    if found.kappa.value is None or found.kappa.interval is None:
        return f"{words} Kappa is not defined: everybody always said the same."
    interval = found.kappa.interval
    return f"{words} Kappa {found.kappa.value:.2f}, interval {interval.low:.2f} to {interval.high:.2f}."


def say(value: Any) -> str:
    """A value in a word: a verdict, a number, a label, or None: not applicable."""
    match value:
        case None:
            return NOT_APPLICABLE
        case bool():
            return PASS if value else FAIL
        case int() | float():
            return f"{value:g}"
        case _:
            return str(value)


def _ratings(pairs: Sequence[Values]) -> Confusion:
    return Confusion.of([(_half(one), _half(other)) for one, other in pairs], HALVES)


def _half(rating: float) -> float:
    return min(5.0, max(0.0, round(rating * 2) / 2))

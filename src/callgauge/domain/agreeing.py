"""When two values of one metric say the same."""

from __future__ import annotations

from typing import Any, Final

from callgauge.domain.metrics import EvalType

RATING_TOLERANCE: Final = 0.5
"""Points of five: nobody tells a 3.5 from a 4 twice in the same way."""
NUMBER_TOLERANCE: Final = 0.1
"""Share of the larger of the two."""


def agrees(eval_type: EvalType, one: Any, other: Any) -> bool:
    """Verdicts and labels agree where they are equal, ratings within half a point, numbers within a tenth.
    None is "not applicable", which agrees with itself only."""
    if one is None or other is None:
        return one is other
    if not _is_number(one) or not _is_number(other):
        return bool(one == other)
    apart = abs(one - other)
    if eval_type is EvalType.RATING:
        return bool(apart <= RATING_TOLERANCE)
    return bool(apart <= NUMBER_TOLERANCE * max(abs(one), abs(other)))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

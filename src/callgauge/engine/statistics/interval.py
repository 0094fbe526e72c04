"""Confidence intervals: the shape that all of them have, and the two quantiles that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scipy import special

LEVEL: Final = 0.95
MIN_CASES: Final = 20
"""With fewer cases an interval spans nearly everything, and its true coverage depends on the unknown rate."""


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float

    def around(self, value: float) -> Interval:
        """Wide enough to hold the estimate, which one that shrinks to the middle can miss at an end."""
        return Interval(min(self.low, value), max(self.high, value))

    def within(self, least: float, most: float) -> Interval:
        return Interval(max(self.low, least), min(self.high, most))

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def normal_quantile(level: float) -> float:
    """Half the width of a two-sided interval of the standard normal distribution."""
    return float(special.ndtri(0.5 + level / 2))


def t_quantile(level: float, degrees: int) -> float:
    return float(special.stdtrit(degrees, 0.5 + level / 2))

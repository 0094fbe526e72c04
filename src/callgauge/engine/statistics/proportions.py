"""A share of cases with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from callgauge.engine.statistics.interval import LEVEL, MIN_CASES, Interval, normal_quantile


@dataclass(frozen=True, slots=True)
class Proportion:
    count: int
    n: int
    value: float | None
    """None where there is no case."""
    interval: Interval | None
    """None below MIN_CASES cases."""


def proportion(count: int, n: int, *, level: float = LEVEL) -> Proportion:
    """`count` of `n` cases, with Wilson's score interval (Wilson 1927, "Probable inference", JASA 22).

    Raises ValueError where count is not between 0 and n.
    """
    if not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no share")
    if n == 0:
        return Proportion(0, 0, None, None)
    return Proportion(count, n, count / n, _wilson(count, n, level) if n >= MIN_CASES else None)


def _wilson(count: int, n: int, level: float) -> Interval:
    z2 = normal_quantile(level) ** 2
    share = count / n
    middle = (count + z2 / 2) / (n + z2)
    half = math.sqrt(z2) / (n + z2) * math.sqrt(n * share * (1 - share) + z2 / 4)
    return Interval(middle - half, middle + half).within(0.0, 1.0).around(share)

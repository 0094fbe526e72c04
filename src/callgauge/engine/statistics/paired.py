"""The same calls measured twice: did it change, by how much, and could that be chance?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from callgauge.engine.statistics.interval import LEVEL, MIN_CASES, Interval, normal_quantile, t_quantile

_PSEUDO_CASES: Final = 0.5
"""Added to each of the four cells (Agresti and Min 2005, "Simple improved confidence intervals for comparing
matched proportions", Statistics in Medicine 24): without them the interval is too narrow for few cases."""


@dataclass(frozen=True, slots=True)
class PairedTable:
    """Calls by what they were before and after: yes or no."""

    both: int
    lost: int
    """Yes before, no after."""
    gained: int
    """No before, yes after."""
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.lost + self.gained + self.neither

    @property
    def flips(self) -> int:
        return self.lost + self.gained

    @property
    def change(self) -> float | None:
        """Of the share that is yes; None where there is no case."""
        return (self.gained - self.lost) / self.n if self.n else None


def mcnemar(table: PairedTable) -> float:
    """The exact McNemar test, two-sided: how likely flips as uneven as these are, if both ways are equally
    likely. 1 where nothing flipped."""
    if table.flips == 0:
        return 1.0
    return min(1.0, 2 * float(special.bdtr(min(table.lost, table.gained), table.flips, 0.5)))


def change_interval(table: PairedTable, *, level: float = LEVEL) -> Interval | None:
    """Of the change of the share that is yes: Agresti and Min's adjusted interval. None below MIN_CASES."""
    change = table.change
    if change is None or table.n < MIN_CASES:
        return None
    n = table.n + 4 * _PSEUDO_CASES
    lost, gained = table.lost + _PSEUDO_CASES, table.gained + _PSEUDO_CASES
    middle = (gained - lost) / n
    half = normal_quantile(level) * math.sqrt(((gained + lost) / n - middle**2) / n)
    return Interval(middle - half, middle + half).within(-1.0, 1.0).around(change)


@dataclass(frozen=True, slots=True)
class MeanChange:
    n: int
    before: float | None
    after: float | None
    change: float | None
    """After minus before; these three are None where there is no case."""
    interval: Interval | None
    p_value: float | None
    """None below two cases, or where every case changed by the same amount other than 0."""


def mean_change(before: Sequence[float], after: Sequence[float], *, level: float = LEVEL) -> MeanChange:
    """Of numbers: Student's paired t test and its interval (none below MIN_CASES).

    Raises ValueError where the two are not equally long.
    """
    if len(before) != len(after):
        raise ValueError("pairs must be complete")
    n = len(before)
    if n == 0:
        return MeanChange(0, None, None, None, None, None)
    old, new = np.asarray(before, float), np.asarray(after, float)
    differences = new - old
    change = float(differences.mean())
    found = MeanChange(n, float(old.mean()), float(new.mean()), change, None, None)
    if n < 2:
        return found
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    if error == 0.0:
        interval = Interval(change, change) if n >= MIN_CASES else None
        return MeanChange(n, found.before, found.after, change, interval, 1.0 if change == 0 else None)
    p_value = 2 * float(special.stdtr(n - 1, -abs(change / error)))
    half = t_quantile(level, n - 1) * error
    interval = Interval(change - half, change + half) if n >= MIN_CASES else None
    return MeanChange(n, found.before, found.after, change, interval, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for having looked at several metrics at once (Holm 1979), in the order given."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted

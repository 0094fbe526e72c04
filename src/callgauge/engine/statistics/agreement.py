"""How far a machine agrees with people, and whether a new version agrees better than an old one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from callgauge.engine.statistics.interval import LEVEL, MIN_CASES, Interval, normal_quantile
from callgauge.engine.statistics.proportions import Proportion, proportion

Weights = Literal["quadratic"]
Accuracy = Proportion
_Array = npt.NDArray[np.float64]

_PSEUDO_CASES: Final = 2.0
"""Spread evenly over a table before the standard error of kappa is taken. Without them the interval of 20
cases covers 75 % instead of 95: one that has seen no disagreement thinks that there is none. With them,
between 95 and 96 % for 20 to 400 cases, averaged over rates of .05 to .95 (tests/engine/statistics)."""
_PSEUDO_CASES_OF_CHANGE: Final = 1.0
"""The same for the change of kappa, over all combinations of person, before and after."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of cases: rows are what people said, columns what the machine said, both by `labels`."""

    labels: tuple[Hashable, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[Hashable, Hashable]], labels: Sequence[Hashable] = ()) -> Confusion:
        """From pairs of (person, machine). `labels`: those that come first, in this order, whether or not
        they occur; others follow as they occur."""
        known = list(pairs)
        order = tuple(dict.fromkeys([*labels, *(label for pair in known for label in pair)]))
        place = {label: position for position, label in enumerate(order)}
        counts = [[0] * len(order) for _ in order]
        for person, machine in known:
            counts[place[person]][place[machine]] += 1
        return cls(order, tuple(tuple(row) for row in counts))

    @property
    def n(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def agreed(self) -> int:
        return sum(row[position] for position, row in enumerate(self.counts))


def accuracy(table: Confusion, *, level: float = LEVEL) -> Accuracy:
    """The share of cases in which the machine said what the person said."""
    return proportion(table.agreed, table.n, level=level)


@dataclass(frozen=True, slots=True)
class F1:
    value: float | None
    """None where neither people nor the machine ever said the label."""
    precision: float | None
    recall: float | None
    interval: Interval | None
    """None where fewer than MIN_CASES cases have the label."""


def f1(table: Confusion, label: Hashable, *, level: float = LEVEL) -> F1:
    """Of one label. With J = hits / (hits + misses + false alarms), F1 is 2J / (1 + J): J is a share of
    cases, so its interval, put through the same formula, is that of F1. Raises ValueError: no such label."""
    place = table.labels.index(label)
    hits = table.counts[place][place]
    said_by_people = sum(table.counts[place])
    said_by_machine = sum(row[place] for row in table.counts)
    cases = said_by_people + said_by_machine - hits
    share = proportion(hits, cases, level=level)
    interval = share.interval and Interval(_f1(share.interval.low), _f1(share.interval.high))
    return F1(
        value=None if share.value is None else _f1(share.value),
        precision=hits / said_by_machine if said_by_machine else None,
        recall=hits / said_by_people if said_by_people else None,
        interval=interval,
    )


def _f1(share: float) -> float:
    return 2 * share / (1 + share)


@dataclass(frozen=True, slots=True)
class Kappa:
    n: int
    value: float | None
    """None where it is not defined: no case, or everybody always said the same."""
    interval: Interval | None


def kappa(table: Confusion, *, weights: Weights | None = None, level: float = LEVEL) -> Kappa:
    """Cohen's kappa. `weights="quadratic"` for ratings: a miss by two counts four times one by one, the
    distance being that of the labels' positions.

    The interval has the standard error of Fleiss, Cohen and Everitt (1969), taken of the table with
    `_PSEUDO_CASES` more cases; it always holds the estimate. None below MIN_CASES cases.
    """
    counts = _array(table)
    agreeing = _agreement(len(table.labels), weights)
    value = _kappa(counts, agreeing)
    if value is None or table.n < MIN_CASES:
        return Kappa(table.n, value, None)
    smoothed = counts + _PSEUDO_CASES / counts.size
    interval = _interval(_kappa_of(smoothed, agreeing), smoothed, level).within(-1.0, 1.0).around(value)
    return Kappa(table.n, value, interval)


@dataclass(frozen=True, slots=True)
class KappaChange:
    n: int
    before: Kappa
    after: Kappa
    change: float | None
    interval: Interval | None


def kappa_change(
    cases: Iterable[tuple[Hashable, Hashable, Hashable]],
    labels: Sequence[Hashable] = (),
    *,
    weights: Weights | None = None,
    level: float = LEVEL,
) -> KappaChange:
    """Of cases of (person, before, after). The interval of the change knows that both judged the same calls
    (delta method: the two influence functions are subtracted case by case). None below MIN_CASES cases."""
    known = list(cases)
    order = Confusion.of(
        [pair for one, old, new in known for pair in ((one, old), (one, new))], labels
    ).labels
    before = kappa(Confusion.of([(one, old) for one, old, _ in known], order), weights=weights, level=level)
    after = kappa(Confusion.of([(one, new) for one, _, new in known], order), weights=weights, level=level)
    if before.value is None or after.value is None:
        return KappaChange(len(known), before, after, None, None)
    change = after.value - before.value
    if len(known) < MIN_CASES:
        return KappaChange(len(known), before, after, change, None)
    size = len(order)
    place = {label: position for position, label in enumerate(order)}
    cube = np.full((size, size, size), _PSEUDO_CASES_OF_CHANGE / size**3)
    for one, old, new in known:
        cube[place[one], place[old], place[new]] += 1
    agreeing = _agreement(size, weights)
    old_kappa, old_influence = _kappa_of(cube.sum(axis=2), agreeing)
    new_kappa, new_influence = _kappa_of(cube.sum(axis=1), agreeing)
    influence = new_influence[:, None, :] - old_influence[:, :, None]
    interval = _interval((new_kappa - old_kappa, influence), cube, level).within(-2.0, 2.0)
    return KappaChange(len(known), before, after, change, interval.around(change))


# --- the parts -------------------------------------------------------------------------------------------


def _array(table: Confusion) -> _Array:
    size = len(table.labels)
    return np.asarray(table.counts, float).reshape(size, size)


def _agreement(size: int, weights: Weights | None) -> _Array:
    """How far two labels agree, from 0 to 1."""
    if weights is None or size < 2:
        return np.eye(size)
    places = np.arange(size)
    return np.asarray(1 - ((places[:, None] - places[None, :]) / (size - 1)) ** 2, float)


def _kappa(counts: _Array, agreeing: _Array) -> float | None:
    n = counts.sum()
    if n == 0:
        return None
    shares = counts / n
    chance = float(shares.sum(axis=1) @ agreeing @ shares.sum(axis=0))
    if math.isclose(chance, 1.0, abs_tol=1e-12):
        return None
    return (float((shares * agreeing).sum()) - chance) / (1 - chance)


def _kappa_of(counts: _Array, agreeing: _Array) -> tuple[float, _Array]:
    """Kappa of a table without empty rows, and how much one more case of each cell would move it."""
    shares = counts / counts.sum()
    people, machine = shares.sum(axis=1), shares.sum(axis=0)
    seen = float((shares * agreeing).sum())
    chance = float(people @ agreeing @ machine)
    expected = (agreeing @ machine)[:, None] + (people @ agreeing)[None, :]
    influence = (agreeing * (1 - chance) - (1 - seen) * expected) / (1 - chance) ** 2
    return (seen - chance) / (1 - chance), influence


def _interval(estimate: tuple[float, _Array], counts: _Array, level: float) -> Interval:
    value, influence = estimate
    shares: Any = counts / counts.sum()
    variance = float((shares * influence**2).sum() - (shares * influence).sum() ** 2) / float(counts.sum())
    half = normal_quantile(level) * math.sqrt(max(0.0, variance))
    return Interval(value - half, value + half)

"""How often the intervals hold the truth, over rates of .05 to .95, with calls drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from callgauge.engine import statistics
from callgauge.engine.statistics import Confusion, Interval, PairedTable

RATES = np.arange(0.05, 0.951, 0.05)
SIZES = [20, 30, 50, 100, 200, 400]
DRAWS = 300

Estimate = Callable[[np.random.Generator, float, int], Iterator[tuple[Interval | None, float]]]


def shares(random: np.random.Generator, rate: float, n: int) -> Iterator[tuple[Interval | None, float]]:
    for count in random.binomial(n, rate, DRAWS):
        yield statistics.proportion(int(count), n).interval, rate


def changes(random: np.random.Generator, rate: float, n: int) -> Iterator[tuple[Interval | None, float]]:
    """A version that takes a tenth of the passes away and a fifth of the fails."""
    cells = [rate * 0.9, rate * 0.1, (1 - rate) * 0.2, (1 - rate) * 0.8]
    for table in random.multinomial(n, cells, DRAWS):
        interval = statistics.change_interval(PairedTable(*(int(x) for x in table)))
        yield interval, cells[2] - cells[1]


def kappas(random: np.random.Generator, rate: float, n: int) -> Iterator[tuple[Interval | None, float]]:
    """A judge that finds 85 of 100 that a person passes, and passes 12 of 100 that a person does not."""
    cells = np.array([rate * 0.85, rate * 0.15, (1 - rate) * 0.12, (1 - rate) * 0.88])
    true = truth(cells.reshape(2, 2))
    for table in random.multinomial(n, cells, DRAWS):
        counts = tuple(tuple(int(x) for x in row) for row in table.reshape(2, 2))
        yield statistics.kappa(Confusion((True, False), counts)).interval, true


def kappa_changes(
    random: np.random.Generator, rate: float, n: int
) -> Iterator[tuple[Interval | None, float]]:
    cells = np.zeros((2, 2, 2))
    for person, share, old, new in ((0, 1 - rate, 0.2, 0.1), (1, rate, 0.75, 0.9)):
        for before in (0, 1):
            for after in (0, 1):
                cells[person, before, after] = (
                    share * (old if before else 1 - old) * (new if after else 1 - new)
                )
    true = truth(cells.sum(axis=1)) - truth(cells.sum(axis=2))
    places = list(np.ndindex(2, 2, 2))
    for table in random.multinomial(n, cells.ravel(), DRAWS):
        cases = [place for place, count in zip(places, table, strict=True) for _ in range(count)]
        yield statistics.kappa_change(cases, (0, 1)).interval, true


def truth(cells: np.ndarray) -> float:
    chance = float(cells.sum(axis=1) @ cells.sum(axis=0))
    return float((cells.trace() - chance) / (1 - chance))


@pytest.mark.parametrize("estimate", [shares, changes, kappas, kappa_changes])
@pytest.mark.parametrize("n", SIZES)
def test_intervals_hold_the_truth_as_often_as_they_say(estimate: Estimate, n: int) -> None:
    random = np.random.default_rng(n)
    held = [
        interval.holds(true)
        for rate in RATES
        for interval, true in estimate(random, float(rate), n)
        if interval is not None
    ]
    # 19 rates of 300 draws: a coverage of 95 % is found within 0.3 points two times in three.
    assert len(held) > 0.6 * len(RATES) * DRAWS
    assert np.mean(held) >= (0.94 if n < 200 else 0.93)
    assert np.mean(held) <= (0.99 if n < 200 else 0.97)


@pytest.mark.parametrize("rate", RATES)
def test_kappas_that_are_not_defined_are_rare_enough_not_to_flatter(rate: float) -> None:
    found = list(kappas(np.random.default_rng(7), float(rate), 20))
    undefined = sum(interval is None for interval, _ in found)
    assert undefined / len(found) < 0.3

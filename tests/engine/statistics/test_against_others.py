"""The same figures as statsmodels and scikit-learn give, which compute them in their own ways."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, precision_score, recall_score
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from callgauge.engine import statistics
from callgauge.engine.statistics import Confusion, PairedTable

CASES = range(200)
CLOSE = {"rel": 1e-9, "abs": 1e-9}


def draws(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", CASES)
def test_a_share_has_wilsons_interval(seed: int) -> None:
    random = draws(seed)
    n = int(random.integers(20, 2000))
    count = int(random.integers(0, n + 1))
    found = statistics.proportion(count, n)
    assert found.interval is not None
    low, high = proportion_confint(count, n, method="wilson")
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), **CLOSE)


@pytest.mark.parametrize("seed", CASES)
def test_flips_have_mcnemars_exact_p(seed: int) -> None:
    both, lost, gained, neither = (int(x) for x in draws(seed).integers(0, [300, 40, 40, 300]))
    expected = sm_mcnemar([[both, lost], [gained, neither]], exact=True).pvalue if lost + gained else 1.0
    assert statistics.mcnemar(PairedTable(both, lost, gained, neither)) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("seed", CASES)
def test_a_change_of_a_share_has_agresti_and_mins_interval(seed: int) -> None:
    both, lost, gained, neither = (int(x) for x in draws(seed).integers(5, [300, 40, 40, 300]))
    found = statistics.change_interval(PairedTable(both, lost, gained, neither))
    assert found is not None
    steps = DescrStatsW(np.array([-1.0, 0.0, 1.0]), weights=[lost + 0.5, both + neither + 1, gained + 0.5])
    # statsmodels divides by n - 1 for a sample's mean, the formula for shares by n.
    n = both + lost + gained + neither + 2
    half = (steps.zconfint_mean()[1] - steps.mean) * np.sqrt((n - 1) / n)
    assert (found.low, found.high) == pytest.approx((steps.mean - half, steps.mean + half), **CLOSE)


@pytest.mark.parametrize("seed", CASES)
def test_a_change_of_numbers_has_students_interval_and_p(seed: int) -> None:
    random = draws(seed)
    before = random.normal(3, 1, int(random.integers(20, 300)))
    after = before + random.normal(0.1, 0.8, len(before))
    found = statistics.mean_change(list(before), list(after))
    other = DescrStatsW(after - before)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(other.tconfint_mean(), **CLOSE)
    assert found.p_value == pytest.approx(other.ttest_mean(0)[1], **CLOSE)


@pytest.mark.parametrize("seed", CASES)
def test_several_metrics_are_adjusted_as_holm_says(seed: int) -> None:
    p_values = list(draws(seed).beta(0.4, 2, size=1 + seed % 12))
    assert statistics.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], **CLOSE)


def rated(seed: int) -> tuple[list[int], list[int], int]:
    random = draws(seed)
    size = int(random.integers(2, 6))
    people = random.integers(0, size, int(random.integers(20, 400)))
    wrong = random.random(len(people)) < 0.3
    machine = np.where(wrong, random.integers(0, size, len(people)), people)
    return [int(x) for x in people], [int(x) for x in machine], size


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("weights", [None, "quadratic"])
def test_kappa_and_its_interval(seed: int, weights: statistics.agreement.Weights | None) -> None:
    people, machine, size = rated(seed)
    table = Confusion.of(zip(people, machine, strict=True), range(size))
    found = statistics.kappa(table, weights=weights)
    assert found.value == pytest.approx(
        cohen_kappa_score(people, machine, labels=list(range(size)), weights=weights), **CLOSE
    )
    wt = "quadratic" if weights else None
    assert found.value == pytest.approx(cohens_kappa(np.array(table.counts), wt=wt).kappa, **CLOSE)
    other = cohens_kappa(np.array(table.counts) + 2 / size**2, wt=wt)
    assert found.interval is not None
    low, high = min(max(-1, other.kappa_low), found.value), max(min(1, other.kappa_upp), found.value)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), **CLOSE)


@pytest.mark.parametrize("seed", CASES)
def test_accuracy_and_f1(seed: int) -> None:
    people, machine, size = rated(seed)
    table = Confusion.of(zip(people, machine, strict=True), range(size))
    assert statistics.accuracy(table).value == pytest.approx(accuracy_score(people, machine), **CLOSE)
    found = statistics.f1(table, 1)
    yes = {"labels": [1], "average": "macro", "zero_division": 0}
    assert found.value == pytest.approx(f1_score(people, machine, **yes), **CLOSE)
    assert found.precision == pytest.approx(precision_score(people, machine, **yes), **CLOSE)
    assert found.recall == pytest.approx(recall_score(people, machine, **yes), **CLOSE)
    cases = sum(1 in pair for pair in zip(people, machine, strict=True))
    hits = sum(pair == (1, 1) for pair in zip(people, machine, strict=True))
    if cases < 20:
        assert found.interval is None
    else:
        assert found.interval is not None
        low, high = (2 * x / (1 + x) for x in proportion_confint(hits, cases, method="wilson"))
        assert (found.interval.low, found.interval.high) == pytest.approx((low, high), **CLOSE)


@pytest.mark.parametrize("seed", CASES)
def test_the_change_of_kappa_and_its_interval(seed: int) -> None:
    """No other library has the interval: the influence of each case is taken here by moving a little weight
    to it and asking statsmodels again, so this agrees as far as a numerical derivative does."""
    people, before, _ = rated(seed)
    people, before = [x % 2 for x in people], [x % 2 for x in before]
    changed = draws(seed + 1000).random(len(before)) < 0.2
    after = [1 - x if moved else x for x, moved in zip(before, changed, strict=True)]
    found = statistics.kappa_change(zip(people, before, after, strict=True), (0, 1))
    old, new = cohen_kappa_score(people, before), cohen_kappa_score(people, after)
    assert found.change == pytest.approx(new - old, **CLOSE)

    cube = np.full((2, 2, 2), 1 / 8)
    np.add.at(cube, (people, before, after), 1)
    cells = cube / cube.sum()

    def change(at: np.ndarray) -> float:
        return float(cohens_kappa(at.sum(axis=1)).kappa - cohens_kappa(at.sum(axis=2)).kappa)

    step = 1e-5
    variance = 0.0
    for place in np.ndindex(2, 2, 2):
        there = np.zeros((2, 2, 2))
        there[place] = 1
        slope = (change(cells + step * (there - cells)) - change(cells - step * (there - cells))) / (2 * step)
        variance += cells[place] * slope**2
    half = 1.959963984540054 * np.sqrt(variance / cube.sum())
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (min(change(cells) - half, found.change), max(change(cells) + half, found.change)), abs=1e-6
    )

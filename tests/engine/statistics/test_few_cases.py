"""Where there is little or nothing: counts, and no interval that would say more than they do."""

from __future__ import annotations

import pytest

from callgauge.engine import statistics
from callgauge.engine.statistics import Confusion, Interval, PairedTable


def test_below_twenty_cases_there_is_no_interval() -> None:
    few, enough = [True] * 19, [True] * 20
    assert statistics.proportion(10, 19).interval is None
    assert statistics.proportion(10, 20).interval is not None
    assert statistics.change_interval(PairedTable(9, 1, 1, 8)) is None
    assert statistics.mean_change([1.0] * 19, [2.0] * 18 + [1.0]).interval is None
    for cases, wanted in ((few, None), (enough, Interval)):
        told = [(one, place % 3 > 0) for place, one in enumerate(cases)]
        told[0] = (False, False)
        assert isinstance(statistics.kappa(Confusion.of(told)).interval, wanted or type(None))


def test_nothing_is_not_zero() -> None:
    assert statistics.proportion(0, 0).value is None
    assert statistics.kappa(Confusion.of([])).value is None
    assert statistics.kappa(Confusion.of([(True, True)] * 50)).value is None, "nobody ever said no"
    assert statistics.mean_change([], []).change is None
    assert statistics.f1(Confusion.of([(True, True)], (True, False)), False).value is None
    assert PairedTable(0, 0, 0, 0).change is None
    assert statistics.mcnemar(PairedTable(10, 0, 0, 10)) == 1.0
    assert statistics.holm([]) == []


def test_an_interval_holds_its_own_estimate() -> None:
    perfect = Confusion.of([(place % 2, place % 2) for place in range(40)])
    found = statistics.kappa(perfect)
    assert found.value == 1.0
    assert found.interval is not None
    assert found.interval.high == 1.0
    assert found.interval.low < 0.95, "forty cases do not prove that there is no disagreement at all"


def test_a_shift_of_all_by_the_same_is_no_chance_and_has_no_p() -> None:
    found = statistics.mean_change([1.0] * 30, [2.0] * 30)
    assert (found.change, found.p_value) == (1.0, None)
    assert statistics.mean_change([1.0] * 30, [1.0] * 30).p_value == 1.0


def test_the_issues_example() -> None:
    assert round(statistics.mcnemar(PairedTable(250, 9, 3, 138)), 2) == 0.15


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5)])
def test_more_than_all_is_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        statistics.proportion(count, n)

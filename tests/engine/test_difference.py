"""What two measurements of the same calls differ in, and that the words say no more than the figures."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy
import pytest
from statsmodels.stats.multitest import multipletests

from callgauge.domain.metrics import EvalType
from callgauge.engine.difference import Came, Noise, Pair, Side, adjust, differ, noise_of
from callgauge.engine.difference_words import metric_words, summary_words
from callgauge.engine.distribution import distribution
from callgauge.engine.statistics import proportion


def pairs(*groups: tuple[int, Any, Any], said: dict[int, Any] | None = None) -> list[Pair]:
    """Groups of (how many, before, after); "n/a" is not applicable, None a failure."""
    made: list[Pair] = []
    for count, before, after in groups:
        for _ in range(count):
            pk = len(made) + 1
            reviewed = said is not None and pk in said
            value = said[pk] if said and reviewed else None
            made.append(Pair(pk, 1, side(before), side(after), value, reviewed=reviewed))
    return made


def side(value: Any) -> Side:
    if value == "n/a":
        return Side(Came.NOT_APPLICABLE)
    return Side(Came.FAILED) if value is None else Side(Came.SCORED, value)


def test_the_issues_sentence() -> None:
    found = differ(EvalType.BINARY, (), pairs((9, True, False), (3, False, True), (388, True, True)))
    assert found.table is not None
    assert (found.n, found.flips.count, found.table.lost, found.table.gained) == (400, 12, 9, 3)
    words = metric_words(found)
    assert "12 of 400 calls flipped, 9 to fail and 3 to pass (McNemar p = 0.15: could be chance)." in words
    assert "nobody knows which version is right" in words


def test_sure_only_where_it_is() -> None:
    found = differ(EvalType.BINARY, (), pairs((30, True, False), (1, False, True), (69, True, True)))
    assert "hardly chance" in metric_words(found)
    assert found.change_interval is not None
    assert found.change_interval.high < 0


def test_applicability_and_failures_are_no_flips_of_the_value() -> None:
    found = differ(
        EvalType.BINARY, (), pairs((5, True, "n/a"), (2, "n/a", False), (3, True, None), (20, True, True))
    )
    assert (found.n, found.flips.count) == (20, 0)
    assert (found.became_inapplicable, found.became_applicable, found.failed_after) == (5, 2, 3)
    assert len(found.flipped) == 7
    assert "does not apply to 5 calls any more, and does to 2 now" in metric_words(found)
    assert "3 calls could not be measured" in metric_words(found)


def test_where_people_say_that_it_got_worse_comes_first() -> None:
    cases = pairs((4, True, False), said={1: False, 3: True})
    found = differ(EvalType.BINARY, (), cases)
    assert [pair.call_id for pair in found.flipped] == [3, 1, 2, 4]
    assert found.people is not None
    assert (found.people.n, found.people.right_before, found.people.right_after) == (2, 1, 1)
    assert "Of 2 reviewed calls 1 were right before and 1 are now: too few to say." in metric_words(found)


def test_kappa_before_and_after_with_an_interval_of_the_change() -> None:
    said = {pk: pk % 2 == 0 for pk in range(1, 41)}
    cases = [
        Pair(pk, 1, side(right if pk % 4 else not right), side(right), right, reviewed=True)
        for pk, right in said.items()
    ]
    found = differ(EvalType.BINARY, (), cases)
    assert found.people is not None
    assert found.people.kappa is not None
    assert found.people.kappa.interval is not None
    assert found.people.kappa.interval.low > 0
    assert "it agrees better with people" in metric_words(found)


def test_noise_marks_what_lies_within_it() -> None:
    noise = noise_of(EvalType.BINARY, [[True, False]] * 4 + [[True, True]] * 96)
    assert noise is not None
    assert (noise.calls, noise.flips.value) == (100, 0.04)
    cases = pairs((3, True, False), (97, True, True))
    found = differ(EvalType.BINARY, (), cases, noise=noise)
    assert found.within_noise is True
    assert "The judge alone flips 4 % (100 calls judged twice): this difference lies within it." in (
        metric_words(found)
    )
    quiet = Noise(400, 800, proportion(1, 400))
    found = differ(EvalType.BINARY, (), pairs((30, True, False), (70, True, True)), noise=quiet)
    assert found.within_noise is False
    assert noise_of(EvalType.BINARY, [[True]]) is None


def test_several_metrics_are_adjusted_and_said_to_be() -> None:
    one = differ(EvalType.BINARY, (), pairs((9, True, False), (1, False, True), (90, True, True)))
    other = differ(EvalType.BINARY, (), pairs((2, True, False), (98, True, True)))
    adjust([one, other])
    assert one.p_value is not None
    assert one.p_adjusted == pytest.approx(2 * one.p_value)
    summary = summary_words([("One", one), ("Other", other)])
    assert summary.startswith("The results of 2 of 2 metrics changed. “One”: 10 of 100 calls flipped")
    assert "adjusted for 2 metrics" in summary
    assert summary.endswith("1 other metric changed too.")


def test_numbers_and_labels() -> None:
    moved = [Pair(pk, 1, side(3.0), side(3.0 + pk % 3), None) for pk in range(30)]
    found = differ(EvalType.RATING, (), moved)
    assert found.numbers is not None
    assert found.numbers.change == pytest.approx(1.0)
    assert "20 of 30 calls got another value; the mean went from 3 to 4" in metric_words(found)
    cases = pairs((10, "a", "b"), (30, "a", "a"), (20, "c", "c"))
    found = differ(EvalType.ENUM, ("a", "b", "c"), cases)
    assert found.labels is not None
    assert found.labels.counts == ((30, 10, 0), (0, 0, 0), (0, 0, 20))
    assert found.p_value is not None
    assert found.p_value < 0.05


def test_nothing_is_said_to_be_nothing() -> None:
    assert summary_words([], reused=446) == "Nothing was measured again: all 446 results are current."
    same = differ(EvalType.BINARY, (), pairs((50, True, True)))
    fresh = replace(differ(EvalType.BINARY, (), []), new=1)
    assert metric_words(fresh).startswith("1 call was measured for the first time.")
    assert summary_words([("One", fresh)]).endswith("the calls were measured for the first time.")
    assert summary_words([("One", same), ("New", fresh)]).startswith("No result is another than before")
    assert summary_words([("One", same)]).startswith("No result is another than before: “One” on 50 calls.")


def test_what_did_not_change_does_not_make_the_others_harder_to_tell() -> None:
    random = Random(5)
    for _ in range(50):
        changed = [
            differ(
                EvalType.BINARY,
                (),
                pairs((random.randint(1, 25), True, False), (random.randint(0, 25), False, True)),
            )
            for _ in range(random.randint(1, 6))
        ]
        same = [
            differ(EvalType.BINARY, (), pairs((3, True, False), (30, True, True)), unchanged=True)
            for _ in range(random.randint(0, 5))
        ]
        adjust([*same, *changed])
        right = multipletests([one.p_value for one in changed], method="holm")[1]
        assert [one.p_adjusted for one in changed] == pytest.approx(list(right), abs=1e-9)
        assert {one.metrics_at_once for one in changed} == {len(changed)}
        assert {one.p_adjusted for one in same} <= {None}
        for one in same:
            assert "adjusted" not in metric_words(one)
            assert "how far it differs by itself" in metric_words(one)


def test_what_changed_is_named_before_what_only_wavers() -> None:
    wavers = differ(EvalType.BINARY, (), pairs((20, True, False), (30, True, True)), unchanged=True)
    changed = differ(EvalType.BINARY, (), pairs((2, True, False), (30, True, True)))
    words = summary_words([("Wavers", wavers), ("Changed", changed)])
    assert words.startswith("The results of 2 of 2 metrics changed. “Changed”: 2 of 32 calls flipped")


def test_numbers_are_spread_over_the_same_bins() -> None:
    random = Random(6)
    for _ in range(50):
        old = [random.uniform(-40, 900) for _ in range(random.randint(1, 80))]
        new = [random.uniform(0, 400) for _ in range(random.randint(1, 80))]
        found = distribution(old, new, rating=False)
        assert found is not None
        assert len(found.edges) <= 14
        for values, counts in ((old, found.before), (new, found.after)):
            assert counts == tuple(numpy.histogram(values, bins=found.edges)[0])
            assert sum(counts) == len(values)
    rated = distribution([0, 4.5, 5, 5], [1, 1, 2, 3.4], rating=True)
    assert rated is not None
    assert (rated.before, rated.after) == ((1, 0, 0, 0, 0, 3), (0, 2, 1, 1, 0, 0))
    assert distribution([], [], rating=False) is None
    same = distribution([7.0], [7.0], rating=False)
    assert same is not None
    assert sum(same.before) == 1

"""Agreement by kind of value, against scikit-learn, which computes none of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from callgauge.domain.agreeing import agrees
from callgauge.domain.metrics import EvalType
from callgauge.engine.agreement import FAIL, HALVES, NOT_APPLICABLE, PASS, compare, in_words

WORDS = {True: PASS, False: FAIL, None: NOT_APPLICABLE}


def drawn(seed: int, values: list[Any], size: int) -> list[tuple[Any, Any]]:
    """Pairs that agree more often than by chance."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(size):
        one = chance.choice(values)
        pairs.append((one, one if chance.random() < chance.random() else chance.choice(values)))
    return pairs


@pytest.mark.parametrize("seed", range(25))
def test_verdicts_are_what_scikit_learn_makes_of_them(seed: int) -> None:
    pairs = drawn(seed, [True, False, None], 20 + seed)
    found = compare(EvalType.BINARY, (), pairs)
    people, machine = [WORDS[one] for one, _ in pairs], [WORDS[other] for _, other in pairs]
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(cohen_kappa_score(people, machine), abs=1e-9)
    for label, one in found.f1:
        expected = f1_score(people, machine, labels=[label], average=None, zero_division=0.0)[0]
        assert one.value == pytest.approx(expected, abs=1e-9)
    assert found.agreed.count == sum(one is other for one, other in pairs)


@pytest.mark.parametrize("seed", range(25))
def test_ratings_are_weighted_by_the_squared_distance(seed: int) -> None:
    pairs = drawn(seed, list(HALVES), 20 + seed)
    found = compare(EvalType.RATING, (), pairs)
    twice = [(int(2 * one), int(2 * other)) for one, other in pairs]
    expected = cohen_kappa_score(
        [one for one, _ in twice], [other for _, other in twice], labels=range(11), weights="quadratic"
    )
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(expected, abs=1e-9)
    assert found.mean_difference == pytest.approx(
        sum(abs(one - other) for one, other in pairs) / len(pairs), abs=1e-12
    )


def test_a_machine_that_skips_what_a_person_failed_is_wrong() -> None:
    found = compare(EvalType.BINARY, (), [(False, None), (None, None), (True, True)])
    assert found.agreed.count == 2
    assert found.table is not None
    assert found.table.labels == (PASS, FAIL, NOT_APPLICABLE)


def test_numbers_have_no_kappa() -> None:
    found = compare(EvalType.NUMERIC, (), [(100.0, 109.0), (100.0, 120.0), (0.0, 0.0), (5.0, None)])
    assert (found.agreed.count, found.n, found.kappa, found.table) == (2, 4, None, None)
    assert found.mean_difference == pytest.approx(29 / 3)


@pytest.mark.parametrize(
    ("eval_type", "one", "other", "same"),
    [
        (EvalType.RATING, 4, 3.5, True),
        (EvalType.RATING, 4, 3.4, False),
        (EvalType.NUMERIC, -100, -91, True),
        (EvalType.NUMERIC, 0, 0.001, False),
        (EvalType.BINARY, True, True, True),
        (EvalType.BINARY, True, None, False),
        (EvalType.ENUM, "a", "b", False),
        (EvalType.ENUM, None, None, True),
    ],
)
def test_what_counts_as_the_same(eval_type: EvalType, one: Any, other: Any, same: bool) -> None:
    assert agrees(eval_type, one, other) is same
    assert agrees(eval_type, other, one) is same


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], "No call has both answers."),
        ([(True, True)], "On 1 reviewed call the machine agreed 1 time: too few for more than the counts."),
        (
            [(True, True)] * 19,
            "On 19 reviewed calls the machine agreed 19 times: too few for more than the counts.",
        ),
        (
            [(True, True)] * 20,
            "On 20 reviewed calls the machine agreed 20 times (100%, interval 84% to 100%). "
            "Kappa is not defined: everybody always said the same.",
        ),
    ],
)
def test_words_claim_no_more_than_the_numbers_carry(pairs: list[Any], words: str) -> None:
    assert in_words(compare(EvalType.BINARY, (), pairs)) == words

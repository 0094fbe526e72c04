"""What a proposal's figures are said to mean."""

from __future__ import annotations

import pytest

from callgauge.flow.labs import LabScore, score_in_words


def score(n: int, before: int, gains: int, regressions: int) -> LabScore:
    return LabScore(n, before, before + gains - regressions, regressions, gains, failed=0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (score(0, 0, 0, 0), "It was not tried on calls that were held back."),
        (
            score(1, 1, 0, 0),
            "On 1 call that was held back, 1 were right before and 1 are right now: the same ones.",
        ),
        (
            score(6, 3, 3, 0),
            "On 6 calls that were held back, 3 were right before and 6 are right now: "
            "3 gained, 0 lost (McNemar p = 0.25: could be chance).",
        ),
        (
            score(40, 20, 12, 1),
            "On 40 calls that were held back, 20 were right before and 31 are right now: "
            "12 gained, 1 lost (McNemar p = 0.0034: hardly chance).",
        ),
    ],
)
def test_words_claim_no_more_than_the_numbers_carry(found: LabScore, words: str) -> None:
    assert score_in_words(found) == words

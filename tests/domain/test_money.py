"""Sums of money of which a part is not known."""

from __future__ import annotations

from callgauge.domain.money import Cost
from callgauge.domain.outcomes import Usage


def test_an_unknown_price_is_never_a_zero() -> None:
    assert Cost().words == "$0.00"
    assert Cost(0.5).words == "$0.5000"
    assert (Cost(0.0, 3).words, Cost(0.0, 3).known_usd) == ("price unknown", None)
    assert (Cost(1.5) + Cost(1.0, 3)).words == "at least $2.50"


def test_requests_without_a_price_are_counted_apart() -> None:
    assert Usage(requests=2).unpriced_requests == 2
    assert Usage(requests=2, cost_usd=0.0).unpriced_requests == 0
    both = Usage(requests=2) + Usage(requests=3, cost_usd=0.25)
    assert (both.requests, both.unpriced_requests, both.cost_usd) == (5, 2, 0.25)

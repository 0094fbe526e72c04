"""How numbers are spread before and after: counts in the same bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

RATINGS: Final = tuple(half / 2 for half in range(-1, 12, 2))
"""Edges around the whole ratings 0 to 5: a half counts to the one above it."""
MOST_BINS: Final = 12


@dataclass(frozen=True, slots=True)
class Distribution:
    edges: tuple[float, ...]
    """One more than there are bins. A bin holds its lower edge; the last holds its upper one too."""
    before: tuple[int, ...]
    after: tuple[int, ...]


def distribution(before: Sequence[float], after: Sequence[float], *, rating: bool) -> Distribution | None:
    """None where there is nothing to count."""
    values = [*before, *after]
    if not values:
        return None
    edges = RATINGS if rating else _edges(min(values), max(values), len(values))
    return Distribution(edges, _counts(before, edges), _counts(after, edges))


def _edges(low: float, high: float, count: int) -> tuple[float, ...]:
    """Round steps of 1, 2 or 5 times a power of ten, about as many as Sturges' rule asks for."""
    wanted = min(MOST_BINS, max(1, math.ceil(math.log2(count)) + 1))
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= wanted)
    first = math.floor(low / step)
    last = max(first + 1, math.ceil(high / step))
    return tuple(round(number * step, 10) for number in range(first, last + 1))


def _counts(values: Sequence[float], edges: Sequence[float]) -> tuple[int, ...]:
    counts = [0] * (len(edges) - 1)
    for value in values:
        place = sum(edge <= value for edge in edges) - 1
        counts[min(max(place, 0), len(counts) - 1)] += 1
    return tuple(counts)

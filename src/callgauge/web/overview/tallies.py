"""The counts of each metric, added up over hours or days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from callgauge.flow.overview import Bucket
from callgauge.store.day_figures import ResultCounts


@dataclass(slots=True)
class Tally:
    """The counts of one metric, over one bucket or all."""

    scored: int = 0
    skipped: int = 0
    failed: int = 0
    passed: int = 0
    decided: int = 0
    total: float = 0.0
    numbers: int = 0
    cost_usd: float = 0.0
    asked: int = 0
    priced: int = 0
    versions: set[int] = field(default_factory=set)

    def add(self, row: ResultCounts) -> None:
        for name in ("scored", "skipped", "failed", "passed", "decided", "total", "numbers"):
            setattr(self, name, getattr(self, name) + getattr(row, name))
        self.cost_usd += row.cost_usd
        self.asked += row.asked
        self.priced += row.priced if row.asked else 0
        if row.scored:
            self.versions.add(row.version_id)

    @property
    def unpriced(self) -> int:
        """Results that a judge was asked for at a price that is not known."""
        return max(0, self.asked - self.priced)

    @property
    def share(self) -> float | None:
        return self.passed / self.decided if self.decided else None

    @property
    def mean(self) -> float | None:
        return self.total / self.numbers if self.numbers else None


def tallies_of(buckets: Iterable[Bucket]) -> dict[int, Tally]:
    found: dict[int, Tally] = defaultdict(Tally)
    for bucket in buckets:
        for row in bucket.results:
            found[row.metric_id].add(row)
    return found

"""What came of a check, per metric: how often the judge agrees with the labels, and what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import Failed, Outcome, Scored, Skipped, SkipReason, Usage
from callgauge.engine.predefined import Predefined
from callgauge.engine.statistics import Accuracy, Confusion, Kappa, accuracy, kappa

RATING_SLACK: Final = 0.5
"""Two careful people who class the turns of a call differ by one padded turn in four."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One dialogue, one metric."""

    metric: Predefined
    dialogue: str
    why: str
    expected: Outcome
    given: Outcome

    @property
    def by_rule(self) -> bool:
        """Settled without asking: it says nothing about the judge."""
        return isinstance(self.given, Scored | Skipped) and not self.given.usage.requests

    @property
    def failed(self) -> bool:
        return isinstance(self.given, Failed)

    @property
    def agrees(self) -> bool:
        if not isinstance(self.expected, Scored) or not isinstance(self.given, Scored):
            return shown(self.expected) == shown(self.given)
        want, got = self.expected.value, self.given.value
        if self.metric.eval_type is EvalType.RATING and want.number is not None and got.number is not None:
            return abs(want.number - got.number) <= RATING_SLACK
        return want == got


@dataclass(frozen=True, slots=True)
class Row:
    metric: Predefined
    by_rule: int
    failed: int
    accuracy: Accuracy
    """Over the dialogues that were asked and answered."""
    kappa: Kappa
    """Cohen's, unweighted: "not applicable" is a value like the others."""
    low_trust: int
    """Answers with a quote that is not in the dialogue."""
    usage: Usage
    misses: Sequence[Checked]


def rows_of(checked: Sequence[Checked]) -> list[Row]:
    """By metric, in the order of their names."""
    by_slug: dict[str, list[Checked]] = {}
    for one in checked:
        by_slug.setdefault(one.metric.slug, []).append(one)
    return [_row(by_slug[slug]) for slug in sorted(by_slug)]


def _row(several: Sequence[Checked]) -> Row:
    answered = [one for one in several if not one.by_rule and not one.failed]
    table = Confusion.of(
        (shown(one.expected), shown(one.expected if one.agrees else one.given)) for one in answered
    )
    return Row(
        metric=several[0].metric,
        by_rule=sum(one.by_rule for one in several),
        failed=sum(one.failed for one in several),
        accuracy=accuracy(table),
        kappa=kappa(table),
        low_trust=sum(isinstance(one.given, Scored) and one.given.low_trust for one in answered),
        usage=sum((one.given.usage for one in several), Usage()),
        misses=[one for one in several if not one.by_rule and (one.failed or not one.agrees)],
    )


def shown(outcome: Outcome) -> str:
    match outcome:
        case Scored():
            plain = outcome.value.plain
            if isinstance(plain, str):
                return plain
            return str(plain).lower() if isinstance(plain, bool) else f"{plain:g}"
        case Skipped(reason=SkipReason.NOT_APPLICABLE):
            return "not applicable"
        case Skipped():
            return outcome.reason.value
        case Failed():
            return f"failed ({outcome.code.value})"

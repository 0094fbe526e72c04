"""Two measurements of the same calls by one metric: what changed, and how much of it may be chance.

Pure: it is handed the pairs and says what they carry, in figures and in words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from callgauge.domain.agreeing import agrees
from callgauge.domain.metrics import EvalType
from callgauge.domain.money import Cost
from callgauge.engine.agreement import HALVES, NOT_APPLICABLE
from callgauge.engine.distribution import Distribution, distribution
from callgauge.engine.statistics import (
    Confusion,
    Interval,
    KappaChange,
    MeanChange,
    PairedTable,
    Proportion,
    change_interval,
    holm,
    kappa_change,
    mcnemar,
    mean_change,
    proportion,
)

SURE: Final = 0.05
"""A p value below it is called hardly chance."""


class Came(StrEnum):
    """What came of a metric on a call."""

    SCORED = "scored"
    NOT_APPLICABLE = "not_applicable"
    SKIPPED = "skipped"
    """For a reason that says nothing of the call: no judge, sampled out."""
    FAILED = "failed"
    NOTHING = "nothing"
    """It had not been measured."""


@dataclass(frozen=True, slots=True)
class Side:
    came: Came
    value: Any = None
    """A verdict, a number or a label, where it was scored."""
    result_id: int | None = None
    low_trust: bool = False

    @property
    def answered(self) -> bool:
        """It says something of the call."""
        return self.came in (Came.SCORED, Came.NOT_APPLICABLE)


NOT_MEASURED: Final = Side(Came.NOTHING)


@dataclass(frozen=True, slots=True)
class Pair:
    call_id: int
    agent_id: int | None
    before: Side
    after: Side
    said: Any = None
    """What a person said of it; None is "not applicable"."""
    reviewed: bool = False

    def flipped(self, eval_type: EvalType) -> bool:
        """Between two values, or between a value and "not applicable"."""
        if not (self.before.answered and self.after.answered):
            return False
        return not agrees(eval_type, self.before.value, self.after.value)


@dataclass(frozen=True, slots=True)
class Noise:
    """How often the judge contradicts itself on the same version of the same call."""

    calls: int
    """Judged twice or more."""
    answers: int
    flips: Proportion
    """Of two answers to one question, taken by chance: the share that differs, in calls."""


@dataclass(frozen=True, slots=True)
class AgentRates:
    agent_id: int | None
    before: Proportion
    after: Proportion


@dataclass(frozen=True, slots=True)
class People:
    """On the calls that people have judged: is it better?"""

    n: int
    right_before: int
    right_after: int
    kappa: KappaChange | None
    """None for numbers."""


@dataclass(slots=True)
class MetricDifference:
    eval_type: EvalType
    n: int
    """Calls that were scored both times."""
    flips: Proportion
    """Of these, those whose value is another."""
    table: PairedTable | None = None
    """Of verdicts."""
    labels: Confusion | None = None
    """Of labels: rows before, columns after."""
    before: Proportion | None = None
    after: Proportion | None = None
    """Pass rates, over the calls scored both times."""
    change: float | None = None
    change_interval: Interval | None = None
    numbers: MeanChange | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    """For having looked at several metrics at once; None where nothing of the metric changed."""
    metrics_at_once: int = 1
    unchanged: bool = False
    """Nothing that its results depend on is other than before: what differs, differs by itself."""
    distribution: Distribution | None = None
    """Of numbers."""
    agents: Sequence[AgentRates] = ()
    became_inapplicable: int = 0
    became_applicable: int = 0
    new: int = 0
    """Measured now, and not before."""
    failed_before: int = 0
    failed_after: int = 0
    people: People | None = None
    noise: Noise | None = None
    within_noise: bool | None = None
    """None where the judge's own noise was not measured."""
    cost_before: Cost = field(default_factory=Cost)
    cost_after: Cost = field(default_factory=Cost)
    flipped: list[Pair] = field(default_factory=list)
    """The most telling first."""


def differ(
    eval_type: EvalType,
    labels: Sequence[str],
    pairs: Sequence[Pair],
    *,
    noise: Noise | None = None,
    decides: bool = False,
    unchanged: bool = False,
) -> MetricDifference:
    """`decides`: a rule of the rubric asks for this metric, so that its flips change calls' success.
    `unchanged`: it was measured again with nothing changed that its results depend on."""
    both = [pair for pair in pairs if pair.before.came is Came.SCORED and pair.after.came is Came.SCORED]
    changed = [pair for pair in both if pair.flipped(eval_type)]
    flips = proportion(len(changed), len(both))
    found = MetricDifference(eval_type, len(both), flips, noise=noise, unchanged=unchanged)
    match eval_type:
        case EvalType.BINARY:
            _verdicts(found, both)
        case EvalType.ENUM:
            values = [(pair.before.value, pair.after.value) for pair in both]
            found.labels = Confusion.of(values, labels)
            found.p_value = _labels_p(found.labels)
        case EvalType.RATING | EvalType.NUMERIC:
            old, new = [pair.before.value for pair in both], [pair.after.value for pair in both]
            found.numbers = mean_change(old, new)
            found.distribution = distribution(old, new, rating=eval_type is EvalType.RATING)
            found.change, found.p_value = found.numbers.change, found.numbers.p_value
            found.change_interval = found.numbers.interval
    came = Counter((pair.before.came, pair.after.came) for pair in pairs)
    found.became_inapplicable = came[Came.SCORED, Came.NOT_APPLICABLE]
    found.became_applicable = came[Came.NOT_APPLICABLE, Came.SCORED]
    found.new = sum(count for (before, _), count in came.items() if before is Came.NOTHING)
    found.failed_before = sum(count for (before, _), count in came.items() if before is Came.FAILED)
    found.failed_after = sum(count for (_, after), count in came.items() if after is Came.FAILED)
    found.people = _people(eval_type, labels, pairs)
    found.within_noise = _within(found.flips, noise)
    weigh = _weight(eval_type, decides)
    every = [pair for pair in pairs if pair.flipped(eval_type)]
    found.flipped = sorted(every, key=lambda pair: (-weigh(pair), pair.call_id))
    return found


def adjust(differences: Sequence[MetricDifference]) -> None:
    """Put the p values right for having looked at all of these metrics. One of which nothing changed asks no
    question of its own: it must not make the others harder to answer."""
    tested = [one for one in differences if one.p_value is not None and not one.unchanged]
    for one, p_value in zip(tested, holm([one.p_value or 0.0 for one in tested]), strict=True):
        one.p_adjusted, one.metrics_at_once = p_value, len(tested)


def _verdicts(found: MetricDifference, both: Sequence[Pair]) -> None:
    cells = Counter((bool(pair.before.value), bool(pair.after.value)) for pair in both)
    table = PairedTable(cells[True, True], cells[True, False], cells[False, True], cells[False, False])
    found.table = table
    found.before = proportion(table.both + table.lost, table.n)
    found.after = proportion(table.both + table.gained, table.n)
    found.change, found.change_interval = table.change, change_interval(table)
    found.p_value = mcnemar(table) if table.n else None
    by_agent: dict[int | None, list[Pair]] = defaultdict(list)
    for pair in both:
        by_agent[pair.agent_id].append(pair)
    found.agents = [
        AgentRates(
            agent_id,
            proportion(sum(bool(pair.before.value) for pair in its), len(its)),
            proportion(sum(bool(pair.after.value) for pair in its), len(its)),
        )
        for agent_id, its in sorted(by_agent.items(), key=lambda item: -len(item[1]))
    ]


def _labels_p(table: Confusion) -> float | None:
    """The smallest p of McNemar's test for each label against all others, adjusted for their number."""
    if not table.n:
        return None
    found = []
    for place in range(len(table.labels)):
        stayed = table.counts[place][place]
        lost = sum(table.counts[place]) - stayed
        gained = sum(row[place] for row in table.counts) - stayed
        if lost or gained:
            found.append(mcnemar(PairedTable(stayed, lost, gained, table.n - stayed - lost - gained)))
    return min(holm(found), default=1.0)


def _people(eval_type: EvalType, labels: Sequence[str], pairs: Sequence[Pair]) -> People | None:
    """ "Not applicable" is an answer like any other, except between ratings."""
    judged = [pair for pair in pairs if pair.reviewed and pair.before.answered and pair.after.answered]
    if not judged:
        return None
    change = None
    match eval_type:
        case EvalType.NUMERIC:
            pass
        case EvalType.RATING:
            rated = [
                tuple(round(value * 2) / 2 for value in (pair.said, pair.before.value, pair.after.value))
                for pair in judged
                if None not in (pair.said, pair.before.value, pair.after.value)
            ]
            cases = [(said, before, after) for said, before, after in rated]
            change = kappa_change(cases, HALVES, weights="quadratic")
        case EvalType.BINARY | EvalType.ENUM:
            order: list[Any] = [True, False] if eval_type is EvalType.BINARY else list(labels)
            change = kappa_change(
                [(_word(p.said), _word(p.before.value), _word(p.after.value)) for p in judged], order
            )
    return People(
        n=len(judged),
        right_before=sum(agrees(eval_type, pair.said, pair.before.value) for pair in judged),
        right_after=sum(agrees(eval_type, pair.said, pair.after.value) for pair in judged),
        kappa=change,
    )


def _word(value: Any) -> Any:
    return NOT_APPLICABLE if value is None else value


def noise_of(eval_type: EvalType, answers: Sequence[Sequence[Any]]) -> Noise | None:
    """From the answers to one question about each call; None where no call was judged twice."""
    repeated = [given for given in answers if len(given) > 1]
    if not repeated:
        return None
    rates = []
    for given in repeated:
        pairs = [(one, other) for place, one in enumerate(given) for other in given[place + 1 :]]
        rates.append(sum(not agrees(eval_type, one, other) for one, other in pairs) / len(pairs))
    # The interval is that of calls judged twice: further answers to a call tell little more of other calls.
    flips = proportion(round(sum(rates)), len(repeated))
    mean = sum(rates) / len(rates)
    interval = flips.interval and flips.interval.around(mean)
    return Noise(len(repeated), sum(map(len, repeated)), Proportion(flips.count, flips.n, mean, interval))


def _within(flips: Proportion, noise: Noise | None) -> bool | None:
    """Whether as many flips could come of the judge alone: the two intervals meet."""
    if noise is None or flips.value is None or noise.flips.value is None:
        return None
    low = flips.interval.low if flips.interval else flips.value
    high = noise.flips.interval.high if noise.flips.interval else noise.flips.value
    return low <= high


def _weight(eval_type: EvalType, decides: bool) -> Callable[[Pair], float]:
    """What a person should look at first: where it is now wrong, then where it is now right, then what
    changes a call's success, then by how far the value moved."""

    def weigh(pair: Pair) -> float:
        before, after = pair.before.value, pair.after.value
        weight = 0.0
        if pair.reviewed:
            was, is_now = agrees(eval_type, pair.said, before), agrees(eval_type, pair.said, after)
            weight += 8.0 if was and not is_now else 6.0 if is_now and not was else 4.0
        if decides:
            weight += 2.0
        if eval_type is EvalType.BINARY and before is True and after is False:
            weight += 1.0
        if pair.before.low_trust or pair.after.low_trust:
            weight += 0.5
        if isinstance(before, float) and isinstance(after, float):
            weight += abs(after - before) / (1.0 + abs(after - before))
        return weight

    return weigh

"""Why a person should look at a result: what each reason means, and which teaches most."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import Scored, Value
from callgauge.domain.rubric import Condition, Group, Rubric, Rule, decide
from callgauge.engine.agreement import NOT_APPLICABLE
from callgauge.engine.agreement import say as say_plain
from callgauge.store.models import MetricResult, ResultOutcome, Review


class Reason(IntFlag):
    """Bits of a rank: an item with the more telling reason comes first, whatever else speaks for it."""

    NEVER_SEEN = 1
    NEAR_THRESHOLD = 2
    LOW_TRUST = 4
    VERSIONS_DISAGREE = 8
    LABEL_STALE = 16
    ASKED_FOR = 32
    SECOND_OPINION = 64
    DISAGREEMENT = 128


TITLES: Final[Mapping[Reason, str]] = {
    Reason.DISAGREEMENT: "Two people disagree",
    Reason.SECOND_OPINION: "A second opinion is wanted",
    Reason.ASKED_FOR: "Asked for",
    Reason.LABEL_STALE: "The label is stale",
    Reason.VERSIONS_DISAGREE: "Versions disagree",
    Reason.LOW_TRUST: "Low trust",
    Reason.NEAR_THRESHOLD: "Near a threshold",
    Reason.NEVER_SEEN: "Never seen",
}
"""In the order of the queue. They tell nothing of the machine's value."""
NEAR_RATING: Final = 0.5
"""Points of five: half a step is within a judge's own noise."""
NEAR_NUMBER: Final = 0.1
"""Share of the threshold."""


@dataclass(frozen=True, slots=True)
class Why:
    reason: Reason
    text: str
    """May tell the machine's value: not for a blind review."""

    def as_json(self) -> dict[str, str]:
        return {"reason": code_of(self.reason), "text": self.text}


def code_of(reason: Reason) -> str:
    return str(reason.name).lower()


def reason_named(code: str) -> Reason | None:
    return Reason.__members__.get(code.upper())


def reasons_in(rank: int) -> list[Reason]:
    """In the order of the queue."""
    return [reason for reason in TITLES if rank & reason]


def rank_of(whys: Sequence[Why]) -> int:
    return sum({why.reason for why in whys})


def why_look(
    result: MetricResult, before: MetricResult | None, rule: Rule | None, label: Review | None
) -> list[Why]:
    """The reasons that one current result gives. `before`: the result that it displaced; `label`: what a
    person said, where the metric means something else by now."""
    found = []
    if label is not None:
        found.append(Why(Reason.LABEL_STALE, _stale_words(label)))
    if before is not None and (words := _disagreement(result, before, rule)):
        found.append(Why(Reason.VERSIONS_DISAGREE, words))
    if words := _doubt(result):
        found.append(Why(Reason.LOW_TRUST, words))
    if rule is not None and (words := _nearness(result, rule)):
        found.append(Why(Reason.NEAR_THRESHOLD, words))
    return found


def never_seen(metric_name: str, labels: int, wanted: int) -> Why:
    known = f"{labels} of the {wanted}" if labels else f"None of the {wanted}"
    return Why(
        Reason.NEVER_SEEN, f"{known} answers by people that {metric_name} needs are there; drawn at random."
    )


def say(result: MetricResult) -> str:
    """A result in a word or two."""
    if result.outcome == ResultOutcome.SKIPPED:
        return NOT_APPLICABLE
    if result.outcome == ResultOutcome.FAILED:
        return "could not be computed"
    return say_plain(_plain(result))


def _plain(result: MetricResult) -> bool | float | str | None:
    if result.passed is not None:
        return result.passed
    return result.number if result.number is not None else result.label


def _stale_words(label: Review) -> str:
    said = say_plain(label.expected_value)
    return f"A person said {said}, but the metric means something else since then."


def _disagreement(result: MetricResult, before: MetricResult, rule: Rule | None) -> str:
    if ResultOutcome.FAILED in (result.outcome, before.outcome) or not _differs(result, before, rule):
        return ""
    old, new = before.version.number, result.version.number
    if old == new:
        return f"Version {new} said {say(before)} first, and {say(result)} when it was asked again."
    return f"Version {old} said {say(before)}, version {new} says {say(result)}."


def _differs(result: MetricResult, before: MetricResult, rule: Rule | None) -> bool:
    """A number that moved is news where it crossed a limit of the rubric or, for a rating, by a point."""
    if result.outcome != before.outcome:
        return True
    if result.number is None or before.number is None:
        return (result.passed, result.label) != (before.passed, before.label)
    crossed = rule is not None and _holds(rule, result) is not _holds(rule, before)
    rating = result.version.eval_type == EvalType.RATING
    return crossed or (rating and abs(result.number - before.number) >= 1)


def _holds(rule: Rule, result: MetricResult) -> bool | None:
    if result.number is None:
        return None
    return decide(Rubric(rules=(rule,)), {rule.metric_id: Scored(Value(number=result.number))}).success


def _doubt(result: MetricResult) -> str:
    if result.outcome != ResultOutcome.SCORED:
        return ""
    if '"repeats"' in result.extra:
        told = json.loads(result.extra).get("repeats", {})
        asked, agree = told.get("asked", 0), told.get("agreement", 0)
        if agree < asked and result.number is None:
            return f"Asked {asked} times, the judge gave this value {agree} times."
    return "A passage that the judge quotes is not in the transcript." if result.low_trust else ""


def _nearness(result: MetricResult, rule: Rule) -> str:
    if result.number is None:
        return ""
    for limit in _limits(rule.conditions):
        rating = result.version.eval_type == EvalType.RATING
        near = NEAR_RATING if rating else NEAR_NUMBER * abs(limit)
        if abs(result.number - limit) <= near:
            return f"{result.number:g} is close to the rubric's limit of {limit:g}."
    return ""


def _limits(node: Condition | Group) -> Iterator[float]:
    if isinstance(node, Group):
        for part in node.conditions:
            yield from _limits(part)
    elif isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        yield float(node.value)

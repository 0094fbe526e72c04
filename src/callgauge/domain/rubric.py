"""The rubric: which metric results decide whether a call succeeded.

RubricError (a ValueError) is the only error: the rubric as written cannot be used. Its message is meant
for the person who wrote it.

A rule looks at one metric. It is *met* or *not met* where the metric was scored, it *drops out* where the
metric was skipped, and it is *unknown* where the metric failed. Met, not met and unknown are combined by
Kleene's three-valued logic: "false and unknown" is false, "true or unknown" is true, and whatever stays
unknown gives no verdict at all, so that a call never passes because a judge was down.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from callgauge.domain.outcomes import Failed, Outcome, Scored, Skipped, Value

PASS_SCORE, FAIL_SCORE = 5.0, 0.0
"""What a passed and a failed binary metric are as a `score` on the wire."""


class RubricError(ValueError):
    """The rubric cannot be used as written."""


class Joiner(StrEnum):
    AND = "and"
    OR = "or"


class Field(StrEnum):
    SCORE = "score"
    ENUM = "enum"


class Op(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: the field of the result, the operator, and what it is compared with."""

    field: Field
    op: Op
    value: bool | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Several conditions joined by one word; never empty."""

    operator: Joiner
    conditions: Sequence[Condition | Group]


@dataclass(frozen=True, slots=True)
class Rule:
    metric_id: int
    metric_name: str
    conditions: Group


@dataclass(frozen=True, slots=True)
class Rubric:
    """Rules joined by one word. Without rules every call succeeds."""

    operator: Joiner = Joiner.AND
    rules: Sequence[Rule] = ()


class RuleState(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ground:
    """What one rule made of a call, in the fields that the wire's `rubric` list has."""

    metric_id: int
    metric_name: str
    state: RuleState
    value: bool | float | str | None
    """The metric's value; None where it was skipped or failed."""
    explanation: Sequence[str]
    conditions: str
    """The conditions in words, such as `score gte 4`."""
    expected_conditions: Mapping[str, Any]
    """The conditions as a JSON tree, in the shape that `parse_rubric` reads."""

    @property
    def passed(self) -> bool | None:
        """None where the rule dropped out or is unknown."""
        match self.state:
            case RuleState.MET:
                return True
            case RuleState.NOT_MET:
                return False
            case RuleState.SKIPPED | RuleState.UNKNOWN:
                return None
            case _:
                assert_never(self.state)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`success` is None where a failed metric leaves it open; `unknown_metrics` then names those metrics."""

    success: bool | None
    grounds: Sequence[Ground] = ()
    unknown_metrics: Sequence[str] = ()

    @property
    def is_unmeasured(self) -> bool:
        """It passes only because no rule had a value to be put to, or there is none."""
        return self.success is True and all(ground.state is RuleState.SKIPPED for ground in self.grounds)


# --- deciding --------------------------------------------------------------------------------------------


def decide(rubric: Rubric, results: Mapping[int, Outcome]) -> Verdict:
    """Settle one call. `results` maps metric id to outcome; a metric that has none does not apply to the
    call and its rule drops out, like a skipped one. A value that a rule cannot be put to (the metric's type
    was changed after the rule was written) makes the rule unknown."""
    grounds = tuple(_ground(rule, results.get(rule.metric_id)) for rule in rubric.rules)
    counted = [ground for ground in grounds if ground.state is not RuleState.SKIPPED]
    success = _join(rubric.operator, (ground.passed for ground in counted)) if counted else True
    unknown = () if success is not None else (g.metric_name for g in counted if g.state is RuleState.UNKNOWN)
    return Verdict(success, grounds, tuple(dict.fromkeys(unknown)))


def _join(joiner: Joiner, parts: Iterable[bool | None]) -> bool | None:
    """Kleene's `and` and `or`: the deciding value wins, else unknown wins, else the other value."""
    seen = set(parts)
    deciding = joiner is Joiner.OR
    if deciding in seen:
        return deciding
    return None if None in seen else not deciding


def _ground(rule: Rule, outcome: Outcome | None) -> Ground:
    state, value, explanation = _reading(rule, outcome)
    return Ground(
        metric_id=rule.metric_id,
        metric_name=rule.metric_name,
        state=state,
        value=value,
        explanation=tuple(explanation),
        conditions=describe(rule.conditions),
        expected_conditions=tree(rule.conditions),
    )


def _reading(
    rule: Rule, outcome: Outcome | None
) -> tuple[RuleState, bool | float | str | None, Sequence[str]]:
    match outcome:
        case None:
            return RuleState.SKIPPED, None, ("The metric does not apply to this call.",)
        case Skipped():
            return RuleState.SKIPPED, None, outcome.explanation
        case Failed():
            return RuleState.UNKNOWN, None, outcome.explanation
        case Scored():
            states = {True: RuleState.MET, False: RuleState.NOT_MET, None: RuleState.UNKNOWN}
            return states[_holds(rule.conditions, outcome.value)], outcome.value.plain, outcome.explanation
        case _:
            assert_never(outcome)


def _holds(node: Condition | Group, value: Value) -> bool | None:
    if isinstance(node, Group):
        return _join(node.operator, [_holds(part, value) for part in node.conditions])
    if node.field is Field.ENUM:
        return None if value.label is None else _label_holds(node, value.label)
    score = value.number
    if value.passed is not None:
        score = PASS_SCORE if value.passed else FAIL_SCORE
    if score is None or isinstance(node.value, (str, tuple)):
        return None
    if isinstance(node.value, bool):
        if score not in (PASS_SCORE, FAIL_SCORE):
            return None
        return _ORDER[node.op](score, PASS_SCORE if node.value else FAIL_SCORE)
    return _ORDER[node.op](score, node.value)


def _label_holds(node: Condition, label: str) -> bool:
    wanted = node.value if isinstance(node.value, tuple) else (str(node.value),)
    found = _folded(label) in {_folded(one) for one in wanted}
    return not found if node.op is Op.NEQ else found


def _folded(label: str) -> str:
    """Labels are compared as the judge's answers are: case and outer spaces do not count."""
    return label.strip().casefold()


_ORDER: dict[Op, Callable[[float, float], bool]] = {
    Op.EQ: operator.eq,
    Op.NEQ: operator.ne,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}


# --- in words and as JSON --------------------------------------------------------------------------------


def describe(node: Condition | Group) -> str:
    """The conditions in words: `score gte 2 and score lte 4`, nested groups in brackets."""
    if isinstance(node, Condition):
        return f"{node.field.value} {node.op.value} {_worded(node.value)}"
    parts = [
        f"({describe(part)})" if isinstance(part, Group) and len(part.conditions) > 1 else describe(part)
        for part in node.conditions
    ]
    return f" {node.operator.value} ".join(parts)


def _worded(value: bool | float | str | tuple[str, ...]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() | int():
            return f"{int(value)}" if float(value).is_integer() else f"{value}"
        case str():
            return value
        case tuple():
            return ", ".join(value)
        case _:
            assert_never(value)


def tree(node: Condition | Group) -> dict[str, Any]:
    """The conditions as JSON-ready dicts, in the shape that `parse_rubric` reads."""
    if isinstance(node, Group):
        return {"operator": node.operator.value, "conditions": [tree(part) for part in node.conditions]}
    value = list(node.value) if isinstance(node.value, tuple) else node.value
    return {"field": node.field.value, "op": node.op.value, "value": value}

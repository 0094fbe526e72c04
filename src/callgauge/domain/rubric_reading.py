"""From the JSON of a rubric to a Rubric. RubricError says which rule is wrong, and what to write."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from callgauge.domain.metrics import EvalType
from callgauge.domain.rubric import (
    FAIL_SCORE,
    PASS_SCORE,
    Condition,
    Field,
    Group,
    Joiner,
    Op,
    Rubric,
    RubricError,
    Rule,
)

MAX_DEPTH = 8
"""Levels of nested conditions; a person's rule has two, and a hostile one would exhaust the stack."""
MAX_CONDITIONS = 500
"""Comparisons in one rubric; it is worked out for every call."""

Known = Mapping[int, tuple[str, EvalType]]

_ORDERED = (Op.EQ, Op.GT, Op.GTE, Op.LT, Op.LTE)
ALLOWED: dict[EvalType, tuple[Field, tuple[Op, ...]]] = {
    EvalType.BINARY: (Field.SCORE, (Op.EQ, Op.NEQ)),
    EvalType.RATING: (Field.SCORE, _ORDERED),
    EvalType.NUMERIC: (Field.SCORE, _ORDERED),
    EvalType.ENUM: (Field.ENUM, (Op.EQ, Op.NEQ, Op.IN)),
}


def parse_rubric(config: object, known: Known) -> Rubric:
    """Read `{"evaluation_logic": "and"|"or", "rules": [{"metric_id": …, "conditions": …}]}`.

    `known` maps the ids of the project's metrics to name and eval type. None and `{}` are the empty rubric.
    Raises RubricError."""
    if config is None:
        return Rubric()
    if not isinstance(config, dict):
        raise RubricError("The rubric must be an object with evaluation_logic and rules.")
    rules = config.get("rules", [])
    if not isinstance(rules, list):
        raise RubricError("The rubric's rules must be a list.")
    budget = _Budget(MAX_CONDITIONS)
    joiner = _joiner(config.get("evaluation_logic", "and"), "evaluation_logic")
    return Rubric(joiner, tuple(_rule(rule, known, f"Rule {n}", budget) for n, rule in enumerate(rules, 1)))


@dataclass(slots=True)
class _Budget:
    left: int

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise RubricError(f"A rubric may have at most {MAX_CONDITIONS} conditions.")


def _rule(raw: object, known: Known, where: str, budget: _Budget) -> Rule:
    if not isinstance(raw, dict):
        raise RubricError(f"{where} must be an object with metric_id and conditions.")
    metric_id = raw.get("metric_id")
    if isinstance(metric_id, bool) or not isinstance(metric_id, int):
        raise RubricError(f"{where} needs a metric_id that is a whole number, not {_shown(metric_id)}.")
    if metric_id not in known:
        raise RubricError(f"{where} names metric {metric_id}, which this project does not have.")
    name, eval_type = known[metric_id]
    where = f'{where} (metric {metric_id}, "{name}")'
    node = _node(raw.get("conditions"), eval_type, where, 1, budget)
    group = node if isinstance(node, Group) else Group(Joiner.AND, (node,))
    return Rule(metric_id, name, group)


def _node(raw: object, eval_type: EvalType, where: str, depth: int, budget: _Budget) -> Condition | Group:
    if not isinstance(raw, dict):
        raise RubricError(f"{where} needs conditions: an object with operator and conditions.")
    if "conditions" not in raw:
        budget.spend()
        return _condition(raw, eval_type, where)
    if depth > MAX_DEPTH:
        raise RubricError(f"{where}: conditions may be nested at most {MAX_DEPTH} levels deep.")
    parts = raw["conditions"]
    if not isinstance(parts, list) or not parts:
        raise RubricError(f"{where}: conditions must be a list with at least one condition.")
    joiner = _joiner(raw.get("operator", "and"), f"{where}: operator")
    return Group(joiner, tuple(_node(part, eval_type, where, depth + 1, budget) for part in parts))


def _joiner(raw: object, where: str) -> Joiner:
    if isinstance(raw, str) and raw.lower() in ("and", "or"):
        return Joiner(raw.lower())
    raise RubricError(f'{where} must be "and" or "or", not {_shown(raw)}.')


def _condition(raw: dict[str, object], eval_type: EvalType, where: str) -> Condition:
    field, ops = ALLOWED[eval_type]
    if raw.get("field") != field.value:
        raise RubricError(
            f'{where}: a {eval_type.value} metric is compared by field "{field.value}", '
            f"not {_shown(raw.get('field'))}."
        )
    op = next((op for op in ops if op.value == raw.get("op")), None)
    if op is None:
        names = ", ".join(op.value for op in ops)
        raise RubricError(
            f"{where}: op {_shown(raw.get('op'))} does not fit a {eval_type.value} metric; use {names}."
        )
    if "value" not in raw:
        raise RubricError(f"{where}: a condition needs a value.")
    return Condition(field, op, _operand(raw["value"], eval_type, op, where))


def _operand(raw: object, eval_type: EvalType, op: Op, where: str) -> bool | float | str | tuple[str, ...]:
    match eval_type:
        case EvalType.BINARY:
            if isinstance(raw, bool):
                return raw
            if isinstance(raw, (int, float)) and raw in (PASS_SCORE, FAIL_SCORE):
                return raw == PASS_SCORE
            raise RubricError(f"{where}: a binary metric is compared with true or false, not {_shown(raw)}.")
        case EvalType.RATING:
            number = _number(raw, where)
            if not FAIL_SCORE <= number <= PASS_SCORE:
                raise RubricError(f"{where}: a rating lies between 0 and 5, not at {_shown(raw)}.")
            return number
        case EvalType.NUMERIC:
            return _number(raw, where)
        case EvalType.ENUM:
            return _labels(raw, where) if op is Op.IN else _label(raw, where)
        case _:
            assert_never(eval_type)


def _number(raw: object, where: str) -> float:
    # Python's JSON parser lets NaN, Infinity and integers beyond any float through.
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and abs(raw) <= sys.float_info.max:
        return raw
    raise RubricError(f"{where}: score is compared with a number, not {_shown(raw)}.")


def _label(raw: object, where: str) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise RubricError(f"{where}: enum is compared with a label, not {_shown(raw)}.")
    return raw


def _labels(raw: object, where: str) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw:
        raise RubricError(f"{where}: op in needs a list of labels, not {_shown(raw)}.")
    return tuple(_label(one, where) for one in raw)


def _shown(raw: object) -> str:
    """A value in an error message: short, whatever was sent."""
    if raw is None:
        return "nothing"
    text = str(raw).lower() if isinstance(raw, bool) else repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}…"

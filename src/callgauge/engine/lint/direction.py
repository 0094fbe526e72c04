"""Whether the rubric asks for what is good: for latency, errors and repetitions, less is better."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.domain.rubric import Condition, Group, Op
from callgauge.engine.lint import questions
from callgauge.engine.lint.draft import Advice, Direction, Draft

LOWER: Final = frozenset(
    {
        "latency",
        "unnecessary_repetition_count",
        "ai_interrupting_user",
        "user_interrupting_ai",
        "stop_time_after_user_interruption",
    }
)
"""Predefined metrics of which less is better, by `built_in`."""
TRUE_IS_BAD: Final = frozenset(
    {"voicemail_detection", "detect_silence_in_conversation", "infrastructure_issues"}
)

_BAD_THINGS = re.compile(
    r"\b(latenc\w+|delays?|time to\b.*|(response|stop) times?|silences?|dead air|interruptions?|interrupting"
    r"|repetitions?|repeats?|errors?|mistakes?|complaints?|hallucinations?|contradictions?|retries|failures?"
    r"|misunderstandings?|fillers?|violations?|escalations?|frustration|effort|confusion|rudeness|wer)\b",
    re.IGNORECASE,
)
_GOOD_THINGS = re.compile(
    r"\b(score|satisfaction|csat|nps|accuracy|quality|success\w*|adherence|compliance|clarity|politeness"
    r"|empathy|handling|recovery|resolution|avoidance|absence|free)\b",
    re.IGNORECASE,
)


def direction_of(draft: Draft) -> Direction | None:
    """Which way is good, where that can be told from a predefined metric or from the name."""
    spec = draft.spec
    if spec.eval_type in (EvalType.ENUM, EvalType.BINARY):
        return None
    if spec.built_in in LOWER:
        return Direction(lower=True, why="of this predefined metric")
    if spec.eval_type is EvalType.RATING:
        return Direction(lower=False)
    bad = _BAD_THINGS.search(spec.name)
    if bad and not _GOOD_THINGS.search(spec.name):
        return Direction(lower=True, why=f'by its name ("{bad[0]}")')
    if not bad and _GOOD_THINGS.search(spec.name):
        return Direction(lower=False)
    return None


def check(draft: Draft) -> Iterator[Advice]:
    conditions = [one for rule in draft.rules for one in _conditions(rule)]
    ops = {one.op for one in conditions}
    good = direction_of(draft)
    up, down = ops & {Op.GT, Op.GTE}, ops & {Op.LT, Op.LTE}
    if good is not None and up and not down and good.lower:
        yield Advice(
            "rubric_direction",
            "rubric_config",
            f"The rubric lets calls pass with {_shown(conditions)}, but less seems to be better {good.why}. "
            "Use lt or lte.",
        )
    if good is not None and down and not up and not good.lower:
        yield Advice(
            "rubric_direction",
            "rubric_config",
            f"The rubric lets calls pass with {_shown(conditions)}, but more seems to be better. "
            "Use gt or gte.",
        )
    yield from _verdict(draft, conditions)


def _verdict(draft: Draft, conditions: list[Condition]) -> Iterator[Advice]:
    spec = draft.spec
    if spec.eval_type is not EvalType.BINARY or not conditions:
        return
    bad = spec.built_in in TRUE_IS_BAD or (
        spec.kind is MetricKind.LLM_JUDGE and questions.yes_is_bad(draft.question)
    )
    if bad and all(_asks_for_true(one) for one in conditions):
        yield Advice(
            "rubric_direction",
            "rubric_config",
            "The rubric lets calls pass where this metric is true, and true seems to be the bad news here. "
            "Ask for false.",
        )


def _asks_for_true(condition: Condition) -> bool:
    yes = condition.value is True or condition.value == 5
    return yes if condition.op is Op.EQ else not yes


def _conditions(group: Group) -> Iterator[Condition]:
    for one in group.conditions:
        if isinstance(one, Group):
            yield from _conditions(one)
        else:
            yield one


def _shown(conditions: list[Condition]) -> str:
    return ", ".join(
        f"{one.op.value} {one.value:g}" for one in conditions if isinstance(one.value, (int, float))
    )

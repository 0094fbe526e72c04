"""Unnecessary Repetition Count and Score: the judge lists the turns, the rest is arithmetic."""

from __future__ import annotations

from typing import Any

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Value
from callgauge.engine.faults import InvalidAnswer
from callgauge.engine.forms.form import Form, Reading
from callgauge.engine.forms.turn_numbers import agent_turns, read_numbers

MAX_SCORE = 5.0
_DEMAND = (
    "The value must be a text with the numbers of the Main Agent's turns that are unnecessary repetitions, "
    "such as #7, #12, or none."
)


def _listed(raw: object, call: Call) -> tuple[list[int], int]:
    """The repetitions, and how many turns the agent has."""
    turns = agent_turns(call)
    found = read_numbers(raw, turns) if isinstance(raw, str) else None
    if found is None:
        raise InvalidAnswer(_DEMAND, raw)
    return found, len(turns)


def _extra(call: Call, found: list[int], turns: int) -> dict[str, Any]:
    return {
        "repetitions": len(found),
        "turns": turns,
        "events": [{"turn": number - 1, "start_secs": call.turns[number - 1].start_secs} for number in found],
    }


def count(raw: object, call: Call, _spec: MetricSpec) -> Reading:
    """Numeric: agent turns that repeat something without need."""
    found, turns = _listed(raw, call)
    return Reading(
        Value(number=float(len(found))),
        (f"{len(found)} of the agent's {turns} turns are unnecessary repetitions.",),
        _extra(call, found, turns),
    )


def score(raw: object, call: Call, _spec: MetricSpec) -> Reading:
    """Rating: `5 * (1 - repetitions / agent turns)`, within 0 and 5."""
    found, turns = _listed(raw, call)
    rating = MAX_SCORE * (1 - len(found) / turns) if turns else MAX_SCORE
    return Reading(
        Value(number=round(min(MAX_SCORE, max(0.0, rating)), 2)),
        (f"{len(found)} of the agent's {turns} turns are unnecessary repetitions.",),
        _extra(call, found, turns),
    )


COUNT = Form(eval_type=EvalType.NUMERIC, value_prompt="value_repetitions", read=count)
SCORE = Form(eval_type=EvalType.RATING, value_prompt="value_repetitions", read=score)

"""Verbosity: the judge names padded and overloaded turns, the score is their weighted share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Value
from callgauge.engine.faults import InvalidAnswer
from callgauge.engine.forms.form import Form, Reading
from callgauge.engine.forms.turn_numbers import NONE, agent_turns, read_numbers

BEST, WORST = 5.0, 1.0
WEIGHT: Final[Mapping[str, float]] = {"padded": 0.5, "overloaded": 1.0}
"""What a turn of each class takes from the score, as a share of the way from 5 to 1. Concise takes none."""

_PART = re.compile(rf"\s*({'|'.join(WEIGHT)})\s*:\s*(.*?)\s*", re.IGNORECASE)
_DEMAND = (
    "The value must be a text such as padded: #3, #9; overloaded: #11 with numbers of turns of the Main "
    "Agent, or none."
)


def read(raw: object, call: Call, _spec: MetricSpec) -> Reading:
    """1 to 5: `5 - 4 * (0.5 * padded + overloaded) / agent turns`."""
    turns = agent_turns(call)
    found = _classes(raw, turns) if isinstance(raw, str) else None
    if found is None:
        raise InvalidAnswer(_DEMAND, raw)
    cost = sum(WEIGHT[name] * len(numbers) for name, numbers in found.items())
    score = BEST - (BEST - WORST) * cost / len(turns) if turns else BEST
    counts = {name: len(numbers) for name, numbers in found.items()}
    concise = len(turns) - sum(counts.values())
    return Reading(
        Value(number=round(score, 2)),
        (
            f"Of the agent's {len(turns)} turns {concise} are concise, {counts['padded']} padded and "
            f"{counts['overloaded']} overloaded.",
        ),
        {
            "turns": len(turns),
            "concise": concise,
            **counts,
            "events": sorted(
                (
                    {"turn": number - 1, "start_secs": call.turns[number - 1].start_secs, "class": name}
                    for name, numbers in found.items()
                    for number in numbers
                ),
                key=lambda event: str(event["turn"]).zfill(7),
            ),
        },
    )


def _classes(text: str, turns: list[int]) -> dict[str, list[int]] | None:
    """Turn numbers by class; a turn in both counts in the heavier one. None where the text does not fit."""
    found: dict[str, list[int]] = {name: [] for name in WEIGHT}
    if text.strip().casefold().rstrip(".") in NONE:
        return found
    for part in (part for part in re.split(r"[;\n]", text) if part.strip()):
        named = _PART.fullmatch(part)
        numbers = read_numbers(named[2], turns) if named is not None else None
        if named is None or numbers is None:
            return None
        found[named[1].lower()] += numbers
    overloaded = sorted(set(found["overloaded"]))
    padded = sorted(set(found["padded"]) - set(overloaded))
    return {"padded": padded, "overloaded": overloaded}


FORM = Form(eval_type=EvalType.RATING, value_prompt="value_verbosity", read=read)

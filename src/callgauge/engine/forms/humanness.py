"""Humanness: the judge names what sounds unlike a person, the score is what the flaws leave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Value
from callgauge.engine.faults import InvalidAnswer
from callgauge.engine.forms.form import Form, Reading
from callgauge.engine.forms.turn_numbers import NONE

BEST = 5.0
FLAWS: Final = ("monotone", "stress", "pauses", "joins", "timbre", "mood")
COST: Final[Mapping[str, float]] = {"slight": 0.5, "strong": 1.5}
"""Points of each flaw: one that a caller notices at once weighs as much as three that one listens for."""

_PART = re.compile(rf"\s*({'|'.join(FLAWS)})\s*:\s*({'|'.join(COST)})\s*\.?\s*", re.IGNORECASE)
_DEMAND = (
    "The value must be a text such as monotone: strong; joins: slight, with flaws of the list and strong or "
    "slight for each, or none."
)


def read(raw: object, _call: Call, _spec: MetricSpec) -> Reading:
    """0 to 5: `5 - 0.5 * slight flaws - 1.5 * strong flaws`, at least 0."""
    found = _flaws(raw) if isinstance(raw, str) else None
    if found is None:
        raise InvalidAnswer(_DEMAND, raw)
    score = max(0.0, BEST - sum(COST[degree] for degree in found.values()))
    named = ", ".join(f"{flaw} ({degree})" for flaw, degree in found.items())
    return Reading(Value(number=score), (f"Flaws that are heard: {named or 'none'}.",), {"flaws": found})


def _flaws(text: str) -> dict[str, str] | None:
    """Each flaw once, in the heavier degree; None where the text does not fit."""
    found: dict[str, str] = {}
    if text.strip().casefold().rstrip(".") in NONE:
        return found
    for part in (part for part in re.split(r"[;,\n]", text) if part.strip()):
        named = _PART.fullmatch(part)
        if named is None:
            return None
        flaw, degree = named[1].lower(), named[2].lower()
        found[flaw] = max(degree, found.get(flaw, degree), key=COST.__getitem__)
    return found or None


FORM = Form(eval_type=EvalType.RATING, value_prompt="value_humanness", read=read)

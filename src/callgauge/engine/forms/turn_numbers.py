"""Turn numbers such as `#7, #12` in a judge's value."""

from __future__ import annotations

import re
from collections.abc import Sequence

from callgauge.domain.calls import Call, Role

NONE = frozenset({"none", "[]", "-", ""})
_NUMBERS = re.compile(r"\s*\[?\s*#\d{1,6}(?:[\s,]+(?:and\s+)?#\d{1,6})*\s*\]?\s*\.?\s*")
_NUMBER = re.compile(r"#(\d+)")


def agent_turns(call: Call) -> list[int]:
    """Numbers, from 1 as the judge sees them, of the turns in which the Main Agent says something."""
    return [
        number for number, turn in enumerate(call.turns, 1) if turn.role is Role.AGENT and turn.text.strip()
    ]


def read_numbers(text: str, allowed: Sequence[int]) -> list[int] | None:
    """Each number once, in order; None where the text is no list of allowed turns."""
    if text.strip().casefold().rstrip(".") in NONE:
        return []
    if _NUMBERS.fullmatch(text) is None:
        return None
    numbers = {int(one) for one in _NUMBER.findall(text)}
    return sorted(numbers) if numbers <= set(allowed) else None

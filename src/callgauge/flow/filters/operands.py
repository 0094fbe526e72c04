"""The right-hand side of a condition, read as the type that the field holds.

Each reader raises ValueError with what was wanted, in words that end the sentence "needs …".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from callgauge.domain.storable import is_storable
from callgauge.flow.call_fields import EARLIEST, LATEST, read_timestamp
from callgauge.flow.scope import MAX_ID

MAX_VALUE_CHARS = 1_000

_RELATIVE = re.compile(r"now(?:\s*([+-])\s*(\d{1,6})\s*([smhdw]))?", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CLOCK = re.compile(r"(\d{1,5}):([0-5]?\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of operand: its name for people, and how it is read."""

    name: str
    read: Callable[[Any, datetime], Any]
    """The raw operand, and the moment that `now` stands for."""


def whole(raw: Any, now: datetime | None = None) -> int:
    number = int(raw) if isinstance(raw, str) and re.fullmatch(r"\s*-?\d{1,20}\s*", raw, re.ASCII) else raw
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > MAX_ID:
        raise ValueError("a whole number")
    return int(number)


def number(raw: Any, now: datetime | None = None) -> float:
    wrong = ValueError("a number")
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise wrong
    try:
        found = float(raw)
    except (ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(found):
        raise wrong
    return found


def secs(raw: Any, now: datetime | None = None) -> float:
    """Seconds, or `MM:SS` as durations are shown."""
    clock = _CLOCK.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if clock is not None:
        return int(clock[1]) * 60.0 + int(clock[2])
    try:
        return number(raw)
    except ValueError:
        raise ValueError("a number of seconds, or MM:SS") from None


def flag(raw: Any, now: datetime | None = None) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in {"true", "false"}:
        return raw.strip().lower() == "true"
    raise ValueError("true or false")


def text(raw: Any, now: datetime | None = None) -> str:
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise ValueError("text")
    found = str(raw)
    if not is_storable(found) or len(found) > MAX_VALUE_CHARS:
        raise ValueError(f"text of at most {MAX_VALUE_CHARS} ordinary characters")
    return found


def moment(raw: Any, now: datetime) -> datetime:
    """A time, or one told from now: `now`, `now-7d`, `now-90m`."""
    relative = _RELATIVE.fullmatch(raw.strip().lower()) if isinstance(raw, str) else None
    try:
        if relative is None:
            return read_timestamp(raw)
        found = now
        if relative[1]:
            step = timedelta(**{_UNITS[relative[3]]: int(relative[2])})
            found = now + step if relative[1] == "+" else now - step
        if not EARLIEST <= found < LATEST:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(
            "a time between 1970 and 2100, such as 2026-08-01T12:00:00Z or now-7d (units s, m, h, d, w)"
        ) from None
    return found


WHOLE = Kind("whole number", whole)
NUMBER = Kind("number", number)
SECS = Kind("seconds", secs)
FLAG = Kind("boolean", flag)
TEXT = Kind("text", text)
TIME = Kind("time", moment)

"""Times as providers write them: seconds, clock text, ISO 8601, epoch numbers."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

MAX_CALL_SECS = 7 * 86400.0
"""A week: a time further from the start than that is another unit or an error, not a call."""

_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,5}):(\d{1,2}(?:[.,]\d{1,9})?)", re.ASCII)

_EPOCHS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e9, 1.0))
"""Smallest number taken as ns, µs, ms and s since 1970, and its units a second (1e9 s is September 2001)."""


class Moment(NamedTuple):
    """A point in time in seconds: of the call, or of the world (since 1970, UTC) where `absolute`."""

    secs: float
    absolute: bool


def read_moment(value: Any) -> Moment | str | None:
    """A moment, None where none was given, or the reason why it is unusable."""
    if type(value) is float or type(value) is int:
        return _from_number(value)
    if value is None:
        return None
    if isinstance(value, str):
        return _from_text(value.strip()) if value.strip() else None
    return "time cannot be read, left out"


def _from_number(value: float) -> Moment | str:
    try:
        secs = float(value)
    except OverflowError:
        return "time is not a finite number, left out"
    if not math.isfinite(secs):
        return "time is not a finite number, left out"
    if secs < 0:
        return "time is negative, left out"
    for floor, a_second in _EPOCHS:
        if secs >= floor:
            return Moment(secs / a_second, True)
    return Moment(secs, False)


def _from_text(text: str) -> Moment | str:
    if len(text) > 64:
        return "time cannot be read, left out"
    try:
        return _from_number(float(text))
    except ValueError:
        pass
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, secs = clock.groups()
        return Moment(int(hours or 0) * 3600 + int(minutes) * 60 + float(secs.replace(",", ".")), False)
    return _from_iso(text)


def _from_iso(text: str) -> Moment | str:
    try:
        when = datetime.fromisoformat(text)
        secs = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return "time cannot be read, left out"
    return Moment(secs, True) if secs >= 0 else "time is before 1970, left out"


def read_instant(value: Any) -> datetime | None:
    """An absolute time as an aware datetime in UTC; None for anything else."""
    moment = read_moment(value)
    if not isinstance(moment, Moment) or not moment.absolute:
        return None
    try:
        return datetime.fromtimestamp(moment.secs, UTC)
    except (ValueError, OverflowError, OSError):
        return None

"""When to try again: Retry-After, backoff, and the clock that both are measured by."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

_BACKOFF_FIRST_SECS = 0.5
_BACKOFF_MAX_SECS = 30.0
"""Eight tries then take about a minute: rate limits are counted by the minute."""
_SPREAD = 0.25
"""Share of a wait that is added at random, so that requests refused together do not return together."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time as the retry loop sees it; tests put a faster one here."""

    random: random.Random = field(default_factory=random.Random)

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, for dates in headers."""
        return time.time()

    async def sleep(self, secs: float) -> None:
        await asyncio.sleep(secs)

    def timeout(self, secs: float) -> asyncio.Timeout:
        return asyncio.timeout(secs)


def wait_secs(clock: Clock, failures: int, asked_secs: float | None) -> float:
    """How long to wait after that many failures in a row; never less than the server asked for.

    The first time its word is enough. Later the backoff is the least: "wait 0 seconds" may be said for ever.
    """
    if asked_secs is None:
        return _backoff_secs(clock, failures)
    least_secs = _backoff_secs(clock, failures - 1) if failures > 1 else 0.0
    return max(asked_secs + clock.random.uniform(0, min(asked_secs * _SPREAD, 1.0)), least_secs)


def _backoff_secs(clock: Clock, failures: int) -> float:
    longest: float = min(_BACKOFF_FIRST_SECS * 2.0 ** min(failures - 1, 30), _BACKOFF_MAX_SECS)
    return longest * (1 - clock.random.uniform(0, _SPREAD))


def retry_after_secs(headers: Mapping[str, str], wall_secs: float) -> float | None:
    """What the server asks to wait, by `Retry-After` (seconds or date) and `retry-after-ms`; the longer.

    A date is taken relative to the reply's own `Date`, so a clock that is off does no harm. None where
    nothing readable is said.
    """
    asked = [
        _number(headers.get("Retry-After"), 1.0),
        _number(headers.get("retry-after-ms"), 1000.0),
        _until(headers.get("Retry-After"), headers.get("Date"), wall_secs),
    ]
    given = [secs for secs in asked if secs is not None]
    return max(given) if given else None


def _number(text: str | None, per_sec: float) -> float | None:
    try:
        value = float(text or "") / per_sec
    except ValueError:
        return None
    return max(value, 0.0) if math.isfinite(value) else None


def _until(text: str | None, sent: str | None, wall_secs: float) -> float | None:
    moment = _moment(text)
    if moment is None:
        return None
    now = _moment(sent)
    return max(moment - (wall_secs if now is None else now), 0.0)


def _moment(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None

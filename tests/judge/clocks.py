"""A clock that runs faster than the wall's, so that waits of seconds take milliseconds."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from callgauge.judge.retry import Clock
from tests.waiting import PATIENCE

SPEED = 100.0 / PATIENCE
"""Where the machine is slow, what takes no time in a test's seconds takes longer on the wall."""


@dataclass(frozen=True, slots=True)
class FastClock(Clock):
    speed: float = SPEED
    slept: list[float] = field(default_factory=list)
    allowed: list[float] = field(default_factory=list)
    """The time-outs that were set."""

    def now(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, secs: float) -> None:
        self.slept.append(secs)
        await asyncio.sleep(secs / self.speed)

    def timeout(self, secs: float) -> asyncio.Timeout:
        self.allowed.append(secs)
        return asyncio.timeout(secs / self.speed)


def fast_clock(seed: int = 0, speed: float = SPEED) -> FastClock:
    return FastClock(random=random.Random(seed), speed=speed)


@dataclass(frozen=True, slots=True)
class JumpingClock(Clock):
    """Sleeping takes no time at all, and the time has passed."""

    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return sum(self.slept)

    async def sleep(self, secs: float) -> None:
        self.slept.append(secs)

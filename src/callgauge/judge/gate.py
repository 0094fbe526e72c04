"""The door to one provider, shared by all questions of a process: its pauses, and the operator's rate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from callgauge.judge.retry import Clock

_SPREAD = 0.25
_SPREAD_MAX_SECS = 1.0
_WORTH_TELLING_SECS = 0.25
"""A dozen requests that are refused together name nearly the same moment."""
"""What waited for the same pause leaves over up to this time, not all in one instant."""


class Allowance(Protocol):
    """The operator's rate, wherever it is counted."""

    async def take(self, tokens: int) -> None:
        """Wait until one request of about this many tokens may be sent."""

    def settle(self, tokens: int) -> None:
        """Count what a request used beyond what was taken for it; less than 0 where it used less."""


class Gate:
    """`pause` closes it for everybody, `pass_pause` waits until it is open; the rate is the allowance's."""

    def __init__(
        self,
        *,
        allowance: Allowance | None = None,
        clock: Clock | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> None:
        """`tell` hears of pauses that the provider has asked for, in seconds: other processes share it."""
        self.allowance = allowance
        self._clock = clock or Clock()
        self._tell = tell
        self._closed_until = 0.0
        self._well = False
        self._down_since: float | None = None
        self.outage_told = False
        """For who writes it into the log, once for each."""
        self.passed = 0
        """Requests that went through so far."""
        self.answers = 0
        """So often the provider has said something."""
        self.before_first: Callable[[], Awaitable[None]] | None = None
        """Waited for by whoever comes, until it is done once: what others know of the provider."""

    def pause(self, secs: float) -> None:
        """The provider asked for that. A shorter pause does not end a longer one."""
        longer = secs - self.closed_secs
        self.close_for(secs)
        if self._tell is not None and longer > _WORTH_TELLING_SECS:
            self._tell(secs)

    def close_for(self, secs: float) -> None:
        self._closed_until = max(self._closed_until, self._clock.now() + secs)

    @property
    def closed_secs(self) -> float:
        """How long it stays closed, 0 where it is open."""
        return max(0.0, self._closed_until - self._clock.now())

    def answered(self) -> None:
        """The provider is there, whatever it said."""
        self._well, self._down_since, self.outage_told = True, None, False
        self.answers += 1

    def trust(self) -> None:
        """It has answered another process: when it answers nobody, it is down."""
        self._well = True

    def unanswered(self) -> None:
        """A provider that has never answered is not down: it may be set up wrongly."""
        if self._well and self._down_since is None:
            self._down_since = self._clock.now()

    @property
    def down_secs(self) -> float | None:
        """For how long a provider that answered before has answered nobody; None where it does."""
        return None if self._down_since is None else self._clock.now() - self._down_since

    async def pass_pause(self) -> None:
        self.passed += 1
        if self.before_first is not None:
            await self.before_first()
        while left_secs := self.closed_secs:
            spread = self._clock.random.uniform(0, min(left_secs * _SPREAD, _SPREAD_MAX_SECS))
            await self._clock.sleep(left_secs + spread)

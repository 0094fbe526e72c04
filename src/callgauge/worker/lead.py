"""One question of a call goes ahead, so that the provider has the call in its cache when the others come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from callgauge.domain.judging import Judge, JudgeRequest

CHARS_PER_TOKEN = 4
WAIT_SECS = 15.0
"""From sending; longer than most answers take. One that never comes must not hold up the call's others."""


@dataclass(slots=True)
class _Door:
    is_open: bool = False
    leader_ended: asyncio.Event | None = None
    """Set once whoever leads has ended; None while nobody leads."""

    def give_up(self) -> None:
        self.is_open = True
        if self.leader_ended is not None:
            self.leader_ended.set()


class Lead:
    """For one call. Questions to one judge pass one by one until the judge has answered one of them, or has
    taken too long; then all pass at once."""

    def __init__(self, *, wait_secs: float = WAIT_SECS) -> None:
        self._wait_secs = wait_secs
        self._doors: dict[str, _Door] = {}

    @asynccontextmanager
    async def turn(self, judge: Judge, request: JudgeRequest) -> AsyncIterator[None]:
        """Held around a question. One that gets its answer without the judge leaves the lead to the next."""
        if not _worth_waiting(judge, request):
            yield
            return
        door = self._doors.setdefault(judge.model, _Door())
        while not door.is_open and door.leader_ended is not None:
            await door.leader_ended.wait()
        if door.is_open:
            yield
            return
        ended = door.leader_ended = asyncio.Event()
        try:
            yield
        finally:
            door.leader_ended = None
            ended.set()

    @asynccontextmanager
    async def sending(self, judge: Judge) -> AsyncIterator[None]:
        """Held around the request itself. When it ends well, the provider has the call in its cache."""
        door = self._doors.get(judge.model)
        if door is None or door.is_open:
            yield
            return
        waiting = asyncio.get_running_loop().call_later(self._wait_secs, door.give_up)
        try:
            yield
            door.is_open = True
        finally:
            waiting.cancel()


def _worth_waiting(judge: Judge, request: JudgeRequest) -> bool:
    return judge.cache_min_tokens is not None and shared_tokens(request) >= judge.cache_min_tokens


def shared_tokens(request: JudgeRequest) -> int:
    """About how long the part is that a call's questions share: all up to the last message marked so."""
    marked = [place for place, message in enumerate(request.messages) if message.cacheable]
    shared = request.messages[: marked[-1] + 1] if marked else ()
    return sum(len(message.text) for message in shared) // CHARS_PER_TOKEN

"""What one worker learns of a provider, all know: that it wants nobody to ask for a while, and that it has
answered, so that a process which starts in the middle of an outage waits for its end as the others do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError

from callgauge.flow import provider_limits
from callgauge.judge import Gate
from callgauge.worker.database import DatabaseThread

log = logging.getLogger(__name__)

LOOK_SECS = 1.0
"""How late another worker's pause may be heard of; most are longer than that."""
TELL_SECS = 300.0
"""How often it is written down, at most, that a provider answers."""


@dataclass(slots=True, eq=False)
class _Watched:
    provider: str
    address: str
    gate: Gate
    passed: int = 0
    """Requests that had gone through when it was last looked at."""
    answers: int = 0
    """Answers that had come when that was last written down."""
    told_at: float | None = None
    first_look: asyncio.Task[object] | None = None

    @property
    def was_asked(self) -> bool:
        return self.gate.passed != self.passed

    @property
    def has_to_tell(self) -> bool:
        told_lately = self.told_at is not None and time.monotonic() - self.told_at < TELL_SECS
        return self.gate.answers != self.answers and not told_lately


class SharedGates:
    """Tells the database what this process's gates know, and them what the others' do. Looks before the first
    request of each, and then only while questions are asked."""

    def __init__(self, thread: DatabaseThread, *, look_secs: float = LOOK_SECS) -> None:
        self._thread = thread
        self._look_secs = look_secs
        self._watched: list[_Watched] = []
        self._tasks: set[asyncio.Task[object]] = set()
        self._looking: asyncio.Task[None] | None = None

    def teller(self, provider: str) -> Callable[[float], None]:
        return partial(self._tell_pause, provider)

    def watch(self, provider: str, gate: Gate, address: str = "") -> None:
        """`address`: where it is asked. What is known of one says nothing of another."""
        watched = _Watched(provider, address, gate)
        self._watched.append(watched)
        gate.before_first = partial(self._first_look, watched)

    def start(self) -> None:
        """On the event loop whose questions pass the gates; further calls do nothing."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_for_ever())

    async def close(self) -> None:
        tasks = [*self._tasks, *([self._looking] if self._looking is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, object]) -> asyncio.Task[object]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell_pause(self, provider: str, secs: float) -> None:
        self._begin(self._store_pause(provider, secs))

    async def _store_pause(self, provider: str, secs: float) -> None:
        try:
            await self._thread.run(provider_limits.pause, provider, secs)
        except DatabaseError as error:
            log.warning("other workers do not hear of a judge's pause: %s", type(error).__name__)

    async def _first_look(self, one: _Watched) -> None:
        """One look for all who come meanwhile; it goes on for the others when one of them is cancelled."""
        if one.first_look is None:
            one.first_look = self._begin(self._hear([one]))
        await asyncio.wait({one.first_look})
        one.gate.before_first = None

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._look_secs)
            await self.look()

    async def look(self) -> None:
        asked = [one for one in self._watched if one.was_asked]
        passed = [one.gate.passed for one in asked]
        if asked and await self._hear(asked):
            for one, seen in zip(asked, passed, strict=True):
                one.passed = seen
        for one in [one for one in self._watched if one.has_to_tell]:
            await self._tell_answers(one)

    async def _hear(self, asked: Sequence[_Watched]) -> bool:
        """False where the database did not say."""
        try:
            found = await self._thread.run(
                provider_limits.news, [(one.provider, one.address) for one in asked]
            )
        except Exception as error:  # noqa: BLE001 -- it must go on looking whatever it was
            log.warning("cannot look what is known of judges, trying again: %s", type(error).__name__)
            return False
        for one, news in zip(asked, found, strict=True):
            one.gate.close_for(news.paused_secs)
            if news.answered:
                one.gate.trust()
        return True

    async def _tell_answers(self, one: _Watched) -> None:
        answers = one.gate.answers
        try:
            await self._thread.run(provider_limits.note_answer, one.provider, one.address)
        except Exception as error:  # noqa: BLE001 -- it is told again
            log.warning("other workers do not hear that a judge answers: %s", type(error).__name__)
            return
        one.answers, one.told_at = answers, time.monotonic()

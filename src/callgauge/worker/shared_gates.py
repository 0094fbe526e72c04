"""What one worker learns of a provider, all know: that it wants nobody to ask for a while, and that it has
answered, so that a process which starts in the middle of an outage waits for its end as the others do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
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


@dataclass(slots=True)
class _Watched:
    gate: Gate
    address: str
    passed: int = 0
    """Requests that had gone through when it was last looked at."""
    answers: int = 0
    """Answers that had come when that was last written down."""
    told_at: float | None = None

    @property
    def was_asked(self) -> bool:
        return self.gate.passed != self.passed

    @property
    def has_to_tell(self) -> bool:
        told_lately = self.told_at is not None and time.monotonic() - self.told_at < TELL_SECS
        return self.gate.answers != self.answers and not told_lately


class SharedGates:
    """Tells the database what this process's gates know, and them what the others' do. Looks only while
    questions are asked."""

    def __init__(self, thread: DatabaseThread, *, look_secs: float = LOOK_SECS) -> None:
        self._thread = thread
        self._look_secs = look_secs
        self._watched: dict[str, _Watched] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    def teller(self, provider: str) -> Callable[[float], None]:
        return partial(self._tell, provider)

    def watch(self, provider: str, gate: Gate, address: str = "") -> None:
        """`address`: where it is asked. What is known of one says nothing of another."""
        self._watched[provider] = _Watched(gate, address)

    def start(self) -> None:
        """On the event loop whose questions pass the gates; further calls do nothing."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_for_ever())

    async def close(self) -> None:
        tasks = [*self._telling, *([self._looking] if self._looking is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tell(self, provider: str, secs: float) -> None:
        task = asyncio.create_task(self._store(provider, secs))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _store(self, provider: str, secs: float) -> None:
        try:
            await self._thread.run(provider_limits.pause, provider, secs)
        except DatabaseError as error:
            log.warning("other workers do not hear of a judge's pause: %s", type(error).__name__)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._look_secs)
            await self.look()

    async def look(self) -> None:
        busy = {name: one for name, one in self._watched.items() if one.was_asked or one.has_to_tell}
        if not busy:
            return
        try:
            found = await self._thread.run(provider_limits.news, {name: busy[name].address for name in busy})
            for name, one in busy.items():
                one.passed = one.gate.passed
                if name in found:
                    one.gate.close_for(found[name].paused_secs)
                    one.gate.trust(answered_before=found[name].answered)
                await self._tell_answers(name, one)
        except Exception as error:  # noqa: BLE001 -- it must go on looking whatever it was
            log.warning("cannot share what is known of judges, trying again: %s", type(error).__name__)

    async def _tell_answers(self, provider: str, one: _Watched) -> None:
        if one.has_to_tell:
            answers = one.gate.answers
            await self._thread.run(provider_limits.note_answer, provider, one.address)
            one.answers, one.told_at = answers, time.monotonic()

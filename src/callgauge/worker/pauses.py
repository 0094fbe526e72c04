"""When a provider asks one worker to wait, all wait: the pause stands in the provider's row."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from django.db import DatabaseError

from callgauge.flow import provider_limits
from callgauge.judge import Gate
from callgauge.worker.database import DatabaseThread

log = logging.getLogger(__name__)

LOOK_SECS = 1.0
"""How late another worker's pause may be heard of; most are longer than that."""


class SharedPauses:
    """Tells the database of this process's pauses, and its gates of the others'. Looks only while questions
    are asked."""

    def __init__(self, thread: DatabaseThread, *, look_secs: float = LOOK_SECS) -> None:
        self._thread = thread
        self._look_secs = look_secs
        self._gates: dict[str, tuple[Gate, int]] = {}
        """With how many requests had passed when it was last looked at."""
        self._telling: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    def teller(self, provider: str) -> Callable[[float], None]:
        return partial(self._tell, provider)

    def watch(self, provider: str, gate: Gate) -> None:
        self._gates[provider] = (gate, 0)

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
        busy = [name for name, (gate, seen) in self._gates.items() if gate.passed != seen]
        if not busy:
            return
        try:
            found = await self._thread.run(provider_limits.pauses, busy)
        except Exception as error:  # noqa: BLE001 -- it must go on looking whatever it was
            log.warning("cannot look for pauses of judges, trying again: %s", type(error).__name__)
            return
        for name in busy:
            gate, _ = self._gates[name]
            self._gates[name] = (gate, gate.passed)
            if name in found:
                gate.close_for(found[name])

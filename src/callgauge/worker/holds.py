"""Plans the evaluation of held calls when their time is up."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from callgauge.flow import deferring
from callgauge.worker.database import DatabaseThread

log = logging.getLogger(__name__)

LOOK_SECS = 1.0


class Holds:
    """Runs beside the chunks of an executor from `start` to `stop`. What it plans announces itself."""

    def __init__(self, *, look_secs: float = LOOK_SECS) -> None:
        self._look_secs = look_secs
        self._database = DatabaseThread("holds")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._look_for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._database.close()

    async def _look_for_ever(self) -> None:
        while True:
            try:
                released = await self._database.run(deferring.release_due)
            except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
                log.warning("cannot look for held calls, trying again: %s", type(error).__name__)
                released = 0
            if not released:
                await asyncio.sleep(self._look_secs)

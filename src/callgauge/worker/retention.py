"""Deleting what projects no longer keep, beside everything else and slower than it."""

from __future__ import annotations

import asyncio
import logging

from callgauge.flow.audit import forget_old_entries
from callgauge.flow.retention import delete_some
from callgauge.worker.database import DatabaseThread

log = logging.getLogger(__name__)

LOOK_SECS = 300.0
"""Days are counted: minutes do not matter."""
PAUSE_SECS = 0.25
"""Between batches, so that live calls are written in between."""


class Retention:
    """Runs beside the chunks of an executor from `start` to `stop`. Several executors do no harm: what one
    has deleted the other does not find."""

    def __init__(self) -> None:
        self._database = DatabaseThread("retention")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._delete_for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._database.close()

    async def _delete_for_ever(self) -> None:
        total = 0
        while True:
            try:
                gone = await self._database.run(delete_some)
                await self._database.run(forget_old_entries)
            except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
                log.warning("cannot delete what is no longer kept, trying again: %s", type(error).__name__)
                gone = 0
            total += gone
            if gone == 0 and total:
                log.info("%d calls and recordings that are no longer kept are gone", total)
                total = 0
            await asyncio.sleep(PAUSE_SECS if gone else LOOK_SECS)

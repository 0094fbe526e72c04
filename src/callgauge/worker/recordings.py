"""Recordings in the executor: fetched, looked into, and measured when a metric asks for it.

What is done is stored, and whatever was under way when a process died is done again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from callgauge.audio.work import Unheard, look
from callgauge.flow.recordings import due
from callgauge.flow.recordings.due import ToLookInto
from callgauge.flow.recordings.files import Place as FilePlace
from callgauge.flow.recordings.files import files
from callgauge.store.models import Priority
from callgauge.worker.database import DatabaseThread
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.slots import Place

log = logging.getLogger(__name__)

POLL_SECS = 2.0
SWEEP_SECS = 1800.0
LOOKING = Place(Priority.NORMAL, 0)
LOOK_SECS = 300.0
"""A five-hour mp3 takes 60 s on a slow core."""


class Recordings:
    """Runs beside the chunks of an executor from `start` to `stop`."""

    def __init__(self, processes: AudioProcesses) -> None:
        self._processes = processes
        self._database = DatabaseThread("recordings")
        self._wake = asyncio.Event()
        self._looking: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._begin(self._look_for_work())
        self._begin(self._sweep())

    def wake(self) -> None:
        self._wake.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._processes.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._database.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_for_work(self) -> None:
        while True:
            self._wake.clear()
            try:
                busy = await self._start_looking()
            except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
                log.warning("cannot look for recordings, trying again: %s", type(error).__name__)
                busy = False
            if not busy:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECS)

    # --- looking into files --------------------------------------------------------------------------

    async def _start_looking(self) -> bool:
        """Whether there was one; no more at once than there are processes."""
        if len(self._looking) >= self._processes.count:
            return False
        found = await self._database.run(due.next_unseen, tuple(self._looking))
        if found is None:
            return False
        self._looking.add(found.file_id)
        self._begin(self._look_into(found)).add_done_callback(partial(self._looked, found.file_id))
        return True

    def _looked(self, file_id: int, task: asyncio.Task[None]) -> None:
        self._looking.discard(file_id)
        self._wake.set()

    async def _look_into(self, found: ToLookInto) -> None:
        try:
            async with LocalFile(found.place) as path:
                seen = await self._processes.run(look, path, place=LOOKING, timeout_secs=LOOK_SECS)
            if isinstance(seen, Unheard):
                await self._database.run(due.unreadable, found.file_id, seen.code, seen.words)
            else:
                await self._database.run(partial(due.seen, found.file_id, **seen))
        except FileNotFoundError:
            words = "The recording's file is not in the store any more."
            await self._database.run(due.unreadable, found.file_id, "missing_file", words)
        except Exception as error:  # noqa: BLE001 -- one recording must not end the others
            log.error("recording file %s: %s", found.file_id, type(error).__name__)
            await asyncio.sleep(POLL_SECS)

    # --- sweeping ------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            try:
                await self._database.run(due.sweep)
            except Exception as error:  # noqa: BLE001 -- the next one may go well
                log.warning("cannot sweep up after recordings: %s", type(error).__name__)
            await asyncio.sleep(SWEEP_SECS)


class LocalFile:
    """A stored file on this machine's disk while the context lasts; copied there in a thread where it has to
    be. Raises FileNotFoundError and StoreError."""

    def __init__(self, place: FilePlace) -> None:
        self._place = place
        self._context: Any = None

    async def __aenter__(self) -> str:
        self._context = files().local(self._place)
        return str(await asyncio.to_thread(self._context.__enter__))

    async def __aexit__(self, *error: Any) -> None:
        await asyncio.to_thread(self._context.__exit__, None, None, None)

"""Bringing a chunk's calls into memory, a few at a time and no more than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

from callgauge.domain.metrics import MetricSpec
from callgauge.flow import work
from callgauge.flow.work import CallWork
from callgauge.store.models import Chunk, Priority
from callgauge.worker.database import DatabaseThread
from callgauge.worker.room import Room, in_parts
from callgauge.worker.slots import Place, Slots

CALLS_PER_LOAD = 20
BYTES_PER_LOAD = 4 * 1024 * 1024
"""A part is let into memory as a whole: small, so that several chunks get on."""
BYTES_PER_MB = 1024 * 1024


class Loading:
    def __init__(
        self, thread: DatabaseThread, bulk_thread: DatabaseThread, slots: Slots, memory_mb: int
    ) -> None:
        """`bulk_thread`: for large reruns, so that nobody else stands behind them. `slots`: calls are loaded
        only when one of them could begin. `memory_mb`: their stored size."""
        self._thread = thread
        self._bulk_thread = bulk_thread
        self._slots = slots
        self._room = Room(memory_mb * BYTES_PER_MB)
        self._per_load = self._room.capped(BYTES_PER_LOAD, urgent=False)

    async def parts(
        self, chunk: Chunk, specs: Sequence[MetricSpec], place: Place
    ) -> AsyncIterator[list[tuple[CallWork, int]]]:
        """The calls, each with what it holds of the room: start a task for each and have `leave` called."""
        sized = await self._thread_of(place).run(work.sizes_of, chunk.call_ids)
        for part in in_parts(sized, CALLS_PER_LOAD, self._per_load):
            async with self._slots.take(place):
                pass
            yield await self._load(chunk, specs, dict(part), place)

    def _thread_of(self, place: Place) -> DatabaseThread:
        return self._bulk_thread if place.priority == Priority.BULK else self._thread

    def leave_after(self, task: asyncio.Task[None], size: int, place: Place) -> None:
        task.add_done_callback(partial(self._gone, size, place))

    def _gone(self, size: int, place: Place, _: asyncio.Task[None]) -> None:
        self._room.leave(size, urgent=place.urgent)

    async def _load(
        self, chunk: Chunk, specs: Sequence[MetricSpec], sizes: dict[int, int], place: Place
    ) -> list[tuple[CallWork, int]]:
        whole = self._room.capped(sum(sizes.values()), urgent=place.urgent)
        await self._room.enter(whole, urgent=place.urgent)
        try:
            works = await self._thread_of(place).run(work.load_calls, chunk, specs, list(sizes))
        except BaseException:
            self._room.leave(whole, urgent=place.urgent)
            raise
        if len(works) == 1:
            return [(works[0], whole)]
        held = [(one, sizes[one.call.id]) for one in works]  # no part of several is larger than the room
        self._room.leave(whole - sum(size for _, size in held), urgent=place.urgent)  # deleted meanwhile
        return held

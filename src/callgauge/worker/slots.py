"""How much may be under way at once, and who is next: live calls first, small reruns before large ones, and
tenants in turn."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from typing import NamedTuple

from callgauge.store.models import Chunk, Priority

KEPT_SHARE = 4
"""One in four slots is never given to work that can wait: a stalled judge cannot hold up live calls."""
BULK_SHARE = 8
"""Every eighth slot that comes free goes to bulk work first: a stream of small reruns must not stop it, and
one that somebody waits for should hardly notice it."""


class Place(NamedTuple):
    """Whose work it is, and how urgent. A tuple, because it is looked up twenty times for each question."""

    priority: int
    tenant: int

    @classmethod
    def of(cls, chunk: Chunk) -> Place:
        return cls(chunk.priority, chunk.rerun.project_id)

    @property
    def urgent(self) -> bool:
        return self.priority == Priority.INTERACTIVE


URGENT = Place(Priority.INTERACTIVE, 0)
"""Something that a person looks at while it is computed."""

_Waiting = asyncio.Future[None]


class Slots:
    def __init__(self, total: int, *, for_bulk: int | None = None) -> None:
        """`for_bulk`: the most that bulk work may hold, where that is less than what others may."""
        self._free = total
        self._patient_free = max(1, total - max(1, total // KEPT_SHARE))
        self._bulk_free = self._patient_free if for_bulk is None else for_bulk
        self._held: Counter[Place] = Counter()
        # In the order in which they began to wait: between tenants that hold as many, the first is next.
        self._waiting: OrderedDict[Place, deque[_Waiting]] = OrderedDict()
        self._grants = 0

    def take(self, place: Place) -> _Taken:
        """`async with` it."""
        return _Taken(self, place)

    async def acquire(self, place: Place) -> None:
        if not self._waiting and self._has_room(place):
            self._hold(place)
            return
        waiting: _Waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(place, deque()).append(waiting)
        self._grant()  # those who wait may all be patient ones without room, and this one urgent
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.release(place)  # it was granted in the same moment
            else:
                self._forget(place, waiting)
            raise

    def _has_room(self, place: Place) -> bool:
        return (
            self._free > 0
            and (place.urgent or self._patient_free > 0)
            and (place.priority != Priority.BULK or self._bulk_free > 0)
        )

    def _hold(self, place: Place) -> None:
        self._count(place, 1)

    def release(self, place: Place) -> None:
        self._count(place, -1)
        if not self._held[place]:
            del self._held[place]
        self._grant()

    def _grant(self) -> None:
        while (place := self._next()) is not None:
            waiting = self._waiting[place].popleft()
            self._drop_empty(place)
            if waiting.done():
                continue  # cancelled meanwhile
            self._hold(place)
            self._grants += 1
            waiting.set_result(None)

    def _next(self) -> Place | None:
        able = [place for place in self._waiting if self._has_room(place)]
        if not able:
            return None
        bulk_first = self._grants % BULK_SHARE == BULK_SHARE - 1
        return min(able, key=lambda place: (_rank(place, bulk_first), self._held[place]))

    def _count(self, place: Place, more: int) -> None:
        self._free -= more
        if not place.urgent:
            self._patient_free -= more
        if place.priority == Priority.BULK:
            self._bulk_free -= more
        self._held[place] += more

    def _forget(self, place: Place, waiting: _Waiting) -> None:
        queue = self._waiting.get(place)
        if queue is not None and waiting in queue:
            queue.remove(waiting)
            self._drop_empty(place)

    def _drop_empty(self, place: Place) -> None:
        if not self._waiting[place]:
            del self._waiting[place]


class _Taken:
    """A slot for as long as the block lasts. Not a generator, which would be shorter: each question takes two
    slots, and a generator's context costs more than the slot."""

    __slots__ = ("_place", "_slots")

    def __init__(self, slots: Slots, place: Place) -> None:
        self._slots, self._place = slots, place

    async def __aenter__(self) -> None:
        await self._slots.acquire(self._place)

    async def __aexit__(self, *_: object) -> None:
        self._slots.release(self._place)


def _rank(place: Place, bulk_first: bool) -> int:
    if place.priority == Priority.BULK and bulk_first:
        return Priority.INTERACTIVE
    return place.priority

"""How many bytes of calls may be in memory at once: sixty-four calls are little or four gigabytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from callgauge.worker.slots import KEPT_SHARE


class Room:
    """First come, first served, live calls apart from all others: a share is kept for them."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._patient = max(1, total_bytes - total_bytes // KEPT_SHARE)
        self._used = {True: 0, False: 0}
        self._waiting: dict[bool, deque[tuple[int, asyncio.Future[None]]]] = {True: deque(), False: deque()}

    @property
    def used_bytes(self) -> int:
        return sum(self._used.values())

    def capped(self, size: int, *, urgent: bool) -> int:
        """A call that is larger than the room is let in when it is alone of its kind."""
        return min(size, self._total if urgent else self._patient)

    async def enter(self, size: int, *, urgent: bool) -> None:
        """`size` as `capped` gives it. Whoever has entered leaves."""
        if not self._waiting[urgent] and self._fits(size, urgent):
            self._used[urgent] += size
            return
        may_enter = asyncio.get_running_loop().create_future()
        self._waiting[urgent].append((size, may_enter))
        try:
            await may_enter
        except asyncio.CancelledError:
            if may_enter.done() and not may_enter.cancelled():
                self.leave(size, urgent=urgent)
            else:
                self._let_in()  # what stood behind it may fit
            raise

    def leave(self, size: int, *, urgent: bool) -> None:
        self._used[urgent] -= size
        self._let_in()

    def _fits(self, size: int, urgent: bool) -> bool:
        if urgent:  # never behind the others for more than the others may have
            return self._used[True] == 0 or self.used_bytes + size <= self._total
        return self._used[False] + size <= self._patient and self.used_bytes + size <= self._total

    def _let_in(self) -> None:
        for urgent in (True, False):
            waiting = self._waiting[urgent]
            while waiting:
                size, may_enter = waiting[0]
                if may_enter.done():
                    waiting.popleft()
                elif self._fits(size, urgent):
                    waiting.popleft()
                    self._used[urgent] += size
                    may_enter.set_result(None)
                else:
                    break


def in_parts(sized: Sequence[tuple[int, int]], most: int, most_bytes: int) -> list[list[tuple[int, int]]]:
    """Pairs of id and size in stretches of at most `most` ids and `most_bytes`, but at least one id each."""
    parts: list[list[tuple[int, int]]] = []
    total = 0
    for one in sized:
        if not parts or len(parts[-1]) == most or total + one[1] > most_bytes:
            parts.append([])
            total = 0
        parts[-1].append(one)
        total += one[1]
    return parts

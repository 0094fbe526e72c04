"""How many judge requests may be in flight, with a share kept for calls that just came in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

KEPT_SHARE = 4
"""One in four slots is never given to bulk work, so that a stalled judge cannot hold up live calls."""


class Slots:
    def __init__(self, total: int) -> None:
        self._all = asyncio.Semaphore(total)
        self._bulk = asyncio.Semaphore(max(1, total - max(1, total // KEPT_SHARE)))

    @asynccontextmanager
    async def take(self, *, urgent: bool) -> AsyncIterator[None]:
        if urgent:
            async with self._all:
                yield
            return
        async with self._bulk, self._all:
            yield

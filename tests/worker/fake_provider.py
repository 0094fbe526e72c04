"""The fake server in a thread of its own, so that a test and an executor can use it at the same time."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

from callgauge.judge.server import FakeServer


class FakeProvider:
    def __init__(self, *, latency_ms: float = 0.0) -> None:
        self.server = FakeServer(latency_ms=latency_ms)
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def asked_singly(self) -> int:
        return self.server.stats.requests

    @property
    def made(self) -> int:
        return len(self.server.batches.made)

    def _serve(self) -> None:
        self._closing = asyncio.Event()
        self._loop.run_until_complete(self._until_closed())
        self._loop.close()

    async def _until_closed(self) -> None:
        async with self.server:
            self.url = self.server.url
            self._open.set()
            await self._closing.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        self._open.wait()
        return self

    def __exit__(self, *args: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

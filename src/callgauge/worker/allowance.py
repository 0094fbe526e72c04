"""The operator's rate for one provider, reserved in the database for all questions that wait."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from callgauge.flow.provider_limits import ProviderLimits, reserve
from callgauge.worker.database import DatabaseThread

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Questions for which one transaction reserves."""
OUTAGE_WAIT_SECS = 1.0


class SharedAllowance:
    """First come, first served. What was reserved for a question that is cancelled meanwhile is lost, which
    errs on the side of the provider."""

    def __init__(self, provider: str, limits: ProviderLimits, thread: DatabaseThread) -> None:
        self._provider = provider
        self._limits = limits
        self._thread = thread
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._owed = 0

    async def take(self, tokens: int) -> None:
        may_go = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, may_go))
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        await may_go

    def settle(self, tokens: int) -> None:
        self._owed += tokens

    async def close(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait({self._serving})

    async def _serve(self) -> None:
        while self._drop_cancelled():
            needs = [tokens for tokens, _ in self._waiting][:AT_ONCE]
            owed, self._owed = self._owed, 0
            try:
                reserved = await self._thread.run(reserve, self._provider, self._limits, needs, owed)
            except Exception as error:  # noqa: BLE001 -- those who wait would wait for ever
                log.warning("cannot look up the judge's rate, trying again: %s", type(error).__name__)
                self._owed += owed
                await asyncio.sleep(OUTAGE_WAIT_SECS)
                continue
            for _ in range(reserved.requests):
                _, may_go = self._waiting.popleft()
                if not may_go.done():
                    may_go.set_result(None)
            if reserved.wait_secs:
                await asyncio.sleep(reserved.wait_secs)

    def _drop_cancelled(self) -> bool:
        """True while anybody waits."""
        self._waiting = deque(item for item in self._waiting if not item[1].done())
        return bool(self._waiting)

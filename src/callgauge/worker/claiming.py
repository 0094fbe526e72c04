"""A loop beside the chunks: claim what is leased one by one, keep the lease, work on a few at once."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from functools import partial
from typing import Generic, Protocol, TypeVar

from callgauge.worker.database import DatabaseThread
from callgauge.worker.loop import moment

log = logging.getLogger(__name__)

POLL_SECS = 1.0
RENEW_SECS = 5.0


class Leased(Protocol):
    @property
    def pk(self) -> int: ...


Work = TypeVar("Work", bound=Leased)


class Claiming(ABC, Generic[Work]):
    """Runs from `start` to `stop`. A subclass says how to claim, renew, work, end and hand back; these are
    called on a database thread of the loop's own, except `work`."""

    name: str
    at_once = 4
    """Under way in a server."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._database = DatabaseThread(self.name)
        self._wake = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._claiming: asyncio.Task[None] | None = None

    @abstractmethod
    def claim(self) -> Work | None: ...

    def took(self, work: Work) -> None:
        """Called on the loop, before `work`."""

    @abstractmethod
    def renew(self, pk: int) -> bool:
        """False where another owner has it now."""

    @abstractmethod
    async def work(self, work: Work) -> None:
        """All of it, the ending included."""

    @abstractmethod
    def fail(self, pk: int) -> None:
        """It ended with a fault that is ours."""

    @abstractmethod
    def hand_back(self, pk: int) -> None: ...

    def start(self) -> None:
        self._claiming = asyncio.create_task(self._claim_for_ever())

    def wake(self) -> None:
        self._wake.set()

    async def stop(self) -> None:
        """Hand back what is not done."""
        tasks = [*self._tasks.values(), *([self._claiming] if self._claiming is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._database.close()

    async def _claim_for_ever(self) -> None:
        while True:
            self._wake.clear()
            work = await self._claim() if len(self._tasks) < self.at_once else None
            if work is not None:
                self.took(work)
                task = asyncio.create_task(self._work(work))
                self._tasks[work.pk] = task
                task.add_done_callback(partial(self._ended, work.pk))
                continue
            await moment(self._wake, POLL_SECS)

    def _ended(self, pk: int, task: asyncio.Task[None]) -> None:
        self._tasks.pop(pk, None)
        self._wake.set()

    async def _claim(self) -> Work | None:
        try:
            return await self._database.run(self.claim)
        except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
            log.warning("cannot look for %ss, trying again: %s", self.name, type(error).__name__)
            return None

    async def _work(self, work: Work) -> None:
        renewing = asyncio.create_task(self._renew(work.pk))
        try:
            await self.work(work)
        except asyncio.CancelledError:
            await self._database.run(self.hand_back, work.pk)
            raise
        except Exception as error:
            log.error("%s %s failed: %s", self.name, work.pk, type(error).__name__, exc_info=error)
            await self._database.run(self.fail, work.pk)
        finally:
            renewing.cancel()

    async def _renew(self, pk: int) -> None:
        while True:
            await asyncio.sleep(RENEW_SECS)
            try:
                kept = await self._database.run(self.renew, pk)
            except Exception as error:  # noqa: BLE001 -- the lease must go on being renewed whatever it was
                log.warning("cannot renew a lease, trying again: %s", type(error).__name__)
                continue
            if not kept and pk in self._tasks:
                self._tasks[pk].cancel()

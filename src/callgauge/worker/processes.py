"""Processes that measure recordings: few, started anew (never forked), each expendable."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from callgauge.audio.work import Unheard, prepare
from callgauge.worker.slots import Place, Slots

log = logging.getLogger(__name__)

IDLE_SECS = 60.0
"""A process that has nothing to do for so long is ended: it holds 100 MB."""
CRASHED = Unheard("analysis_crashed", "The process that measured the recording was killed or crashed.")


Result = TypeVar("Result")


class AudioProcesses:
    """For one event loop. One job per process: what crashes takes nobody else's work along."""

    def __init__(self, count: int, memory_mb: int) -> None:
        """`count` processes at most, 0 for one per core; `memory_mb` for each."""
        self.count = count or os.cpu_count() or 1
        self._memory_mb = memory_mb
        self._slots = Slots(self.count)
        self._free: list[ProcessPoolExecutor] = []
        self._all: set[ProcessPoolExecutor] = set()
        self._ending: asyncio.TimerHandle | None = None
        self._stopped = False

    async def run(
        self,
        work: Callable[..., Result | Unheard],
        *args: object,
        place: Place,
        timeout_secs: float,
    ) -> Result | Unheard:
        """Who is next is as with judges. A process that dies, or takes longer, is the work's fault and its
        result."""
        async with self._slots.take(place):
            process, running = self._start(work, *args)
            try:
                async with asyncio.timeout(timeout_secs):
                    result = await running
            except BrokenProcessPool:
                self._discard(process)
                return CRASHED
            except TimeoutError:
                self._discard(process)
                words = f"Measuring the recording took longer than {timeout_secs:.0f} seconds."
                return Unheard("analysis_timeout", words, retryable=True)
            except BaseException:
                self._discard(process)
                raise
            self._give_back(process)
            return result

    def _start(
        self, work: Callable[..., Result | Unheard], *args: object
    ) -> tuple[ProcessPoolExecutor, asyncio.Future[Result | Unheard]]:
        while True:
            process = self._take()
            try:
                return process, asyncio.get_running_loop().run_in_executor(process, work, *args)
            except BrokenProcessPool:  # killed while it was idle, which is no fault of this work
                self._discard(process)

    def _take(self) -> ProcessPoolExecutor:
        if self._stopped:
            raise asyncio.CancelledError
        if self._free:
            return self._free.pop()
        process = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=prepare,
            initargs=(self._memory_mb,),
        )
        self._all.add(process)
        return process

    def _give_back(self, process: ProcessPoolExecutor) -> None:
        self._free.append(process)
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(IDLE_SECS, self._end_idle)

    def _end_idle(self) -> None:
        while self._free:
            self._discard(self._free.pop())

    def _discard(self, process: ProcessPoolExecutor) -> None:
        self._all.discard(process)
        if process in self._free:
            self._free.remove(process)
        _kill(process)

    def stop(self) -> None:
        """End every process; what it measured is lost and will be measured again."""
        self._stopped = True
        if self._ending is not None:
            self._ending.cancel()
        for process in list(self._all):
            self._discard(process)


def _kill(process: ProcessPoolExecutor) -> None:
    for child in list((process._processes or {}).values()):
        child.kill()
    # Killed in the middle of a result, the child leaves a thread here that waits for the rest and keeps this
    # process from ending. It sees that nothing follows once nobody has the pipe's other end.
    results: Any = process._result_queue
    if results is not None:
        results._writer.close()
    process.shutdown(wait=False, cancel_futures=True)

"""A process that is killed leaves nothing behind that waits for it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from callgauge.audio.work import Unheard
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.slots import Place
from tests.half_a_result import half_a_result
from tests.waiting import PATIENCE, wait_until

PLACE = Place(0, 0)


def test_one_killed_while_it_writes_its_result_holds_up_nobody() -> None:
    before = set(threading.enumerate())

    async def measure() -> object:
        processes = AudioProcesses(1, 1_000)
        try:
            return await processes.run(half_a_result, place=PLACE, timeout_secs=5)
        finally:
            processes.stop()

    found = asyncio.run(measure())
    assert isinstance(found, Unheard)
    assert found.code == "analysis_timeout"
    wait_until(lambda: set(threading.enumerate()) <= before, what="the end of the threads that wait for it")


def test_one_that_is_killed_while_it_is_idle_is_no_fault_of_what_comes_next() -> None:
    """As the kernel does where memory is short: a sound recording must not be taken for a harmful one."""

    async def measure() -> list[object]:
        processes = AudioProcesses(1, 1_000)
        try:
            first = await processes.run(os.getpid, place=PLACE, timeout_secs=60 * PATIENCE)
            (idle,) = processes._free
            os.kill(first, signal.SIGKILL)
            await asyncio.to_thread(wait_until, lambda: bool(idle._broken), what="its end")
            return [first, await processes.run(os.getpid, place=PLACE, timeout_secs=60 * PATIENCE)]
        finally:
            processes.stop()

    first, second = asyncio.run(measure())
    assert isinstance(second, int)
    assert second != first

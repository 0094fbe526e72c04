"""A process that is killed leaves nothing behind that waits for it."""

from __future__ import annotations

import asyncio
import threading

from callgauge.audio.work import Unheard
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.slots import Place
from tests.half_a_result import half_a_result
from tests.waiting import wait_until

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

"""What coroutines run on, and what garbage collection is told."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys

import pytest

from callgauge.worker.loop import HEAPS, moment, run_loop


def test_the_loop_is_the_fast_one_and_what_it_runs_may_fail() -> None:
    seen: list[str] = []

    async def main() -> None:
        seen.append(type(asyncio.get_running_loop()).__module__)
        raise ValueError("told to whoever runs it")

    with pytest.raises(ValueError, match="told to whoever runs it"):
        run_loop(main())
    assert seen == ["uvloop"]


@pytest.mark.parametrize("steps", range(5))
def test_who_waits_for_an_event_can_be_stopped_as_it_comes(steps: int) -> None:
    async def main() -> None:
        event = asyncio.Event()

        async def wait_for_ever() -> None:
            while True:
                event.clear()
                await moment(event, 3600)

        waiting = asyncio.create_task(wait_for_ever())
        for _ in range(2):
            await asyncio.sleep(0)
        event.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert waiting.cancelled()

    run_loop(main())


def test_a_moment_passes_without_its_event() -> None:
    run_loop(moment(asyncio.Event(), 0.0))


def test_cycles_are_still_found() -> None:
    """In a process of its own: it changes how that collects."""
    script = """
import gc
from callgauge.worker.loop import collect_less

class Node: ...

collect_less()
loaded, before = gc.get_freeze_count(), gc.get_stats()[0]["collected"]
for _ in range(50_000):
    node = Node()
    node.me = node
print(loaded > 1_000, gc.get_stats()[0]["collected"] > before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_threads_share_heaps() -> None:
    """glibc's own account of itself names each heap; in a process of its own, for good."""
    script = """
import ctypes, threading
from callgauge.worker.loop import HEAPS, share_heaps

share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
everybody = threading.Barrier(8)

def allocate():
    everybody.wait()
    libc.malloc(100_000)
    everybody.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
libc.fopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc keeps a heap for each thread")
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert 1 <= said.count("<heap nr=") <= HEAPS

"""What the executor's coroutines run on."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Coroutine
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

YOUNG_OBJECTS = 10_000
"""Python's own 700 is reached by a few questions under way, none of which is garbage yet. Not many more: what
a cycle holds, perhaps the body of a large call, stays until it is found."""

HEAPS = 2
M_ARENA_MAX = -8
"""glibc's malloc.h."""


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop's event loop, which takes a tenth less of a core for each question than Python's own; where
    there is none (Windows) on that."""
    if find_spec("uvloop") is None:
        asyncio.run(main)
        return
    import uvloop

    uvloop.run(main)


async def moment(event: asyncio.Event, secs: float) -> None:
    """Until the event is set, and no longer than that. Not `asyncio.wait_for`: before Python 3.12 it swallows
    a cancellation that comes at the same time as the event, and whoever stops such a task waits for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(secs):
            await event.wait()


def collect_less() -> None:
    """Look for garbage cycles less often, and never in what is loaded by now. Call it once, when a process is
    about to begin its work: with Python's own settings a tenth of the executor's time went into looking."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def share_heaps() -> None:
    """Let threads share two heaps of the C library's. Call it before they start. With one for each thread, as
    is usual, each keeps the room that its largest answer took: a server of eight was 30 MB larger."""
    with suppress(OSError, AttributeError):  # only glibc has this
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)

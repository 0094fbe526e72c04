"""Run one client's calls with a given number in flight, and print what they took as JSON."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

WARM_UP_CALLS = 100
"""Connections are opened and code is loaded before the clock starts."""


async def measure(ask: Callable[[Any], Awaitable[Any]], requests: Sequence[Any], in_flight: int) -> None:
    """Each request once, by `in_flight` workers that take the next one as soon as they are free."""
    await _all(ask, requests[:WARM_UP_CALLS], in_flight)
    wall, cpu = time.perf_counter(), time.process_time()
    await _all(ask, requests, in_flight)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        json.dumps({"calls": len(requests), "wall_secs": wall, "cpu_ms_per_call": cpu * 1000 / len(requests)})
    )


async def _all(ask: Callable[[Any], Awaitable[Any]], requests: Sequence[Any], in_flight: int) -> None:
    waiting = iter(requests)

    async def work() -> None:
        for request in waiting:
            verdict = await ask(request)
            if set(verdict) != {"evidence", "explanation", "applicable", "value"}:
                raise SystemExit(f"a wrong answer: {verdict}")

    await asyncio.gather(*(work() for _ in range(in_flight)))

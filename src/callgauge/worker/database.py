"""Threads for database reads: Django's connections belong to threads, and the event loop must not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

Result = TypeVar("Result")


class DatabaseThread:
    """One thread with one connection, opened anew after a database error."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"callgauge-{name}")

    async def run(self, function: Callable[..., Result], *args: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, _run, function, args)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, _close)
        self._pool.shutdown()


def _run(function: Callable[..., Result], args: tuple[object, ...]) -> Result:
    try:
        connection.close_if_unusable_or_obsolete()
        return function(*args)
    except (DatabaseError, InterfaceError):
        connection.close()
        raise


def _close() -> None:
    connection.close()

"""A stored recording as a file on this machine's disk."""

from __future__ import annotations

import asyncio
from typing import Any

from callgauge.flow.recordings.files import Place, files


class LocalFile:
    """There while the context lasts; copied in a thread where it has to be. Raises FileNotFoundError and
    StoreError."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._context: Any = None

    async def __aenter__(self) -> str:
        self._context = files().local(self._place)
        return str(await asyncio.to_thread(self._context.__enter__))

    async def __aexit__(self, *error: Any) -> None:
        await asyncio.to_thread(self._context.__exit__, None, None, None)

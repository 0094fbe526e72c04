"""What an executor does beside its chunks: loops that claim small work of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Loop(Protocol):
    def start(self) -> None: ...
    async def stop(self) -> None: ...


class Wakeful(Loop, Protocol):
    def wake(self) -> None:
        """There may be work for it."""


class Beside:
    """Starts them in the order given and stops them the same way."""

    def __init__(self, wakeful: Sequence[Wakeful], others: Sequence[Loop]) -> None:
        self._wakeful = wakeful
        self._loops: Sequence[Loop] = [*wakeful, *others]

    def start(self) -> None:
        for loop in self._loops:
            loop.start()

    def wake(self) -> None:
        for loop in self._wakeful:
            loop.wake()

    async def stop(self) -> None:
        for loop in self._loops:
            await loop.stop()

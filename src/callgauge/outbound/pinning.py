"""Where a name is turned into addresses and sockets: nothing that may not be reached gets past here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from callgauge.outbound.addresses import Network, is_reachable


class Refusal(OSError):
    """Raised inside the client, which only lets the system's errors through."""


class GuardedResolver(AbstractResolver):
    """The system's resolver, less the addresses that may not be reached."""

    def __init__(self, allowed: Sequence[Network], inner: AbstractResolver | None = None) -> None:
        self._allowed = tuple(allowed)
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self._inner is None:
            self._inner = ThreadedResolver(asyncio.get_running_loop())
        found = await self._inner.resolve(host, port, family)
        usable = [one for one in found if is_reachable(one["host"], self._allowed)]
        if found and not usable:
            raise Refusal(f"{host} has no address that may be reached")
        return usable

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()


def guarded_socket(allowed: Sequence[Network]) -> Callable[[Any], socket.socket]:
    """Makes sockets for the client, which gives the very address that it is about to connect to. It sees
    addresses that were written as numbers too, for which no resolver is asked."""

    def make(info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, proto, _, target = info
        if not is_reachable(str(target[0]), allowed):
            raise Refusal("the address may not be reached")
        return socket.socket(family, kind, proto)

    return make

"""A server that answers exactly what a test tells it to, one reply after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.judge.asking import ANSWER


def answered(content: Any = ANSWER, *, finish: str = "stop", **usage: Any) -> web.Response:
    """A chat completion whose text is `content`, as JSON unless it is text already."""
    text = content if isinstance(content, str) else json.dumps(content)
    counts = {"prompt_tokens": 100, "completion_tokens": 10, **usage}
    return web.json_response(
        {"choices": [{"message": {"content": text}, "finish_reason": finish}], "usage": counts}
    )


def refused(status: int, words: str = "no", code: str | None = None, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"error": {"message": words, "code": code}}, status=status, headers=named)


class HangUp(Exception):
    """Stands for a reply: the connection is cut."""


class Silence(Exception):
    """Stands for a reply: none comes, ever."""


@dataclass
class HandMade:
    """Replies in order; the last one is repeated. `bodies` holds what was asked."""

    replies: Sequence[web.Response | type[Exception]]
    now: Callable[[], float] = lambda: 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.times.append(self.now())
        self.arrived.set()
        reply = self.replies[min(len(self.bodies), len(self.replies)) - 1]
        if isinstance(reply, web.Response):
            # A response object serves once.
            assert isinstance(reply.body, bytes)
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        if reply is Silence:
            await asyncio.Event().wait()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

"""A judge's address on this machine: OpenAI's chat API on a free port, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from aiohttp import web


class ChatServer:
    """A subclass says what is answered. `runner_options` are aiohttp's."""

    def __init__(self, host: str = "127.0.0.1", **runner_options: Any) -> None:
        self.url = ""
        self._host = host
        self._runner_options = runner_options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self.answer)
        runner = web.AppRunner(app, access_log=None, **self._runner_options)
        await runner.setup()
        await web.TCPSite(runner, self._host, 0).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        self._ready.set()
        await self._stopped.wait()
        await runner.cleanup()

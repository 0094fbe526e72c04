"""A judge that puts into each answer which call and metric it was asked about: for counting what is paid."""

from __future__ import annotations

import asyncio
import json
import re
import threading

from aiohttp import web


class MarkingJudge:
    """Serves OpenAI's chat API on this machine. Calls speak of `order-N`, metrics of `question-N`."""

    def __init__(self, answer_secs: float = 0.1, host: str = "127.0.0.1") -> None:
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self._answer_secs = answer_secs
        self._host = host
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self._host, 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        self._ready.set()
        await self._stopped.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        marks = (_mark("order", text), _mark("question", text))
        self.asked.append(marks)
        await asyncio.sleep(self._answer_secs)
        content = {"evidence": [], "explanation": [" ".join(marks)], "applicable": True, "value": True}
        message = {"role": "assistant", "content": json.dumps(content)}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"model": "marking", "choices": [choice], "usage": usage})


def _mark(kind: str, text: str) -> str:
    found = re.search(rf"{kind}-\d+", text)
    assert found is not None
    return found[0]

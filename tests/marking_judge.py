"""A judge that puts into each answer which call and metric it was asked about: for counting what is paid."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.chat_server import ChatServer

SLOW_SECS = 5.0


class MarkingJudge(ChatServer):
    """Serves OpenAI's chat API on this machine. Calls speak of `order-N`, metrics of `question-N`."""

    def __init__(self, answer_secs: float = 0.1, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.asked: list[tuple[str, str]] = []
        self._answer_secs = answer_secs

    @contextmanager
    def slowly(self) -> Iterator[None]:
        """While something starts, however long that takes: the questions must not run out meanwhile."""
        usual, self._answer_secs = self._answer_secs, SLOW_SECS
        try:
            yield
        finally:
            self._answer_secs = usual

    async def answer(self, request: web.Request) -> web.Response:
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

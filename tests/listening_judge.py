"""A judge that keeps the sounds that it is sent and gives one answer to all: a fake that hears nothing."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from aiohttp import web

from tests.chat_server import ChatServer


@dataclass(frozen=True)
class Heard:
    """One request."""

    texts: Sequence[str]
    sound: bytes | None
    """An mp3 file."""

    @property
    def question(self) -> str:
        return self.texts[-1]

    def samples(self) -> tuple[Any, int]:
        assert self.sound is not None
        return soundfile.read(io.BytesIO(self.sound))

    def level(self, start: float, end: float) -> float:
        """Root mean square of a stretch."""
        samples, rate = self.samples()
        return float(np.sqrt((samples[int(start * rate) : int(end * rate)] ** 2).mean()))


class ListeningJudge(ChatServer):
    """Serves OpenAI's chat API on this machine."""

    def __init__(
        self, value: Any = True, *, answer_secs: float = 0.0, refuse_first: Sequence[int] = ()
    ) -> None:
        """The first requests are answered with the statuses of `refuse_first`."""
        super().__init__()
        self.asked: list[Heard] = []
        self.value = value
        self._answer_secs = answer_secs
        self._refusals = list(refuse_first)

    @property
    def sounds(self) -> list[bytes]:
        return [one.sound for one in self.asked if one.sound is not None]

    async def answer(self, request: web.Request) -> web.Response:
        document = await request.json()
        self.asked.append(_heard(document))
        if self._refusals:
            return web.json_response({"error": {"message": "not now"}}, status=self._refusals.pop(0))
        await asyncio.sleep(self._answer_secs)
        content = {"evidence": [], "explanation": ["Heard."], "applicable": True, "value": self.value}
        message = {"role": "assistant", "content": json.dumps(content)}
        details = {"audio_tokens": 60 if self.asked[-1].sound else 0}
        usage = {"prompt_tokens": 160, "completion_tokens": 10, "prompt_tokens_details": details}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"model": "listening", "choices": [choice], "usage": usage})


def _heard(document: dict[str, Any]) -> Heard:
    texts, sound = [], None
    for message in document["messages"]:
        blocks = message["content"]
        for block in [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks:
            if block["type"] == "input_audio":
                assert block["input_audio"]["format"] == "mp3"
                assert sound is None, "one sound at most"
                sound = b64decode(block["input_audio"]["data"], validate=True)
            else:
                texts.append(block["text"])
    return Heard(texts, sound)

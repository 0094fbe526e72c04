"""A reply as HTTP gave it, and the reason in it when it is a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from callgauge.judge.adapter import field_of

_MAX_REPLY_BYTES = 8 * 1024 * 1024
"""A judge's answer has a few kB; a wrong address may serve anything."""
_MAX_WORDS = 200
"""Characters of a server's reason that are kept: it may repeat the prompt."""
_FINAL_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""OpenAI sends these with 429, though only a payment helps and not a wait."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def read_limited(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises aiohttp.ClientPayloadError above 8 MB."""
    parts = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > _MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError("the reply is larger than 8 MB")
        parts.append(part)
    return b"".join(parts)


def is_final_refusal(reply: HttpReply) -> bool:
    """True for a 429 that no wait will cure."""
    code = field_of(_document(reply.body), "error", "code")
    return isinstance(code, str) and code in _FINAL_CODES


def server_words(body: bytes) -> str:
    """The server's own reason on one line, empty where it gives none."""
    document = _document(body)
    if isinstance(document, list):  # Gemini wraps some errors so
        document = field_of(document, 0)
    places = (("error", "message"), ("error",), ("message",), ("detail",))
    found: Any = next((words for path in places if isinstance(words := field_of(document, *path), str)), "")
    return " ".join(found.split())


def shown(words: str, key: str) -> str:
    """A server's reason as it may be shown: without the key, which some servers repeat, and short."""
    if key:
        words = words.replace(key, "[key]")
    return words if len(words) <= _MAX_WORDS else words[: _MAX_WORDS - 1] + "…"


def _document(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None

"""Google's generateContent API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from callgauge.domain.judging import JudgeRequest, Message
from callgauge.judge.adapter import MalformedReply, Quirks, Reply, Tokens, count_of, field_of, in_base64
from callgauge.judge.client import HttpJudge
from callgauge.judge.gate import Gate
from callgauge.judge.prices import PriceList, Prices
from callgauge.judge.schema_text import SpelledOut, with_schema_in_system
from callgauge.judge.settings import JudgeSettingError, JudgeSettings, endpoint

_DEFAULT_URL = "https://generativelanguage.googleapis.com/v1beta"
_ROLES = {"user": "user", "assistant": "model"}
_ANSWERED = frozenset({"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED", None})
"""Every other finish reason (SAFETY, RECITATION, BLOCKLIST, …) says why there is no answer."""


def open_judge(settings: JudgeSettings, gate: Gate | None = None) -> HttpJudge:
    return HttpJudge(GeminiContent(settings), settings, gate=gate)


class GeminiContent:
    provider = "gemini"
    cache_min_tokens = 1024
    """Of the Flash models; where a Pro model wants more, going ahead costs one answer's time and no money."""
    sound_tokens_per_sec = 32.0
    """By Google's page on understanding sound."""

    def __init__(self, settings: JudgeSettings) -> None:
        if not settings.api_key and not settings.base_url:
            raise JudgeSettingError("gemini needs an API key (CALLGAUGE_JUDGE_API_KEY)")
        model = settings.model.removeprefix("models/")
        self.url = endpoint(
            settings.base_url, _DEFAULT_URL, f"/models/{quote(model, safe='')}:generateContent"
        )
        # In a header and not in the query: addresses end up in logs.
        self.headers: Mapping[str, str] = {"x-goog-api-key": settings.api_key} if settings.api_key else {}
        self.quirks = Quirks(schema=settings.response_format != "json_object")
        self._spelled_out = SpelledOut()
        prices: Prices | PriceList = settings.prices or PriceList(
            model, provider_id="google", sound_as_text=True
        )
        self.cost = prices.cost

    def body(self, request: JudgeRequest, quirks: Quirks, sound: bytes = b"") -> bytes:
        messages = request.messages
        generation: dict[str, Any] = {
            "responseMimeType": "application/json",
            "maxOutputTokens": request.max_output_tokens,
        }
        if not quirks.schema:
            messages = with_schema_in_system(messages, request.schema)
        else:
            generation["responseJsonSchema"] = self._spelled_out(request.schema)
        if quirks.temperature and request.temperature is not None:
            generation["temperature"] = request.temperature
        system = [{"text": message.text} for message in messages if message.role == "system"]
        contents = [
            {"role": _ROLES[message.role], "parts": _parts(message, sound)}
            for message in messages
            if message.role != "system"
        ]
        document: dict[str, Any] = {"contents": contents, "generationConfig": generation}
        if system:
            document["systemInstruction"] = {"parts": system}
        return orjson.dumps(document)

    def read(self, document: Mapping[str, Any]) -> Reply:
        usage = document.get("usageMetadata")
        tokens = Tokens(
            input=count_of(usage, "promptTokenCount"),
            cached=count_of(usage, "cachedContentTokenCount"),
            output=count_of(usage, "candidatesTokenCount") + count_of(usage, "thoughtsTokenCount"),
            sound=_sound_tokens(field_of(usage, "promptTokensDetails")),
        )
        blocked = field_of(document, "promptFeedback", "blockReason")
        if blocked:
            return Reply("", tokens, refusal=f"the prompt was blocked ({blocked})")
        candidate = field_of(document, "candidates", 0)
        if not isinstance(candidate, Mapping):
            raise MalformedReply("the reply holds no candidate")
        reason = candidate.get("finishReason")
        parts = field_of(candidate, "content", "parts")
        texts = [
            part["text"]
            for part in (parts if isinstance(parts, list) else ())
            if isinstance(part, Mapping) and isinstance(part.get("text"), str) and not part.get("thought")
        ]
        return Reply(
            text="".join(texts),
            tokens=tokens,
            truncated=reason == "MAX_TOKENS",
            refusal="" if reason in _ANSWERED else f"the answer was stopped ({reason})",
        )


def hears(model: str) -> bool:
    """All Gemini models listen; the open Gemma models that the same API serves do not."""
    return model.removeprefix("models/").startswith("gemini")


def _parts(message: Message, sound: bytes) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": message.text}]
    if message.sound is not None:
        parts.append({"inlineData": {"mimeType": "audio/mp3", "data": in_base64(sound)}})
    return parts


def _sound_tokens(details: Any) -> int:
    return sum(
        count_of(one, "tokenCount")
        for one in (details if isinstance(details, list) else ())
        if field_of(one, "modality") == "AUDIO"
    )

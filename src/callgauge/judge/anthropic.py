"""Anthropic's messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from callgauge.domain.judging import JudgeRequest, Message
from callgauge.judge.adapter import MalformedReply, Quirks, Reply, Tokens, count_of
from callgauge.judge.client import HttpJudge
from callgauge.judge.gate import Gate
from callgauge.judge.prices import PriceList, Prices
from callgauge.judge.schema_text import SpelledOut, with_schema_in_system
from callgauge.judge.settings import JudgeSettingError, JudgeSettings, endpoint

_DEFAULT_URL = "https://api.anthropic.com/v1"
_VERSION = "2023-06-01"
_CACHE_MIN_TOKENS = (
    *(("opus-4-5", 4096), ("opus-4-6", 4096), ("haiku-4-5", 4096)),
    *(("haiku", 2048), ("sonnet", 1024), ("opus", 1024)),
)
"""Shortest prefix that is cached, by a part of the model's name; the first that fits counts."""


def open_judge(settings: JudgeSettings, gate: Gate | None = None) -> HttpJudge:
    return HttpJudge(AnthropicMessages(settings), settings, gate=gate)


class AnthropicMessages:
    provider = "anthropic"
    sound_tokens_per_sec = None

    def __init__(self, settings: JudgeSettings) -> None:
        if not settings.api_key and not settings.base_url:
            raise JudgeSettingError("anthropic needs an API key (CALLGAUGE_JUDGE_API_KEY)")
        self.url = endpoint(settings.base_url, _DEFAULT_URL, "/messages")
        key = {"x-api-key": settings.api_key} if settings.api_key else {}
        self.headers: Mapping[str, str] = {"anthropic-version": _VERSION, **key}
        self._model = settings.model
        self.quirks = Quirks(schema=settings.response_format != "json_object")
        self.cache_min_tokens = _cache_min_tokens(settings.model)
        self._spelled_out = SpelledOut()
        prices: Prices | PriceList = settings.prices or PriceList(settings.model, provider_id="anthropic")
        self.cost = prices.cost

    def body(self, request: JudgeRequest, quirks: Quirks, sound: bytes = b"") -> bytes:
        messages = request.messages
        if not quirks.schema:
            messages = with_schema_in_system(messages, request.schema)
        document: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_output_tokens,
            "system": [_block(message) for message in messages if message.role == "system"],
            "messages": [
                {"role": message.role, "content": [_block(message)]}
                for message in messages
                if message.role != "system"
            ],
        }
        if quirks.schema:
            schema = self._spelled_out(request.schema)
            document["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if quirks.temperature and request.temperature is not None:
            document["temperature"] = request.temperature
        return orjson.dumps(document)

    def read(self, document: Mapping[str, Any]) -> Reply:
        blocks = document.get("content")
        if not isinstance(blocks, list):
            raise MalformedReply("the reply holds no list of content blocks")
        texts = [
            block["text"]
            for block in blocks
            if isinstance(block, Mapping)
            and block.get("type") == "text"
            and isinstance(block.get("text"), str)
        ]
        reason = document.get("stop_reason")
        return Reply(
            text="".join(texts),
            tokens=_tokens(document.get("usage")),
            truncated=reason in {"max_tokens", "model_context_window_exceeded"},
            refusal="the model's safety filter stopped the answer" if reason == "refusal" else "",
        )


def hears(model: str) -> bool:
    """The messages API takes text, pictures and documents, no sound."""
    return False


def _cache_min_tokens(model: str) -> int:
    """By Anthropic's page on prompt caching; models that it does not name count as the strictest."""
    fitting = (least for part, least in _CACHE_MIN_TOKENS if part in model)
    return next(fitting, 4096)


def _block(message: Message) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": message.text}
    if message.cacheable:
        block["cache_control"] = {"type": "ephemeral"}
    return block


def _tokens(usage: Any) -> Tokens:
    """Anthropic counts three kinds of input apart; here `input` is their sum."""
    cached = count_of(usage, "cache_read_input_tokens")
    written = count_of(usage, "cache_creation_input_tokens")
    return Tokens(
        input=count_of(usage, "input_tokens") + cached + written,
        cached=cached,
        cache_written=written,
        output=count_of(usage, "output_tokens"),
    )

"""OpenAI's chat completions, which Azure, vLLM, Ollama, LiteLLM and many others speak too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from callgauge.domain.judging import JudgeRequest, Message
from callgauge.judge.adapter import MalformedReply, Quirks, Reply, Tokens, count_of, field_of, in_base64
from callgauge.judge.client import HttpJudge
from callgauge.judge.gate import Gate
from callgauge.judge.prices import PriceList, Prices
from callgauge.judge.schema_text import with_schema_in_system
from callgauge.judge.settings import JudgeSettingError, JudgeSettings, endpoint

DEFAULT_URL = "https://api.openai.com/v1"
_OWN_HOSTS = ("api.openai.com", ".openai.azure.com", ".services.ai.azure.com")
"""Servers of OpenAI's own models, which want `max_completion_tokens`; others know `max_tokens`."""


def open_judge(settings: JudgeSettings, gate: Gate | None = None) -> HttpJudge:
    return HttpJudge(OpenAIChat(settings), settings, gate=gate)


class OpenAIChat:
    provider = "openai"
    cache_min_tokens = 1024
    """OpenAI's own; servers such as vLLM and DeepSeek keep shorter prefixes too."""
    sound_tokens_per_sec = 10.0
    """One token for 100 ms, by OpenAI's page on the cost of sound."""

    def __init__(self, settings: JudgeSettings) -> None:
        if not settings.api_key and not settings.base_url:
            raise JudgeSettingError(
                "openai needs an API key (CALLGAUGE_JUDGE_API_KEY), or a base URL "
                "(CALLGAUGE_JUDGE_BASE_URL) of a server that asks for none"
            )
        self.url = endpoint(settings.base_url, DEFAULT_URL, "/chat/completions")
        host = urlsplit(self.url).hostname or ""
        self.headers: Mapping[str, str] = authorization(host, settings.api_key)
        self.quirks = Quirks(
            max_completion_tokens=host.endswith(_OWN_HOSTS), schema=settings.response_format != "json_object"
        )
        self._model = settings.model
        # Some of OpenAI's models that listen stand in the list with the price of text alone.
        prices: Prices | PriceList = settings.prices or PriceList(settings.model, api_url=self.url)
        self.cost = prices.cost

    def body(self, request: JudgeRequest, quirks: Quirks, sound: bytes = b"") -> bytes:
        messages = request.messages
        if not quirks.schema:
            messages = with_schema_in_system(messages, request.schema)
            response_format: dict[str, Any] | None = {"type": "json_object"} if quirks.json_mode else None
        else:
            schema = {"name": request.schema_name, "strict": True, "schema": request.schema}
            response_format = {"type": "json_schema", "json_schema": schema}
        limit = "max_completion_tokens" if quirks.max_completion_tokens else "max_tokens"
        document: dict[str, Any] = {
            "model": self._model,
            "messages": _messages(messages, sound),
        }
        if response_format is not None:
            document["response_format"] = response_format
        document[limit] = request.max_output_tokens
        if quirks.temperature and request.temperature is not None:
            document["temperature"] = request.temperature
        return orjson.dumps(document)

    def read(self, document: Mapping[str, Any]) -> Reply:
        choice = field_of(document, "choices", 0)
        message = field_of(choice, "message")
        if not isinstance(message, Mapping):
            raise MalformedReply("the reply holds no choice with a message")
        content = message.get("content")
        reason = field_of(choice, "finish_reason")
        refusal = ""
        if message.get("refusal"):  # Its words are left out: they may repeat the call's.
            refusal = "the model refused to judge this call"
        elif reason == "content_filter":
            refusal = "the content filter stopped the answer"
        usage = document.get("usage")
        return Reply(
            text=content if isinstance(content, str) else "",
            tokens=Tokens(
                input=count_of(usage, "prompt_tokens"),
                cached=count_of(usage, "prompt_tokens_details", "cached_tokens")
                or count_of(usage, "prompt_cache_hit_tokens"),  # DeepSeek's word for it
                output=count_of(usage, "completion_tokens"),
                sound=count_of(usage, "prompt_tokens_details", "audio_tokens"),
            ),
            truncated=reason == "length",
            refusal=refusal,
        )


def authorization(host: str, key: str) -> dict[str, str]:
    if not key:
        return {}
    if host.endswith(".azure.com"):
        return {"api-key": key}
    return {"Authorization": f"Bearer {key}"}


def hears(model: str) -> bool:
    """OpenAI's own that listen have it in their names; of others' models only the operator knows."""
    return "audio" in model


def _messages(messages: Sequence[Message], sound: bytes) -> list[dict[str, Any]]:
    return [{"role": message.role, "content": _content(message, sound)} for message in messages]


def _content(message: Message, sound: bytes) -> str | list[dict[str, Any]]:
    if message.sound is None:
        return message.text
    heard = {"data": in_base64(sound), "format": "mp3"}
    return [{"type": "text", "text": message.text}, {"type": "input_audio", "input_audio": heard}]

"""The three APIs that the fake server speaks: what a request holds, and how a reply is written."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from callgauge.judge.adapter import field_of

_BYTES_PER_SOUND_TOKEN = 700
"""A tenth of a second at the bit rate of the clips that are sent."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of the prompt in the order in which the provider reads it: schema, system, messages."""

    text: str
    ends_prefix: bool = False
    """Anthropic's `cache_control` stands here."""
    sound_tokens: int = 0
    """More than 0: it is sound, and `text` only names it."""


@dataclass(frozen=True, slots=True)
class Asked:
    schema: Mapping[str, Any]
    parts: Sequence[Part]
    texts: Sequence[str]
    """System and message texts, without the schema."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of one request, at 4 characters each."""

    prompt: int
    """Sound included."""
    cached: int
    written: int
    output: int
    sound: int = 0


@dataclass(frozen=True, slots=True)
class Dialect:
    read: Callable[[Mapping[str, Any]], Asked]
    write: Callable[[str, bool, Counted, str], dict[str, Any]]
    """From text, whether it is cut off, token counts and model to the reply's document."""
    refuse: Callable[[int, str], dict[str, Any]]
    """From status and words to the error's document."""
    marks_prefixes: bool = False
    """Only what the request marks is cached; the others cache every prefix."""


def _read_openai(document: Mapping[str, Any]) -> Asked:
    parts: list[Part] = []
    for message in document.get("messages", ()):
        for block in _blocks(field_of(message, "content")):
            if block.get("type") == "input_audio":
                form = field_of(block, "input_audio", "format")
                parts.append(_sound(field_of(block, "input_audio", "data"), known=form in {"mp3", "wav"}))
            else:
                parts.append(Part(str(block.get("text", ""))))
    return _asked(field_of(document, "response_format", "json_schema", "schema"), parts)


def _write_openai(text: str, cut_off: bool, counted: Counted, model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "length" if cut_off else "stop"}],
        "usage": {
            "prompt_tokens": counted.prompt,
            "completion_tokens": counted.output,
            "total_tokens": counted.prompt + counted.output,
            "prompt_tokens_details": {"cached_tokens": counted.cached, "audio_tokens": counted.sound},
        },
    }


def _refuse_openai(status: int, words: str) -> dict[str, Any]:
    return {"error": {"message": words, "type": "fake_error", "param": None, "code": str(status)}}


def _read_anthropic(document: Mapping[str, Any]) -> Asked:
    blocks = list(_blocks(document.get("system", "")))
    for message in document.get("messages", ()):
        blocks += _blocks(field_of(message, "content"))
    parts = [Part(str(block.get("text", "")), ends_prefix="cache_control" in block) for block in blocks]
    return _asked(field_of(document, "output_config", "format", "schema"), parts)


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else list(content or ())


def _write_anthropic(text: str, cut_off: bool, counted: Counted, model: str) -> dict[str, Any]:
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "max_tokens" if cut_off else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": counted.prompt - counted.cached - counted.written,
            "cache_read_input_tokens": counted.cached,
            "cache_creation_input_tokens": counted.written,
            "output_tokens": counted.output,
        },
    }


def _refuse_anthropic(_: int, words: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "fake_error", "message": words}}


def _read_gemini(document: Mapping[str, Any]) -> Asked:
    given = list(field_of(document, "systemInstruction", "parts") or ())
    for content in document.get("contents", ()):
        given += field_of(content, "parts") or ()
    parts = []
    for part in given:
        if "inlineData" in part:
            form = str(field_of(part, "inlineData", "mimeType"))
            parts.append(_sound(field_of(part, "inlineData", "data"), known=form.startswith("audio/")))
        else:
            parts.append(Part(str(part.get("text", ""))))
    return _asked(field_of(document, "generationConfig", "responseJsonSchema"), parts)


def _write_gemini(text: str, cut_off: bool, counted: Counted, model: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [{"index": 0, "content": content, "finishReason": "MAX_TOKENS" if cut_off else "STOP"}],
        "modelVersion": model,
        "usageMetadata": {
            "promptTokenCount": counted.prompt,
            "cachedContentTokenCount": counted.cached,
            "candidatesTokenCount": counted.output,
            "totalTokenCount": counted.prompt + counted.output,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": counted.prompt - counted.sound},
                *([{"modality": "AUDIO", "tokenCount": counted.sound}] if counted.sound else []),
            ],
        },
    }


def _refuse_gemini(status: int, words: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": words, "status": "FAKE_ERROR"}}


def _sound(data: Any, *, known: bool) -> Part:
    """Raises ValueError for what is no sound file."""
    sound = b64decode(str(data), validate=True)
    if not known or not (sound[:4] == b"RIFF" or sound[:3] == b"ID3" or sound[:1] == b"\xff"):
        raise ValueError("no sound")
    name = blake2b(sound, digest_size=8).hexdigest()
    return Part(f"<sound {name}>", sound_tokens=-(-len(sound) // _BYTES_PER_SOUND_TOKEN))


def _asked(schema: Any, parts: Sequence[Part]) -> Asked:
    texts = [part.text for part in parts if not part.sound_tokens]
    if not isinstance(schema, Mapping):
        return Asked(_schema_in_text(texts), parts, texts)
    return Asked(schema, [Part(orjson.dumps(schema).decode()), *parts], texts)


def _schema_in_text(texts: Sequence[str]) -> Mapping[str, Any]:
    """With `json_object` the schema stands on a line of its own in the system text."""
    for line in texts[0].splitlines() if texts else ():
        if line.startswith("{"):
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(found, dict) and "properties" in found:
                return found
    return {"type": "object"}


OPENAI = Dialect(_read_openai, _write_openai, _refuse_openai)
ANTHROPIC = Dialect(_read_anthropic, _write_anthropic, _refuse_anthropic, marks_prefixes=True)
GEMINI = Dialect(_read_gemini, _write_gemini, _refuse_gemini)

"""What one provider's dialect must say: where to post, the body, and how to read the reply."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from callgauge.domain.judging import JudgeRequest


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one reply was billed for."""

    input: int = 0
    """All of the prompt, that from the cache included."""
    cached: int = 0
    cache_written: int = 0
    output: int = 0
    """Thinking included, where a provider counts it apart."""
    sound: int = 0
    """The part of the input that was sound; 0 where the provider does not say."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as the model gave it, not yet checked against the schema."""

    text: str
    tokens: Tokens
    truncated: bool = False
    """It ended because the tokens were used up."""
    refusal: str = ""
    """Not empty: the model or a filter in front of it declined. Our own words, not the model's."""


class MalformedReply(ValueError):
    """The document is not what this provider's API sends."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server turned out to want; learned from its refusals and kept for the judge's life."""

    temperature: bool = True
    """False: reasoning models refuse any but their own."""
    max_completion_tokens: bool = True
    """False: older OpenAI-compatible servers know only `max_tokens`."""
    schema: bool = True
    """False: the server takes no strict schema, so it stands in the system text."""
    json_mode: bool = True
    """False: it does not take `json_object` either, as OpenAI's models that listen."""


class Adapter(Protocol):
    """A leaf file per provider; it knows the dialect and nothing of retries."""

    @property
    def provider(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The key among them."""

    @property
    def quirks(self) -> Quirks:
        """What to assume before the server has refused anything."""

    @property
    def cache_min_tokens(self) -> int | None:
        """Shortest shared start of a prompt that the provider serves from its cache; None: no cache."""

    @property
    def sound_tokens_per_sec(self) -> float | None:
        """What a second of sound is counted as; None where the API takes no sound."""

    def body(self, request: JudgeRequest, quirks: Quirks, sound: bytes = b"") -> bytes:
        """`sound`: the bytes of the request's sound, if it has one."""

    def read(self, document: Mapping[str, Any]) -> Reply:
        """Raises MalformedReply."""

    def cost(self, tokens: Tokens) -> float | None: ...


_SCHEMA_WORDS = (
    *("response_format", "json_schema", "responsejsonschema", "response_json_schema", "response_schema"),
    *("output_config", "output_format", "structured output", "structured_output", "guided_json"),
)
"""What the three dialects call a strict schema; a refusal of it names one of these."""
_JSON_WORDS = ("response_format", "json_object")
_UNKNOWN_WORDS = ("unsupported", "unrecognized", "unknown", "not permitted", "not allowed", "not supported")


def concede(sent: Quirks, refusal: str, *, may_drop_schema: bool = False) -> Quirks | None:
    """What to send instead after a 400, or None where the refusal is about something else.

    OpenAI's reasoning models say "Unsupported value: 'temperature' does not support 0" and "Unsupported
    parameter: 'max_tokens' … Use 'max_completion_tokens'"; servers with strict fields say "unknown".
    """
    text = refusal.lower()
    if sent.temperature and "temperature" in text:
        return replace(sent, temperature=False)
    if not sent.max_completion_tokens and "max_completion_tokens" in text:
        return replace(sent, max_completion_tokens=True)
    if (
        sent.max_completion_tokens
        and "max_completion_tokens" in text
        and any(w in text for w in _UNKNOWN_WORDS)
    ):
        return replace(sent, max_completion_tokens=False)
    if sent.schema and may_drop_schema and any(word in text for word in _SCHEMA_WORDS):
        return replace(sent, schema=False)
    if not sent.schema and sent.json_mode and may_drop_schema and any(word in text for word in _JSON_WORDS):
        return replace(sent, json_mode=False)
    return None


def in_base64(sound: bytes) -> str:
    return b2a_base64(sound, newline=False).decode("ascii")


def field_of(document: Any, *path: str | int) -> Any:
    """The value at a path into parsed JSON, None where a step is missing or of another type."""
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and len(document) > step:
            document = document[step]
        else:
            return None
    return document


def count_of(document: Any, *path: str | int) -> int:
    """The token count at a path, 0 where there is none."""
    value = field_of(document, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

"""The text inside a provider's field: strings, lists of parts, numbers, nothing; always storable text."""

from __future__ import annotations

import json
import re
from typing import Any

from callgauge.formats.errors import TranscriptError
from callgauge.formats.notes import Notes

MAX_DEPTH = 100
"""Levels of nesting allowed in tool arguments; json.dumps itself gives up near 1,000."""

_PARTS_DEPTH = 4
"""Content lists seen in the wild nest once or twice."""

MAX_ENCODINGS = 2
"""Form clients send JSON text; some encode a text that already was JSON."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL stores no NUL, UTF-8 has no lone surrogates."""

_TEXT_KEYS = ("text", "content", "transcript", "message", "value", "parts")
"""Where a part keeps its words: OpenAI and LiveKit text and audio parts, Gemini parts."""


def clean(text: str) -> str:
    """The text with every character that cannot be stored replaced by U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub("�", text)


def text_of(value: Any, notes: Notes, row: int) -> str:
    """Words of a content field, stripped; list parts are joined by a space."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value).strip()
    pieces: list[str] = []
    _gather(value, pieces, notes, row, _PARTS_DEPTH)
    return " ".join(piece for piece in pieces if piece)


def _gather(value: Any, pieces: list[str], notes: Notes, row: int, depth: int) -> None:
    if value is None:
        return
    if isinstance(value, str):
        pieces.append(clean(value).strip())
    elif isinstance(value, (bool, int, float)):
        pieces.append(json_text(value, row, "content"))
    elif depth == 0:
        notes.add("content nested too deeply was left out", row)
    elif isinstance(value, list):
        for part in value:
            _gather(part, pieces, notes, row, depth - 1)
    elif isinstance(value, dict):
        # LiveKit's instructions keep the spoken wording under "audio", which elsewhere means sound.
        keys = ("audio", "text") if value.get("type") == "instructions" else _TEXT_KEYS
        words = next((value[key] for key in keys if value.get(key) is not None), None)
        if words is None:
            notes.add("a part of the content without text was left out", row)
        _gather(words, pieces, notes, row, depth - 1)


def json_text(value: Any, row: int, key: str) -> str:
    """The value as text: a string as it is, nothing as "", anything else as JSON.

    Raises TranscriptError for a value nested more than MAX_DEPTH levels.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (dict, list)) and _deeper_than(value, MAX_DEPTH):
        raise TranscriptError(f"nested more than {MAX_DEPTH} levels deep.", row=row, key=key)
    try:
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    except ValueError as error:  # an integer of thousands of digits
        raise TranscriptError("holds a number that is too long.", row=row, key=key) from error


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def decode(payload: Any) -> Any:
    """The JSON value of a payload that may still be JSON text; None for an empty text."""
    for _ in range(MAX_ENCODINGS):
        if not isinstance(payload, (str, bytes, bytearray)):
            break
        if not payload.strip():
            return None
        try:
            payload = json.loads(payload)
        except RecursionError as error:
            raise TranscriptError("the JSON text is nested too deeply.") from error
        except ValueError as error:
            raise TranscriptError("the text is not valid JSON.") from error
    return payload

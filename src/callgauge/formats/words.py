"""The times of single words, where a provider's payload has them in whatever shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_LEVELS = 12
MAX_WORDS = 200_000
MAX_WORD_SECS = 10.0
MAX_SECS = 1e6
_TEXTS = ("punctuated_word", "word", "text")


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    start_secs: float
    end_secs: float


def word_times(raw: Any) -> list[SpokenWord]:
    """By start. Words are objects with a text without spaces, `start` and `end` in seconds, as Retell and
    Deepgram write them."""
    found: list[SpokenWord] = []
    for word in _words(raw, 0):
        found.append(word)
        if len(found) >= MAX_WORDS:
            break
    return sorted(found, key=lambda word: word.start_secs)


def _words(value: Any, level: int) -> Iterator[SpokenWord]:
    if level > MAX_LEVELS:
        return
    if isinstance(value, dict):
        word = _word(value)
        if word is not None:
            yield word
            return
        for inner in value.values():
            if isinstance(inner, (dict, list)):
                yield from _words(inner, level + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)):
                yield from _words(inner, level + 1)


def _word(value: dict[str, Any]) -> SpokenWord | None:
    start, end = _secs(value.get("start")), _secs(value.get("end"))
    if start is None or end is None or not 0 <= end - start < MAX_WORD_SECS:
        return None
    text = next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), "").strip()
    return SpokenWord(text, start, end) if text and " " not in text else None


def _secs(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < MAX_SECS else None

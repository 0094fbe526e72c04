"""Text and JSON that every database holds: PostgreSQL stores no NUL, UTF-8 has no lone surrogates."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100
"""Levels of nesting; json itself gives up near 1,000, on a deep stack sooner."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def storable_text(text: str) -> str:
    """The text with every character that cannot be stored replaced by U+FFFD."""
    return _UNSTORABLE.sub("�", text)


def storable_json(value: Any) -> str:
    """JSON text of a decoded value, its strings made storable.

    Raises ValueError for NaN, infinities, nesting deeper than MAX_DEPTH and what is no JSON value.
    """
    if is_deeper(value, MAX_DEPTH):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if "\\u0000" in text or not is_storable(text):
            text = json.dumps(_cleaned(value), ensure_ascii=False, allow_nan=False)
    except TypeError:
        raise ValueError("not a JSON value") from None
    return text


def is_deeper(value: Any, limit: int) -> bool:
    """Whether arrays and objects stand more than `limit` levels deep in each other."""
    level = [value] if isinstance(value, (dict, list)) else []
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


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return storable_text(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {storable_text(str(name)): _cleaned(item) for name, item in value.items()}
        case _:
            return value

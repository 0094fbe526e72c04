"""The host's look at values from inside: parsed JSON, but from a hand that may have forged it."""

from __future__ import annotations

import math
import re
from typing import Any

from callgauge.sandbox.errors import FrameInvalid

_DEPTH = 60  # a little more than the inside allows itself
_INT64 = 1 << 63

# What databases and UTF-8 cannot hold: NUL (PostgreSQL) and lone surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(value: Any, depth: int = 0) -> Any:
    """A copy with storable texts. Raises FrameInvalid for numbers and nesting that no result may have."""
    if depth > _DEPTH:
        raise FrameInvalid("nested too deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise FrameInvalid("an integer beyond 64 bits")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise FrameInvalid("a number that is not finite")
        return value
    if isinstance(value, list):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {text(key): clean(item, depth + 1) for key, item in value.items()}
    raise FrameInvalid("a value that JSON does not have")


def text(value: Any, max_chars: int | None = None) -> str:
    """A storable text. Raises FrameInvalid when it is none or longer than `max_chars`."""
    if not isinstance(value, str):
        raise FrameInvalid("not a text")
    if max_chars is not None and len(value) > max_chars:
        raise FrameInvalid("a text beyond its limit")
    return _UNSTORABLE.sub("\ufffd", value)


def texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise FrameInvalid("not a list")
    return [text(item) for item in value]

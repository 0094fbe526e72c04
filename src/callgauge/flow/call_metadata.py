"""Metadata key by key in a table of its own, so that calls can be found by it.

The payload keeps metadata as it was sent; these rows follow it, in the same transaction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from callgauge.domain.storable import storable_text
from callgauge.store.bulk import insert_rows
from callgauge.store.models import CallMetadata

MAX_KEY_CHARS = 100
MAX_TEXT_CHARS = 400
"""Of a value: key and value together stay below what a row of a PostgreSQL index can hold (2,704 bytes)."""
MAX_ROWS = 200
"""Of one call. A larger metadata is stored as ever; what comes after cannot be searched."""
MAX_LEVELS = 5

COLUMNS = ("call_id", "key", "text", "number")


def index_metadata(call_id: int, metadata: str, *, fresh: bool = False) -> None:
    """Make the rows of a call say what its metadata (JSON text) says. `fresh` is a call that has none yet.
    The caller is in a transaction."""
    rows = [(call_id, *row) for row in metadata_rows(json.loads(metadata))]
    if not fresh:
        CallMetadata.objects.filter(call_id=call_id).delete()
    insert_rows(CallMetadata, COLUMNS, rows)


def metadata_rows(metadata: Mapping[str, Any]) -> list[tuple[str, str, float | None]]:
    """(key, value as text, value as number) of everything that a condition can be put to.

    Keys of nested objects are joined by dots; a list gives a row for each of its values, so that a condition
    holds for the call where it holds for one of them. Null and empty text say nothing and give no row.
    """
    rows: dict[tuple[str, str], float | None] = {}
    for key, value in _leaves(metadata, "", 1):
        if len(rows) >= MAX_ROWS:
            break
        text = as_text(value)
        if text and 0 < len(key) <= MAX_KEY_CHARS:
            rows.setdefault((storable_text(key), storable_text(text[:MAX_TEXT_CHARS])), _number(value))
    return [(key, text, number) for (key, text), number in rows.items()]


def as_text(value: Any) -> str | None:
    """A value as conditions compare it with text: 3 and 3.0 are "3", true is "true". None for objects,
    lists and null."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case str() | int() | float():
            return str(value)
        case _:
            return None


def _leaves(value: Any, key: str, level: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and level <= MAX_LEVELS:
        # What stands on a level comes before what stands deeper: it is what people search by.
        for name, inner in sorted(value.items(), key=lambda item: isinstance(item[1], (dict, list))):
            yield from _leaves(inner, f"{key}.{name}" if key else str(name), level + 1)
    elif isinstance(value, list):
        for inner in value:
            if not isinstance(inner, (dict, list)):
                yield key, inner
    elif not isinstance(value, dict):
        yield key, value


def _number(value: Any) -> float | None:
    """Text that is a plain number counts as one: forms and telephony systems send all values as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None

"""What an agent logged during a call, as clients and tracers send it, in one shape."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from callgauge.domain.storable import MAX_DEPTH, is_deeper, storable_json, storable_text
from callgauge.domain.strict_json import decode_json
from callgauge.flow.call_fields import FieldReader
from callgauge.formats.times import Moment, read_moment

MAX_ENTRIES = 20_000
MAX_MESSAGE = 20_000
"""Characters; a longer message is cut."""
_TIMES = ("ts", "timestamp", "time")
_OWN = frozenset({"message", "level", "logger", "raw", *_TIMES})


def read_logs(reader: FieldReader, name: str = "logs") -> str:
    """The field as JSON text of {ts, level, message, logger?, raw?}, "" where it says nothing."""
    value = reader.data.get(name)
    if isinstance(value, str):
        try:
            value = decode_json(value) if value.strip() else None
        except ValueError as error:
            reader.fault(name, f"Not valid JSON: {error}.")
            return ""
    if value is None:
        return ""
    if not isinstance(value, list):
        reader.fault(name, "Expected a list of objects.")
        return ""
    if len(value) > MAX_ENTRIES:
        reader.fault(name, f"Send at most {MAX_ENTRIES:,} entries.")
        return ""
    for number, entry in enumerate(value, start=1):
        if not isinstance(entry, dict):
            reader.fault(name, f"Entry {number}: expected an object.")
        elif not isinstance(entry.get("message"), str):
            reader.fault(name, f"Entry {number}: message is required and is text.")
        elif is_deeper(entry, MAX_DEPTH):
            reader.fault(name, f"Entry {number}: it is nested deeper than {MAX_DEPTH} levels.")
        else:
            continue
        return ""
    return logs_text(value)


def logs_text(entries: Any) -> str:
    """The same of entries that nobody waits for: what is no entry is left out."""
    usable = [
        _entry(entry)
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("message"), str)
        and not is_deeper(entry, MAX_DEPTH)
    ]
    return storable_json(usable[:MAX_ENTRIES]) if usable else ""


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys are kept under `raw`."""
    level, logger = entry.get("level"), entry.get("logger")
    read: dict[str, Any] = {
        "ts": _time(next((entry[name] for name in _TIMES if entry.get(name) is not None), None)),
        "level": storable_text(str(level)[:32]) if isinstance(level, (str, int)) else "",
        "message": storable_text(entry["message"][:MAX_MESSAGE]),
    }
    if isinstance(logger, str) and logger:
        read["logger"] = storable_text(logger[:255])
    raw = entry.get("raw")
    rest = {key: value for key, value in entry.items() if key not in _OWN}
    rest |= raw if isinstance(raw, dict) else {} if raw is None else {"raw": raw}
    if rest:
        with suppress(ValueError):  # NaN and the like
            read["raw"] = json.loads(storable_json(rest))
    return read


def _time(value: Any) -> str | float | None:
    """ISO 8601 for a time of the world, seconds for a time of the call, null where there is none."""
    moment = read_moment(value)
    if not isinstance(moment, Moment):
        return None
    if not moment.absolute:
        return moment.secs
    try:
        when = datetime.fromtimestamp(moment.secs, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when.isoformat().replace("+00:00", "Z")

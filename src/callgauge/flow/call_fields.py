"""Reading the fields of a call as clients write them: text, numbers, times, objects.

Faults are gathered, so that one answer names them all.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from callgauge.domain.storable import is_storable, storable_json, storable_text
from callgauge.domain.strict_json import decode_json
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id

MAX_CALL_SECS = 7 * 86_400.0
"""A week: longer is another unit or an error, not a call."""
MAX_FREE_TEXT = 100_000
"""Characters of a note."""
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 1e11
"""Larger numbers are milliseconds: as seconds they would lie after the year 5000."""
METADATA_DURATIONS = ("duration_secs", "duration_seconds", "call_duration", "duration")
"""Keys of metadata in which clients keep the length of a call in seconds."""

_CLOCK = re.compile(r"(\d{1,5}):([0-5]?\d)", re.ASCII)
_UNESCAPED_PLUS = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)\Z", re.ASCII)


class FieldReader:
    """Reads named fields of one body. `check` raises Invalid with every fault found until then."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.faults: dict[str, list[str]] = {}

    def fault(self, name: str, message: str) -> None:
        self.faults.setdefault(name, []).append(message)

    def check(self) -> None:
        if self.faults:
            raise Invalid(self.faults)

    def given(self, name: str) -> bool:
        """Whether the field is there and says something: null and empty text say nothing."""
        return self.data.get(name) not in (None, "")

    def text(self, name: str, limit: int, *, required: bool = False) -> str:
        """Short text, stripped. A number is taken as its digits: ids often come so."""
        value = self.data.get(name)
        if value is None:
            if required:
                self.fault(name, "This field is required.")
            return ""
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            self.fault(name, "Not a valid string.")
            return ""
        text = str(value).strip()
        if not is_storable(text):
            self.fault(name, "Null characters and lone surrogates are not allowed.")
        elif len(text) > limit:
            self.fault(name, f"Ensure this field has no more than {limit} characters.")
        elif required and not text:
            self.fault(name, "This field may not be blank.")
        else:
            return text
        return ""

    def free_text(self, name: str) -> str:
        """A person's words: what cannot be stored is replaced rather than refused."""
        value = self.data.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(name, "Not a valid string.")
            return ""
        if len(value) > MAX_FREE_TEXT:
            self.fault(name, f"Ensure this field has no more than {MAX_FREE_TEXT} characters.")
            return ""
        return storable_text(value)

    def json_object(self, name: str) -> dict[str, Any]:
        """An object, or the JSON text of one; {} where nothing was given."""
        value = self.data.get(name)
        if isinstance(value, str):
            try:
                value = decode_json(value) if value.strip() else None
            except ValueError as error:
                self.fault(name, f"Not valid JSON: {error}.")
                return {}
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault(name, "Expected an object.")
            return {}
        try:
            read: dict[str, Any] = json.loads(storable_json(value))
        except ValueError as error:
            self.fault(name, f"It cannot be stored: {error}.")
            return {}
        return read

    def whole(self, name: str, smallest: int, largest: int) -> int | None:
        value = self.data.get(name)
        if value in (None, ""):
            return None
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip(), re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(name, "A valid integer is required.")
        elif not smallest <= value <= largest:
            self.fault(name, f"Ensure this value is between {smallest} and {largest}.")
        else:
            return value
        return None

    def flag(self, name: str) -> bool:
        value = self.data.get(name)
        if value in (None, ""):
            return False
        if isinstance(value, bool):
            return value
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
        if word not in words:
            self.fault(name, "Must be a valid boolean.")
        return words.get(word, False)

    def timestamp(self, name: str) -> datetime | None:
        value = self.data.get(name)
        if value in (None, ""):
            return None
        try:
            return read_timestamp(value)
        except ValueError as error:
            self.fault(name, str(error))
            return None

    def minutes(self, name: str) -> float | None:
        """A number of minutes, or `MM:SS` as calls are shown, in seconds."""
        value = self.data.get(name)
        if value in (None, ""):
            return None
        clock = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
        secs = int(clock[1]) * 60.0 + int(clock[2]) if clock else _number(value, scale=60.0)
        if secs is None:
            self.fault(name, "A valid number is required.")
        elif not 0 <= secs <= MAX_CALL_SECS:
            self.fault(name, f"Ensure this value is between 0 and {MAX_CALL_SECS / 60:.0f} minutes.")
        else:
            return secs
        return None

    def ids(self, name: str) -> tuple[int, ...] | None:
        """Ids as a list or as text parted by commas; None where none were given."""
        value = self.data.get(name)
        if isinstance(value, str):
            value = [part for part in value.strip().strip("[]").split(",") if part.strip()] or None
        if value is None:
            return None
        found = [as_id(one) for one in value] if isinstance(value, list) else [as_id(value)]
        if None in found:
            self.fault(name, "Expected ids: integers, in a list or parted by commas.")
            return None
        return tuple(dict.fromkeys(one for one in found if one is not None))


def timestamp_field(name: str, value: Any) -> datetime:
    """As `read_timestamp`. Raises Invalid, which names the field."""
    try:
        return read_timestamp(value)
    except ValueError as error:
        raise Invalid.field(name, str(error)) from None


def read_timestamp(value: Any) -> datetime:
    """ISO 8601, or seconds or milliseconds since 1970; without a zone it is UTC. Raises ValueError."""
    wrong = "Datetime has wrong format. Use ISO 8601, such as 2026-08-01T12:00:00Z."
    try:
        number = _number(value, scale=1.0)
        if number is not None:
            when = datetime.fromtimestamp(number / (1000 if abs(number) >= MILLISECONDS_FROM else 1), UTC)
        elif isinstance(value, str):
            # A + that was not escaped in a query arrives as a space.
            when = datetime.fromisoformat(_UNESCAPED_PLUS.sub(r"\1+\2", value.strip()))
            when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
        else:
            raise ValueError(wrong)
    except (ValueError, OverflowError, OSError):
        raise ValueError(wrong) from None
    if not EARLIEST <= when < LATEST:
        raise ValueError("Ensure this time lies between 1970 and 2100.")
    return when


def metadata_duration(metadata: Mapping[str, Any]) -> float | None:
    """Seconds, where metadata holds a plausible length of the call."""
    for name in METADATA_DURATIONS:
        secs = _number(metadata.get(name), scale=1.0)
        if secs is not None and 0 < secs <= MAX_CALL_SECS:
            return secs
    return None


def _number(value: Any, *, scale: float) -> float | None:
    """A finite number, or text that is one, times `scale`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        number = float(value) * scale
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None

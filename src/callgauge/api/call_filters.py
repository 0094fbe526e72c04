"""`filters_v2` of the call list: a tree of conditions in JSON, as one database condition."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from django.db.models import Q

from callgauge.domain.storable import is_storable
from callgauge.domain.strict_json import decode_json
from callgauge.flow.call_fields import read_timestamp
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import MAX_ID
from callgauge.store.resets import Resets

PARAMETER = "filters_v2"
MAX_CHARS = 100_000
MAX_DEPTH = 10
"""Groups in groups; pages that build filters make two levels."""
MAX_CONDITIONS = 200
MAX_VALUES = 5_000
"""Values in all lists together; SQLite takes 32,766 in one statement."""
MAX_VALUE_CHARS = 1_000

ORDERED = ("eq", "neq", "gt", "gte", "lt", "lte", "in", "isnull")
TEXTUAL = ("eq", "neq", "contains", "startswith", "in", "isnull")
PLAIN = ("eq", "neq", "in", "isnull")


@dataclass(frozen=True, slots=True)
class Field:
    column: str
    ops: tuple[str, ...]
    read: Callable[[Any], Any]
    """The operand as the column's type; ValueError says what was wanted."""
    empty: Any = None
    """What the column holds where nothing is known, if that is not null."""


def _whole(raw: Any) -> int:
    number = int(raw) if isinstance(raw, str) and re.fullmatch(r"\s*-?\d{1,20}\s*", raw, re.ASCII) else raw
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > MAX_ID:
        raise ValueError("a whole number")
    return int(number)


def _secs(raw: Any) -> float:
    wrong = ValueError("a number of seconds")
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise wrong
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(number):
        raise wrong
    return number


def _flag(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in {"true", "false"}:
        return raw.strip().lower() == "true"
    raise ValueError("true or false")


def _text(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise ValueError("text")
    text = str(raw)
    if not is_storable(text) or len(text) > MAX_VALUE_CHARS:
        raise ValueError(f"text of at most {MAX_VALUE_CHARS} ordinary characters")
    return text


def _time(raw: Any) -> datetime:
    try:
        return read_timestamp(raw)
    except ValueError:
        raise ValueError("a time between 1970 and 2100, such as 2026-08-01T12:00:00Z") from None


FIELDS: dict[str, Field] = {
    "id": Field("id", ORDERED, _whole),
    "success": Field("success", PLAIN, _flag),
    "is_reviewed": Field("is_reviewed", PLAIN, _flag),
    "duration": Field("duration_secs", ORDERED, _secs),
    "timestamp": Field("timestamp", ORDERED, _time),
    "created_at": Field("created_at", ORDERED, _time),
    "call_id": Field("call_id", TEXTUAL, _text, empty=""),
    "call_ended_reason": Field("call_ended_reason", TEXTUAL, _text, empty=""),
    "customer_number": Field("customer_number", TEXTUAL, _text, empty=""),
    "dropoff_point": Field("dropoff_point", TEXTUAL, _text, empty=""),
    "topic": Field("topic", TEXTUAL, _text, empty=""),
    "agent.id": Field("agent_id", ORDERED, _whole),
    "agent.agent_name": Field("agent__name", TEXTUAL, _text),
}
LOOKUPS = {
    "eq": "exact",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "contains": "icontains",
    "startswith": "istartswith",
    "in": "in",
}


def _wrong(message: str) -> NoReturn:
    raise Invalid.field(PARAMETER, message)


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:59]}…"


def read_filters(text: str, resets: Callable[[], Resets]) -> Q:
    """The condition that the text stands for. Raises Invalid, naming what cannot be used.

    `resets` is asked only where the filter looks at `success`.
    """
    if len(text) > MAX_CHARS:
        _wrong(f"At most {MAX_CHARS} characters.")
    try:
        tree = decode_json(text)
    except ValueError as error:
        _wrong(f"Not valid JSON: {error}.")
    return _Reader(resets).node(tree, 1)


class _Reader:
    def __init__(self, resets: Callable[[], Resets]) -> None:
        self.resets = resets
        self.left = MAX_CONDITIONS
        self.values_left = MAX_VALUES

    def node(self, raw: Any, depth: int) -> Q:
        if not isinstance(raw, dict):
            _wrong('Expected {"field", "op", "value"} or {"operator", "conditions"}.')
        if "conditions" not in raw:
            return self.leaf(raw)
        if depth > MAX_DEPTH:
            _wrong(f"Conditions are nested deeper than {MAX_DEPTH} levels.")
        operator, parts = raw.get("operator", "and"), raw["conditions"]
        if operator not in ("and", "or"):
            _wrong(f'operator must be "and" or "or", not {_shown(operator)}.')
        if not isinstance(parts, list):
            _wrong("conditions must be a list.")
        joined = Q()
        for part in parts:
            condition = self.node(part, depth + 1)
            joined = joined & condition if operator == "and" else joined | condition
        return joined

    def leaf(self, raw: dict[str, Any]) -> Q:
        self.left -= 1
        if self.left < 0:
            _wrong(f"At most {MAX_CONDITIONS} conditions.")
        name, op = raw.get("field"), raw.get("op")
        field = FIELDS.get(name) if isinstance(name, str) else None
        if field is None:
            _wrong(f"Calls cannot be filtered by {_shown(name)}; use {', '.join(FIELDS)}.")
        if op not in field.ops:
            _wrong(f"{name} cannot be compared with op {_shown(op)}; use {', '.join(field.ops)}.")
        if "value" not in raw:
            _wrong(f"The condition on {name} needs a value.")
        try:
            return self.condition(field, str(op), raw["value"], str(name))
        except ValueError as error:
            _wrong(f"The condition on {name} needs {error}.")

    def condition(self, field: Field, op: str, raw: Any, name: str) -> Q:
        if op == "isnull" or (raw is None and op in ("eq", "neq")):
            wanted = op == "eq" or (op == "isnull" and _flag(raw))
            unknown = Q(**{f"{field.column}__isnull": True})
            if field.empty is not None:
                unknown |= Q(**{field.column: field.empty})
            return self.believed(field, unknown if wanted else ~unknown, wanted)
        if op == "neq":
            return self.believed(field, ~Q(**{field.column: field.read(raw)}), True)
        value = self.several(field, raw) if op == "in" else field.read(raw)
        return self.believed(field, Q(**{f"{field.column}__{LOOKUPS[op]}": value}), False)

    def several(self, field: Field, raw: Any) -> list[Any]:
        if isinstance(raw, str):
            raw = [part.strip() for part in raw.split(",") if part.strip()]
        if not isinstance(raw, list):
            raise ValueError("a list")
        self.values_left -= len(raw)
        if self.values_left < 0:
            _wrong(f"At most {MAX_VALUES} values in lists.")
        return [field.read(one) for one in raw]

    def believed(self, field: Field, condition: Q, holds_undecided: bool) -> Q:
        """Calls that a large rerun has reset although their rows do not say so yet count as undecided."""
        covered = self.resets().covered() if field.column == "success" else None
        if covered is None:
            return condition
        return condition | covered if holds_undecided else condition & ~covered

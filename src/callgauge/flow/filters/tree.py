"""From JSON to a checked tree of conditions; nothing here asks the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from callgauge.domain.strict_json import decode_json

MAX_CHARS = 100_000
MAX_DEPTH = 10
"""Groups in groups; pages that build filters make two levels."""
MAX_CONDITIONS = 200
MAX_LOOKUPS = 20
"""Conditions that look into other tables (metadata, results, transcripts): each costs a search per call."""


class FilterError(ValueError):
    """The filter cannot be used; the message is meant for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    field: str
    op: str
    value: Any
    metric: Any = None
    """Which metric a condition on `metric_evaluations` speaks of, where the condition says it itself."""


@dataclass(frozen=True, slots=True)
class Group:
    operator: Literal["and", "or"]
    parts: Sequence[Leaf | Group]


def read_tree(raw: Any) -> Leaf | Group:
    """JSON text, or what was decoded from it. A list is read as an `and`. Raises FilterError."""
    if isinstance(raw, str):
        if len(raw) > MAX_CHARS:
            raise FilterError(f"At most {MAX_CHARS} characters.")
        try:
            raw = decode_json(raw)
        except ValueError as error:
            raise FilterError(f"Not valid JSON: {error}.") from None
    return _Reader().node({"conditions": raw} if isinstance(raw, list) else raw, 1)


def in_values(leaf: Leaf) -> list[Any]:
    """The values of an `in`: a list, or text parted by commas."""
    raw = leaf.value
    if isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if not isinstance(raw, list):
        raise FilterError(f"The condition on {leaf.field} needs a list.")
    return raw


def check_op(leaf: Leaf, ops: Sequence[str]) -> None:
    if leaf.op not in ops:
        raise FilterError(f"{leaf.field} cannot be compared with op {shown(leaf.op)}; use {', '.join(ops)}.")


def shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:59]}…"


class _Reader:
    def __init__(self) -> None:
        self.left = MAX_CONDITIONS

    def node(self, raw: Any, depth: int) -> Leaf | Group:
        if not isinstance(raw, dict):
            raise FilterError('Expected {"field", "op", "value"} or {"operator", "conditions"}.')
        if "conditions" not in raw:
            return self.leaf(raw)
        if depth > MAX_DEPTH:
            raise FilterError(f"Conditions are nested deeper than {MAX_DEPTH} levels.")
        operator, parts = raw.get("operator", "and"), raw["conditions"]
        if operator not in ("and", "or"):
            raise FilterError(f'operator must be "and" or "or", not {shown(operator)}.')
        if not isinstance(parts, list):
            raise FilterError("conditions must be a list.")
        return Group(operator, [self.node(part, depth + 1) for part in parts])

    def leaf(self, raw: dict[str, Any]) -> Leaf:
        self.left -= 1
        if self.left < 0:
            raise FilterError(f"At most {MAX_CONDITIONS} conditions.")
        name, op = raw.get("field"), raw.get("op")
        if not isinstance(name, str):
            raise FilterError(f"field must be the name of a field, not {shown(name)}.")
        if not isinstance(op, str):
            raise FilterError(f"{shown(name)} cannot be compared with op {shown(op)}.")
        if "value" not in raw:
            raise FilterError(f"The condition on {shown(name)} needs a value.")
        metric = raw.get("metric_id", raw.get("metric"))
        return Leaf(name, op, raw["value"], metric)

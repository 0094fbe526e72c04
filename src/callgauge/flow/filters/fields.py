"""The fields of a call that conditions may name, and the operators that each takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from callgauge.flow.filters.operands import FLAG, SECS, TEXT, TIME, WHOLE, Kind

ORDERED = ("eq", "neq", "gt", "gte", "lt", "lte", "in", "isnull")
TEXTUAL = ("eq", "neq", "contains", "startswith", "endswith", "in", "isnull")
PLAIN = ("eq", "neq", "in", "isnull")
SEARCHED = ("contains",)

LOOKUPS = {
    "eq": "exact",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "contains": "icontains",
    "startswith": "istartswith",
    "endswith": "iendswith",
    "in": "in",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a call, or of a row that every call has exactly one of."""

    column: str
    kind: Kind
    ops: tuple[str, ...]
    empty: Any = None
    """What the column holds where nothing is known, if that is not null."""


FIELDS: dict[str, Field] = {
    "id": Field("id", WHOLE, ORDERED),
    "success": Field("success", FLAG, PLAIN),
    "is_reviewed": Field("is_reviewed", FLAG, PLAIN),
    "duration": Field("duration_secs", SECS, ORDERED),
    "timestamp": Field("timestamp", TIME, ORDERED),
    "created_at": Field("created_at", TIME, ORDERED),
    "call_id": Field("call_id", TEXT, TEXTUAL, empty=""),
    "trace_id": Field("trace_id", TEXT, TEXTUAL, empty=""),
    "call_ended_reason": Field("call_ended_reason", TEXT, TEXTUAL, empty=""),
    "customer_number": Field("customer_number", TEXT, TEXTUAL, empty=""),
    "dropoff_point": Field("dropoff_point", TEXT, TEXTUAL, empty=""),
    "topic": Field("topic", TEXT, TEXTUAL, empty=""),
    "error_message": Field("error_message", TEXT, TEXTUAL),
    "agent.id": Field("agent_id", WHOLE, ORDERED),
    "agent.agent_name": Field("agent__name", TEXT, TEXTUAL),
    "transcript": Field("payload__transcript", TEXT, SEARCHED),
}
METADATA = "metadata."
METADATA_OPS = ("eq", "neq", "gt", "gte", "lt", "lte", "contains", "startswith", "endswith", "in", "isnull")
METRIC = "metric_evaluations."
METRIC_OPS: dict[str, tuple[str, ...]] = {
    "value": ("eq", "neq", "gt", "gte", "lt", "lte", "contains", "startswith", "endswith", "in", "isnull"),
    "metric_id": ("eq", "in"),
    "outcome": ("eq", "neq", "in"),
    "reason": ("eq", "neq", "in"),
}
METRIC_ALIASES = {
    "score": "value",
    "metric": "metric_id",
    "metric.id": "metric_id",
    "metric.name": "metric_id",
    "metric_name": "metric_id",
    "name": "metric_id",
}


def listed() -> str:
    return ", ".join([*FIELDS, f"{METADATA}<key>", *(f"{METRIC}{name}" for name in METRIC_OPS)])

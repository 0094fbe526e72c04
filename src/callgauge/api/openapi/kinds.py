"""JSON Schemas in few words, and what an operation is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callgauge.api.fields import Shape

Schema = Mapping[str, Any]

ANY: Schema = {}
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
OBJECT: Schema = {"type": "object"}
ID: Schema = {"type": "integer", "minimum": 1}
YES_OR_EMPTY: Schema = {"type": "string", "enum": ["", "true"]}
"""Where the contract has text for a yes or no."""


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    if "type" in schema and "enum" not in schema and isinstance(schema["type"], str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def several(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def obj(fields: Mapping[str, Schema], *, sometimes: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these fields, and with those of `sometimes` now and then."""
    return {
        "type": "object",
        "properties": {**fields, **(sometimes or {})},
        "required": list(fields),
    }


def paged(item: Schema) -> Schema:
    """The contract's envelope."""
    address: Schema = {"type": ["string", "null"], "format": "uri"}
    return obj({"count": WHOLE, "next": address, "previous": address, "results": several(item)})


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter."""

    name: str
    schema: Schema = field(default_factory=lambda: TEXT)
    text: str = ""
    required: bool = False

    @property
    def told(self) -> Schema:
        """As the document has it: what is no text may be left empty, as forms do, and then does nothing."""
        if self.required or self.schema.get("type") not in {"integer", "number", "boolean"}:
            return self.schema
        return {"anyOf": [self.schema, one_of("")]}


PAGES = (
    Query(
        "page",
        {"anyOf": [{"type": "integer", "minimum": 1}, one_of("", "last")]},
        "From 1; one that does not exist is 404.",
    ),
    Query("page_size", ANY, "1 to 200; 20 unless you say so, and where what you say makes no sense."),
)
PROJECT = Query("project_id", ID, "One project of the key's organization.")
PROGRESS = Query("progress_id", TEXT, "As the request that began the job answered it.", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    summary: str
    answer: Schema | None
    """Of the status below; None: no body."""
    status: int = 200
    also: Mapping[int, Schema] | None = None
    """Further answers that are no errors."""
    body: type[Shape] | Schema | None = None
    query: Sequence[Query] = ()
    bare: bool = False
    """The answer is a file or the like: any type, not described."""
    open: bool = False
    """Needs no key."""
    action: str = ""
    """The last word of the operation id where the method does not tell it."""


Operations = Mapping[tuple[str, str], Operation]
"""By the name of the view and the method."""


def in_pages(item: Schema, summary: str, *query: Query) -> Operation:
    return Operation(summary=summary, answer=paged(item), query=(*PAGES, *query), action="list")

"""The schema as words, for servers that take no schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from callgauge.domain.judging import Message


def with_schema_in_system(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    """The same messages with the schema at the end of the system text."""
    text = "Answer with one JSON object and nothing else. It must fit this JSON Schema:\n"
    text += orjson.dumps(schema).decode()
    head, *rest = (
        messages if messages and messages[0].role == "system" else (Message("system", ""), *messages)
    )
    return [replace(head, text=f"{head.text}\n\n{text}".lstrip()), *rest]


def with_unions_spelled_out(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema with `"type": ["string", "null"]` written as `anyOf`, which more providers take."""
    return {key: _spelled_out(key, value) for key, value in _split_types(schema).items()}


class SpelledOut:
    """`with_unions_spelled_out`; keeps the last result, as most questions share a schema."""

    def __init__(self) -> None:
        self._schema: Mapping[str, Any] | None = None
        self._result: dict[str, Any] = {}

    def __call__(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if schema is not self._schema:
            self._schema, self._result = schema, with_unions_spelled_out(schema)
        return self._result


def _split_types(schema: Mapping[str, Any]) -> dict[str, Any]:
    types = schema.get("type")
    if not isinstance(types, list | tuple):
        return dict(schema)
    rest = {key: value for key, value in schema.items() if key != "type"}
    return {**rest, "anyOf": [{"type": name} for name in types]}


def _spelled_out(key: str, value: Any) -> Any:
    match key, value:
        case "properties", Mapping():
            return {name: with_unions_spelled_out(part) for name, part in value.items()}
        case "items", Mapping():
            return with_unions_spelled_out(value)
        case "anyOf", list():
            return [with_unions_spelled_out(part) for part in value]
        case _:
            return value

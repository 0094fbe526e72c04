"""From what a view reads (fields.Shape) to JSON Schema, with its tolerance: ids as integers or digits,
switches as DRF reads them, numbers as text, unknown names allowed."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from callgauge.api.fields import Ids, JSONValue, Number, RowId, Shape, Text, Whole
from callgauge.api.metrics_shape import LEGACY_BINARY, EvalTypeField
from callgauge.api.openapi.kinds import Schema

DIGITS: Schema = {"type": "string", "pattern": r"^ *[0-9]{1,19} *$"}
ROW_ID: Schema = {"oneOf": [{"type": "integer", "minimum": 1}, DIGITS]}
NUMBER_TEXT: Schema = {"type": "string", "pattern": r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$"}
KINDS = {dict: "object", list: "array"}


def schema_of(shape: type[Shape], *, partial: bool = False) -> Schema:
    """`partial`: nothing is required, as in a PATCH."""
    return _object(shape(), partial=partial)


def _object(shape: serializers.Serializer[Any], *, partial: bool = False) -> dict[str, Any]:
    fields = {name: field for name, field in shape.fields.items() if not field.read_only}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _field(field) for name, field in fields.items()},
    }
    required = [name for name, field in fields.items() if field.required and not partial]
    if required:
        schema["required"] = required
    return schema


def _field(field: serializers.Field[Any, Any, Any, Any]) -> Schema:
    schema = _value(field)
    takes_null = field.allow_null or isinstance(field, Text)
    if not takes_null or not schema:
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _value(field: serializers.Field[Any, Any, Any, Any]) -> Schema:
    match field:
        case RowId():
            return ROW_ID
        case Ids():
            return {
                "type": "array",
                "items": {"anyOf": [ROW_ID, {"type": "null"}]},
                "maxItems": field.max_length,
            }
        case JSONValue():
            return {"type": KINDS[field.kind]} if field.kind else {}
        case serializers.ListSerializer():
            assert isinstance(field.child, serializers.Serializer)
            return {"type": "array", "items": _object(field.child)}
        case serializers.Serializer():
            return _object(field)
        case serializers.ListField():
            return {"type": "array", "items": _field(field.child), "maxItems": field.max_length or 100_000}
        case EvalTypeField():
            return {"type": "string", "enum": [*field.choices, *LEGACY_BINARY]}
        case serializers.ChoiceField():
            return {"type": "string", "enum": [*field.choices, *([""] if field.allow_blank else [])]}
        case serializers.BooleanField():
            words = sorted(
                str(value) for value in field.TRUE_VALUES | field.FALSE_VALUES if value not in (0, 1)
            )
            return {"anyOf": [{"type": "boolean"}, {"enum": [0, 1, *words]}]}
        case Whole() | serializers.IntegerField():
            return {"anyOf": [_bounded("integer", field), NUMBER_TEXT]}
        case Number() | serializers.FloatField():
            return {"anyOf": [_bounded("number", field), NUMBER_TEXT]}
        case serializers.CharField():
            return _text(field)
    return {}


def _bounded(kind: str, field: Any) -> Schema:
    bounds = {"minimum": field.min_value, "maximum": field.max_value}
    return {"type": kind, **{name: value for name, value in bounds.items() if value is not None}}


def _text(field: serializers.CharField) -> Schema:
    text: dict[str, Any] = {"type": "string"}
    if field.max_length is not None:
        text["maxLength"] = field.max_length
    if not field.allow_blank:
        text["minLength"] = 1
    match field:
        case serializers.URLField():
            return {**text, "format": "uri"}
        case serializers.EmailField():
            return {**text, "format": "email"}
        case serializers.SlugField():
            return {**text, "pattern": r"^[-a-zA-Z0-9_]*$"}
    return {"anyOf": [text, {"type": "number"}]}  # a number is read as its text

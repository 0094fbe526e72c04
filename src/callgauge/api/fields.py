"""Reading what a request says: bodies in three types, query parameters, and values that no row may hold."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from callgauge.api.parsers import decode_json
from callgauge.flow.call_fields import timestamp_field
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import MAX_ID, as_id
from callgauge.flow.webhooks.receivers import URL, checked_url

MAX_DEPTH = 100  # orjson refuses to write more than 254 levels, and no field means anything that deep
INT32 = 2**31 - 1
MAX_TEXT = 1_000_000
"""Characters; far above any prompt that a model could read."""


class Shape(serializers.Serializer[Any]):
    """What a body may hold. Names it does not know are ignored, as clients expect."""

    @classmethod
    def read(cls, request: Request, *, partial: bool = False) -> dict[str, Any]:
        """The checked values of those fields that were sent. Raises DRF's ValidationError."""
        return cls.check(request.data, partial=partial)

    @classmethod
    def check(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        shape = cls(partial=partial)
        shape.initial_data = _plain(data, shape.fields) if isinstance(data, QueryDict) else data
        shape.is_valid(raise_exception=True)
        return dict(shape.validated_data)


def _plain(form: QueryDict, fields: Mapping[str, serializers.Field[Any, Any, Any, Any]]) -> dict[str, Any]:
    """A form as the JSON body it stands for: lists as repeated names or JSON text, objects as JSON text."""
    plain: dict[str, Any] = {}
    for name, values in form.lists():
        field = fields.get(name)
        if field is None or not values:
            continue
        last = values[-1]
        if isinstance(field, serializers.ListField):
            plain[name] = _form_list(values)
        elif isinstance(field, (JSONValue, serializers.BaseSerializer)):
            plain[name] = _decoded(last)
        elif last == "" and field.allow_null and not isinstance(field, serializers.CharField):
            plain[name] = None
        else:
            plain[name] = last
    return plain


def _form_list(values: list[Any]) -> Any:
    if len(values) > 1:
        return values
    only = values[0]
    if not isinstance(only, str):
        return values
    if only.lstrip().startswith("["):
        return _decoded(only)
    return [part.strip() for part in only.split(",") if part.strip()]


def _decoded(text: Any) -> Any:
    """JSON text, or the text itself where it is none: the field then says what it wanted."""
    if not isinstance(text, str):
        return text
    if not text.strip():
        return None
    try:
        return decode_json(text)
    except ValueError:
        return text


class Choice(serializers.ChoiceField):
    """Says what is allowed and never repeats what was sent, which may be anything."""

    def __init__(self, choices: Collection[str], **options: Any) -> None:
        super().__init__(choices=list(choices), **options)
        allowed = ", ".join(repr(choice) for choice in choices)
        self.error_messages["invalid_choice"] = f"Write one of {allowed}."


class Text(serializers.CharField):
    """Optional text; null is read as empty. Kept as sent: in code and prompts a leading space can matter."""

    def __init__(self, max_length: int = MAX_TEXT, **options: Any) -> None:
        defaults = {"required": False, "allow_blank": True, "allow_null": True, "trim_whitespace": False}
        super().__init__(max_length=max_length, **(defaults | options))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value


class Name(serializers.CharField):
    """A short text that may not be blank."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"max_length": 255} | options))


class Flag(serializers.BooleanField):
    def __init__(self, **options: Any) -> None:
        super().__init__(**({"required": False} | options))


class WebhookUrl(serializers.URLField):
    """An address that webhooks may be sent to."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_blank=True, max_length=2_000)

    def to_internal_value(self, data: Any) -> str:
        try:
            return checked_url(super().to_internal_value(data))
        except Invalid as error:
            raise serializers.ValidationError(error.messages[URL]) from None


class Whole(serializers.IntegerField):
    """An integer that fits the contract's 32 bits."""

    def __init__(self, minimum: int = -INT32 - 1, maximum: int = INT32, **options: Any) -> None:
        super().__init__(min_value=minimum, max_value=maximum, **({"required": False} | options))


class Number(serializers.FloatField):
    """A finite number; not a boolean. Bounded like an integer, for the reason that `json_fault` gives."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"required": False, "min_value": -INT32, "max_value": INT32} | options))

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class RowId(serializers.Field[int, Any, int, Any]):
    """An id as an integer or as digits."""

    default_error_messages = {"invalid": "A valid integer is required."}

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"required": False} | options))

    def to_internal_value(self, data: Any) -> int:
        number = as_id(int(data)) if isinstance(data, float) and data.is_integer() else as_id(data)
        if number is None:
            self.fail("invalid")
        return number

    def to_representation(self, value: int) -> int:
        return value


class Ids(serializers.ListField):
    """A list of ids; nulls in it are dropped, as the contract allows them."""

    child = RowId(allow_null=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"required": False, "max_length": 100_000} | options))

    def to_internal_value(self, data: Any) -> list[int]:
        return [number for number in super().to_internal_value(data) if number is not None]


class JSONValue(serializers.Field[Any, Any, Any, Any]):
    """Any JSON, or only objects or lists: what every database stores and every answer can carry."""

    def __init__(self, kind: type[dict[str, Any]] | type[list[Any]] | None = None, **options: Any) -> None:
        self.kind = kind
        super().__init__(**({"required": False, "allow_null": True} | options))

    def to_internal_value(self, data: Any) -> Any:
        if self.kind is not None and not isinstance(data, self.kind):
            raise serializers.ValidationError(
                "Expected an object." if self.kind is dict else "Expected a list."
            )
        fault = json_fault(data)
        if fault:
            raise serializers.ValidationError(fault)
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def json_fault(value: Any) -> str | None:
    """Why a decoded JSON value cannot be stored and given back; None when it can."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in level:
            match item:
                case dict():
                    deeper += item.keys()
                    deeper += item.values()
                case list():
                    deeper += item
                case str():
                    if "\x00" in item:
                        return "Null characters are not allowed."
                    if any("\ud800" <= char <= "\udfff" for char in item):
                        return "Surrogate characters are not allowed."
                case bool() | None:
                    pass
                case int() | float():
                    # Not even a float may be larger: PostgreSQL gives 1e30 back as an integer, and orjson
                    # writes none beyond 64 bits. NaN fails the comparison too.
                    if not -MAX_ID - 1 <= item < MAX_ID:
                        return "A number is out of range."
                case _:
                    return "Not valid JSON."
        if not deeper:
            return None
        level = deeper
    return f"It is nested deeper than {MAX_DEPTH} levels."


def query_text(request: Request, name: str) -> str:
    """A query parameter, empty where it was not sent. Raises Invalid for characters no row can hold."""
    text = request.query_params.get(name, "").strip()
    if "\x00" in text:
        raise Invalid.field(name, "Null characters are not allowed.")
    return text


def query_time(request: Request, name: str) -> datetime | None:
    """A query parameter that is a time, None where it was not sent. Raises Invalid."""
    text = query_text(request, name)
    return timestamp_field(name, text) if text else None


def query_flag(request: Request, name: str, *, default: bool) -> bool:
    text = query_text(request, name).lower()
    if text in {"", "null"}:
        return default
    if text in {"true", "1", "yes"}:
        return True
    if text in {"false", "0", "no"}:
        return False
    raise Invalid.field(name, "Write true or false.")


def query_ids(request: Request, name: str) -> list[int] | None:
    """Ids parted by commas or sent by repeating the name; None where there are none."""
    words = [word.strip() for text in request.query_params.getlist(name) for word in text.split(",")]
    words = [word for word in words if word]
    if not words:
        return None
    numbers = [as_id(word) for word in words]
    if None in numbers:
        raise Invalid.field(name, "Write ids parted by commas.")
    return [number for number in numbers if number is not None]

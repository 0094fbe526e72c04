"""What a rerun request says, in every form that clients send it: JSON, form or multipart, text or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict
from rest_framework.request import Request

from callgauge.api.parsers import decode_json
from callgauge.domain.calls import stable_hash
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id
from callgauge.flow.selection import Selection

NOT_AN_ID = "A valid integer is required."
MAX_SHOWN_CHARS = 40


class Body:
    """A request's fields. A form's values are lists of texts; JSON's are what they are."""

    def __init__(self, request: Request) -> None:
        data = request.data
        if not isinstance(data, (dict, QueryDict)):
            raise Invalid.field("non_field_errors", "The body must be an object.")
        self._form = isinstance(data, QueryDict)
        self._data = data

    def hash(self) -> str:
        """Of all that was sent: a form's repeated fields are many values, not only the last."""
        data = self._data
        return stable_hash(dict(data.lists()) if isinstance(data, QueryDict) else data)

    def value(self, name: str) -> Any:
        """None where the field is missing, null or blank."""
        found = self._data.get(name)
        return None if isinstance(found, str) and not found.strip() else found

    def values(self, *names: str) -> tuple[str, Any]:
        """The first of the named fields that is there, with its name. Repeated form fields are a list."""
        for name in names:
            if name not in self._data:
                continue
            if isinstance(self._data, QueryDict):
                return name, _form_value(self._data.getlist(name))
            return name, _json_text(self._data[name])
        return names[0], None


def read_selection(body: Body) -> Selection:
    """`call_logs`: ids, "all", or a number N for the first N. Raises Invalid."""
    name, value = body.values("call_logs", "call_log_ids")
    if value is None:
        raise Invalid.field("call_logs", 'This field is required: a list of ids, or "all".')
    if isinstance(value, str) and value.strip().lower() == "all":
        return Selection()
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise Invalid.field(name, "A number of calls must be 1 or more.")
        return Selection(first=value)
    if not isinstance(value, list):
        raise Invalid.field(name, 'Write a list of ids, or "all".')
    return Selection(ids=tuple(_ids(name, value)))


def read_ids(body: Body, *names: str) -> list[int] | None:
    """A list of ids under the first of the names that is there; None where none is."""
    name, value = body.values(*names)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list):
        raise Invalid.field(name, "Write a list of ids.")
    ids = _ids(name, value)
    if not ids:
        raise Invalid.field(name, "This list may not be empty.")
    return ids


def read_flag(body: Body, name: str) -> bool:
    """True or false, also as text; false where it is missing. Raises Invalid."""
    value = body.value(name)
    text = str(value).strip().lower() if isinstance(value, (bool, str)) else ""
    if value is None or text in ("false", "0"):
        return False
    if text in ("true", "1"):
        return True
    raise Invalid.field(name, "Write true or false.")


def _form_value(values: Sequence[Any]) -> Any:
    """One field of a form: "all", a JSON text, ids parted by commas, or the field repeated for each id."""
    if len(values) != 1:
        return list(values)
    text = str(values[0]).strip()
    if text.lower() == "all":
        return text
    if text.startswith("["):
        return _json_text(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _json_text(value: Any) -> Any:
    if not isinstance(value, str) or value.strip().lower() == "all":
        return value
    try:
        return decode_json(value)
    except ValueError:
        return value


def _ids(name: str, values: Sequence[Any]) -> list[int]:
    ids = []
    for value in values:
        number = as_id(value)
        if number is None:
            raise Invalid.field(name, f"{NOT_AN_ID[:-1]}, not {_shown(value)}.")
        ids.append(number)
    return ids


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number that long"
    text = ascii(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"

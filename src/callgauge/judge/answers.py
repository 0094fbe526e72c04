"""Is the model's text a JSON object of the asked shape?"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NoReturn

import orjson

_MAX_BRACES = 256
"""Opening braces that are tried in a text that is not JSON as a whole; a hostile text may hold thousands."""


class UnusableAnswer(ValueError):
    """The text holds no object of the asked shape; `word` is short enough to count by."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


def read_answer(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The object in the text. Code fences and words around it are tolerated, and so are further keys.

    Of several fitting objects the last counts: an answer may quote one from the call before its own.
    Raises UnusableAnswer: `empty`, `invalid_json` or `wrong_shape`.
    """
    text = text.strip()
    if not text:
        raise UnusableAnswer("empty", "the answer is empty")
    problem = "the answer holds no JSON object"
    word = "invalid_json"
    found: dict[str, Any] | None = None
    for candidate in _objects(text):
        fault = misfit(candidate, schema)
        if fault is None:
            found = candidate
        else:
            word, problem = "wrong_shape", fault
    if found is None:
        raise UnusableAnswer(word, problem)
    return found


def misfit(content: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """What is wrong with the object by its schema's required keys and the types of its own fields.

    None where it fits. Only the outermost level is looked at: what is deeper is read leniently by its user.
    """
    for key in schema.get("required", ()):
        if key not in content:
            return f"the answer lacks {key!r}"
    for key, expected in schema.get("properties", {}).items():
        if key in content and not _fits(content[key], expected):
            return f"{key!r} has another type than asked for"
    return None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from _embedded(text)
        return
    if isinstance(whole, dict):
        yield whole


def _embedded(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    start = 0
    for _ in range(_MAX_BRACES):
        start = text.find("{", start)
        if start < 0:
            return
        try:
            value, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start += 1
            continue
        yield value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _fits(value: Any, expected: Mapping[str, Any]) -> bool:
    if "anyOf" in expected:
        return any(_fits(value, choice) for choice in expected["anyOf"])
    if "enum" in expected and value not in expected["enum"]:
        return False
    types = expected.get("type", ())
    if isinstance(types, str):
        return _is(value, types)
    return not types or any(_is(value, name) for name in types)


def _is(value: Any, name: str) -> bool:
    return name in _TYPES.get(type(value), ()) or (
        name == "integer" and isinstance(value, float) and value.is_integer()
    )


_TYPES: Final[Mapping[type, Collection[str]]] = {
    type(None): ("null",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
    list: ("array",),
    dict: ("object",),
}
"""JSON's words for what a parser of JSON gives."""

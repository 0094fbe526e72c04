"""Turns what a script has set into plain JSON values, without running a line of the script's own code."""

from __future__ import annotations

import math
from typing import Any

# Deeper than any sensible evidence, shallower than the recursion limit.
_DEPTH = 50

_HINTS = {
    "set": "use sorted(...) or list(...)",
    "frozenset": "use sorted(...) or list(...)",
    "datetime": "use .isoformat()",
    "date": "use .isoformat()",
    "time": "use .isoformat()",
    "timedelta": "use .total_seconds()",
    "Decimal": "use float(...)",
    "Fraction": "use float(...)",
    "bytes": "use .decode()",
    "generator": "use list(...)",
    "map": "use list(...)",
    "filter": "use list(...)",
    "dict_keys": "use list(...)",
    "dict_values": "use list(...)",
    "dict_items": "use list(...)",
}

_INT64 = 1 << 63


class NotPlain(Exception):
    """The value is not one that JSON has."""


def plain(value: Any, path: str, depth: int = 0) -> Any:
    """A copy of `value` in exact built-in types. Raises NotPlain, which names the place."""
    if depth > _DEPTH:
        raise NotPlain(f"{_short(path)} is nested more than {_DEPTH} deep, or contains itself")
    kind = type(value)
    if value is None or kind is bool:
        return value
    # The base types' own methods, called past whatever a subclass may define.
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return _integer(int.__int__(value), path)
    if issubclass(kind, float):
        number = float.__float__(value)
        if not math.isfinite(number):
            raise NotPlain(f"{_short(path)} is {number}, which is not a number that JSON has")
        return number
    if issubclass(kind, dict):
        return {
            _key(key, path): plain(item, f"{path}[{_name(key)}]", depth + 1)
            for key, item in dict.items(value)
        }
    if issubclass(kind, (list, tuple)):
        base = list if issubclass(kind, list) else tuple
        return [plain(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(base.__iter__(value))]
    hint = _HINTS.get(kind.__name__, "give a number, a text, True or False, a list or a dict")
    raise NotPlain(f"{_short(path)} is of type {kind.__name__}, which JSON does not have: {hint}")


def explanation_list(value: Any) -> list[str]:
    """`_explanation` as a list of sentences: a text is one sentence; numbers among them become text."""
    if value is None:
        return []
    copy = plain(value, "_explanation")
    items = copy if isinstance(copy, list) else [copy]
    for i, item in enumerate(items):
        if item is None or isinstance(item, (list, dict)):
            raise NotPlain(f"_explanation[{i}] is not a text; give a text or a list of texts")
    return [str(item) for item in items]


def _integer(value: int, path: str) -> int:
    if not -_INT64 <= value < _INT64:
        raise NotPlain(f"{_short(path)} is an integer beyond 64 bits; use float(...)")
    return value


def _key(key: Any, path: str) -> str:
    """Text keys, and whole numbers written out, as `json.dumps` does."""
    kind = type(key)
    if issubclass(kind, str):
        return str.__str__(key)
    if kind is not bool and issubclass(kind, int):
        return str(_integer(int.__int__(key), path))
    raise NotPlain(f"{_short(path)} has a key of type {kind.__name__}; JSON keys are texts")


def _name(key: Any) -> str:
    return repr(str.__str__(key)[:40]) if isinstance(key, str) else "…"


def _short(path: str) -> str:
    return path if len(path) <= 120 else path[:117] + "…"

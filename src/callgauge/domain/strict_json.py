"""JSON as the standard has it: what a lenient parser lets through is a ValueError here."""

from __future__ import annotations

import json
from typing import Any, NoReturn

MAX_DIGITS = 400  # longer numbers overflow a float and serve no one


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer, parse_float=_finite)


def decode_json(text: str) -> Any:
    """Like json.loads, but NaN, Infinity, endless digits and nesting too deep are ValueErrors."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def decode_next(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at `start`, as strictly read, and where it ends."""
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None

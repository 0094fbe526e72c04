"""JSON and CSV: each value on a line that says what it belongs to, so that a passage stands alone."""

from __future__ import annotations

import csv
import io

from callgauge.domain.strict_json import decode_json
from callgauge.formats.documents.errors import DocumentError
from callgauge.formats.documents.plain import decode

MAX_DEPTH = 100
MAX_CELL = 1_000_000
"""Characters; Python's own limit of 131,072 is below one long answer in an FAQ table."""
_DELIMITERS = ",;\t|"


def read_json(data: bytes) -> str:
    """Lines such as `delivery.abroad: 5 days`."""
    try:
        value = decode_json(decode(data))
    except (ValueError, RecursionError):
        raise DocumentError("it is not valid JSON") from None
    return "\n".join(_leaves(value, (), 0))


def _leaves(value: object, path: tuple[str, ...], depth: int) -> list[str]:
    if depth > MAX_DEPTH:
        raise DocumentError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _leaves(item, (*path, key), depth + 1)]
    if isinstance(value, list):
        return [line for item in value for line in _leaves(item, path, depth + 1)]
    word = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return [f"{'.'.join(path)}: {word}" if path else word] if word.strip() else []


def read_csv(data: bytes) -> str:
    """Lines such as `product: Mug; price: 12`. The first row is the header."""
    text = decode(data)
    first = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    previous = csv.field_size_limit(MAX_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise DocumentError("it is not valid CSV") from None
    finally:
        csv.field_size_limit(previous)
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return ""
    header, *body = rows
    if not body:
        return "; ".join(header)
    return "\n".join("; ".join(_cells(header, row)) for row in body)


def _cells(header: list[str], row: list[str]) -> list[str]:
    names = header + [""] * (len(row) - len(header))
    return [f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell]

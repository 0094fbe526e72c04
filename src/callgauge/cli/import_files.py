"""Rows of JSONL, JSON and CSV files with their line numbers; what cannot be read becomes a reason.

JSONL and CSV are streamed, a row at a time. JSON is read whole, because an array has no safe place to cut.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from callgauge.domain.strict_json import decode_json, decode_next

MAX_ROW_BYTES = 64 * 1024 * 1024
"""The API's largest body unless set otherwise; a longer row would be held in memory as a whole."""
MAX_JSON_BYTES = 256 * 1024 * 1024
DELIMITERS = (",", ";", "\t")
BOM = b"\xef\xbb\xbf"
NOT_UTF8 = "the text is not UTF-8"

Advance = Callable[[int], None]
"""Told how many bytes of a file were read since it was told last."""


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    """The line in which the row begins, counted from 1."""
    value: Any


@dataclass(frozen=True, slots=True)
class Unreadable:
    line: int
    reason: str
    """Without any text of the row."""


Item = Row | Unreadable


def read_rows(path: Path, advance: Advance) -> Iterator[Item]:
    """Raises KeyError for a kind of file that is not in READERS, OSError for one that cannot be read."""
    reader = READERS[path.suffix.lower()]
    with path.open("rb") as file:
        yield from reader(file, advance)


def _lines(file: BinaryIO, advance: Advance) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long."""
    number = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        advance(len(line))
        if number == 1:
            line = line.removeprefix(BOM)
        if len(line) <= MAX_ROW_BYTES:
            yield number, line
            continue
        while not line.endswith(b"\n") and (line := file.readline(MAX_ROW_BYTES)):
            advance(len(line))
        yield number, None


def _jsonl(file: BinaryIO, advance: Advance) -> Iterator[Item]:
    for number, line in _lines(file, advance):
        if line is None:
            yield Unreadable(number, f"the row is larger than {MAX_ROW_BYTES // 2**20} MB")
        elif line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: bytes) -> Item:
    try:
        return Row(number, decode_json(line.decode().strip()))
    except UnicodeDecodeError:
        return Unreadable(number, NOT_UTF8)
    except ValueError as error:
        return Unreadable(number, _json_fault(error))


def _json_fault(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg} (column {error.colno})"
    return f"not valid JSON: {error}"


_GAP = re.compile(r"[\s,]*")


def _json(file: BinaryIO, advance: Advance) -> Iterator[Item]:
    """An array of calls, or one call, or several one after the other."""
    data = file.read(MAX_JSON_BYTES + 1)
    advance(len(data))
    if len(data) > MAX_JSON_BYTES:
        limit = f"larger than {MAX_JSON_BYTES // 2**20} MB"
        yield Unreadable(1, f"{limit} for a JSON array: write one call per line and name the file .jsonl")
        return
    try:
        text = data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        yield Unreadable(data.count(b"\n", 0, error.start) + 1, NOT_UTF8)
        return
    yield from _json_values(text)


def _json_values(text: str) -> Iterator[Item]:
    at, line, counted = _after_gap(text, 0), 1, 0
    is_array = text.startswith("[", at)
    at = _after_gap(text, at + 1) if is_array else at
    while at < len(text) and not (is_array and text[at] == "]"):
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decode_next(text, at)
        except ValueError as error:
            broken = error.lineno if isinstance(error, json.JSONDecodeError) else line
            yield Unreadable(broken, f"{_json_fault(error)}; nothing after it was read")
            return
        yield Row(line, value)
        at = _after_gap(text, end)
    if is_array and at >= len(text):
        yield Unreadable(
            text.count("\n") + 1, "not valid JSON: the array is not closed, the file is cut short"
        )


def _after_gap(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return match.end() if match else at


def _csv(file: BinaryIO, advance: Advance) -> Iterator[Item]:
    csv.field_size_limit(MAX_ROW_BYTES)
    lines = _TextLines(file, advance)
    reader = csv.reader(lines, delimiter=lines.delimiter(), strict=True)
    header: list[str] = []
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Unreadable(start, f"not valid CSV: {error}")
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]
        else:
            yield _csv_row(start, header, cells, lines.faults_from(start))


def _csv_row(line: int, header: list[str], cells: list[str], fault: str | None) -> Item:
    if fault is not None:
        return Unreadable(line, fault)
    if len(cells) > len(header):
        return Unreadable(line, f"the row has {len(cells)} cells, the header {len(header)}")
    return Row(line, {name: cell for name, cell in zip(header, cells, strict=False) if name and cell.strip()})


class _TextLines:
    """Decoded lines for the CSV reader, which joins quoted ones; remembers which could not be decoded."""

    def __init__(self, file: BinaryIO, advance: Advance) -> None:
        self._lines = _lines(file, advance)
        self._first: tuple[int, bytes | None] | None = next(self._lines, None)
        self._fault: tuple[int, str] | None = None

    def delimiter(self) -> str:
        """The one that the header holds most of: spreadsheets write the one of their country."""
        head = (self._first[1] or b"").decode(errors="replace") if self._first else ""
        return max(DELIMITERS, key=head.count)

    def __iter__(self) -> Iterator[str]:
        while (numbered := self._first or next(self._lines, None)) is not None:
            self._first = None
            number, line = numbered
            if line is None:
                self._fault = (number, f"the row is larger than {MAX_ROW_BYTES // 2**20} MB")
                yield "\n"
                continue
            try:
                yield line.decode()
            except UnicodeDecodeError:
                self._fault = (number, NOT_UTF8)
                yield line.decode(errors="replace")

    def faults_from(self, line: int) -> str | None:
        return self._fault[1] if self._fault is not None and self._fault[0] >= line else None


READERS: dict[str, Callable[[BinaryIO, Advance], Iterator[Item]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
}
"""By the end of the file's name."""
FOLDER_KINDS = (".json", ".jsonl")
"""What is read of a folder."""

"""Our own rows, as Cekura documents them: role, content, start_time, end_time, data; read with tolerance."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, read_rows, rows_in

_PATHS = ("transcript_json", "transcript", "transcript_object", "messages", "turns", "items")


def read(payload: Any, notes: Notes) -> list[Draft]:
    return read_rows(rows_in(payload, _PATHS), notes)


def detects(payload: Any) -> bool:
    return any("role" in row and ("content" in row or "data" in row) for row in peek(payload, _PATHS))


FORMAT = Format("cekura", "Rows with role, content, start_time and end_time in seconds", read, detects)

"""Pipecat: OpenAI-style messages, untimed or with start and end; tool rows have no times of their own."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Shape, read_rows, rows_in

PATHS = ("transcript", "messages", "transcript_json")

_SHAPE = Shape(
    text=("content", "text", "parts"),
    start=("started_at", "start_time", "timestamp"),
    end=("ended_at", "end_time"),
)


def read(payload: Any, notes: Notes) -> list[Draft]:
    return read_rows(rows_in(payload, PATHS), notes, _SHAPE)


def detects(payload: Any) -> bool:
    rows = peek(payload, PATHS)
    return any("started_at" in row for row in rows) or any(
        row.get("role") in ("tool_call", "tool_call_result") and "data" in row for row in rows
    )


FORMAT = Format("pipecat", "Pipecat messages, timed or untimed", read, detects)

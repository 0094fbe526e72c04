"""ElevenLabs: `transcript` rows with whole seconds, start only; tool calls and results inside the rows."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Shape, read_rows, rows_in

PATHS = ("transcript", "data.transcript")

_SHAPE = Shape(
    text=("message", "content", "text"),
    start=("time_in_call_secs", "time_in_call_seconds", "start_time"),
    end=("end_time",),
)


def read(payload: Any, notes: Notes) -> list[Draft]:
    """Of an interrupted row the `message` is what was heard; `original_message` was never fully said."""
    return read_rows(rows_in(payload, PATHS), notes, _SHAPE)


def detects(payload: Any) -> bool:
    return any("time_in_call_secs" in row or "tool_results" in row for row in peek(payload, PATHS))


FORMAT = Format("elevenlabs", "ElevenLabs conversation transcript", read, detects)

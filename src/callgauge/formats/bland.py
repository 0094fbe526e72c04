"""Bland: the call detail's `transcripts`, with the speaker under `user` and one ISO time a phrase."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Shape, read_rows, rows_in

_PATHS = ("transcripts", "call.transcripts", "data.transcripts")

_SHAPE = Shape(role=("user", "role", "speaker"), text=("text", "content"), start=("created_at", "start_time"))


def read(payload: Any, notes: Notes) -> list[Draft]:
    """`assistant` and `robot` are the agent, `user` the caller; an `agent-action` is a system row."""
    return read_rows(rows_in(payload, _PATHS), notes, _SHAPE)


def detects(payload: Any) -> bool:
    return any(isinstance(row.get("user"), str) and "text" in row for row in peek(payload, _PATHS))


FORMAT = Format("bland", "Bland call detail, or its transcripts", read, detects)

"""Retell: `transcript_object` and `transcript_with_tool_calls`; times stand in the words of a row."""

from __future__ import annotations

from typing import Any

from callgauge.domain.calls import Role
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, as_row, moment, read_row, rows_in
from callgauge.formats.text import text_of

PATHS = (
    "transcript_with_tool_calls",
    "transcript_object",
    "call.transcript_with_tool_calls",
    "call.transcript_object",
    "data.transcript_with_tool_calls",
    "data.transcript_object",
    "transcript",
)

_SHAPE = Shape(
    text=("content", "text"),
    start=("start_time", "start", "time_sec", "timestamp"),
    end=("end_time", "end"),
)

_TOOL_ROWS = ("tool_call_invocation", "tool_call_result")


def read(payload: Any, notes: Notes) -> list[Draft]:
    drafts: list[Draft] = []
    for number, value in enumerate(rows_in(payload, PATHS), start=1):
        row = as_row(value, number)
        event = _event(row, number, notes)
        found = [event] if event else read_row(row, number, notes, _SHAPE)
        _time_by_words(found, row, number, notes)
        drafts += found
    return drafts


def _time_by_words(drafts: list[Draft], row: Row, number: int, notes: Notes) -> None:
    words = [word for word in _listed(row.get("words")) if isinstance(word, dict)]
    if not words:
        return
    for draft in drafts:
        if draft.start is None:
            draft.start = moment(words[0].get("start"), number, notes)
        if draft.end is None:
            draft.end = moment(words[-1].get("end"), number, notes)


def _event(row: Row, number: int, notes: Notes) -> Draft | None:
    """Keys pressed and steps of a conversation flow: kept as system rows, since nobody says them."""
    if row.get("role") == "dtmf":
        text = f"Key pressed: {text_of(row.get('digit'), notes, number)}"
    elif row.get("role") == "node_transition":
        before, after = (
            text_of(row.get(key), notes, number) for key in ("former_node_name", "new_node_name")
        )
        text = f"Step: {before} -> {after}"
    else:
        return None
    return Draft(number, row["role"], Role.SYSTEM, text, moment(row.get("time_sec"), number, notes))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def detects(payload: Any) -> bool:
    return any(
        isinstance(row.get("words"), list) or row.get("role") in _TOOL_ROWS for row in peek(payload, PATHS)
    )


FORMAT = Format("retell", "Retell transcript_object or transcript_with_tool_calls", read, detects)

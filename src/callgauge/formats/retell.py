"""Retell: `transcript_object` and `transcript_with_tool_calls`; times stand in the words of a row."""

from __future__ import annotations

from typing import Any

from callgauge.domain.calls import Role
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, as_row, moment, read_row, rows_in
from callgauge.formats.text import text_of
from callgauge.formats.webhook import (
    WebhookCall,
    instant_at,
    list_at,
    object_at,
    secs_at,
    secs_between,
    text_at,
)

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


def read_webhook(body: Row) -> WebhookCall:
    """`{"event", "call"}`, or the call under `data` as older bodies have it.

    A finished call is reported twice, by `call_ended` and later by `call_analyzed`, under one id.
    """
    call = object_at(body, "call", "data")
    started, ended = instant_at(call, "start_timestamp"), instant_at(call, "end_timestamp")
    length = secs_at(call, "duration_ms", units_a_second=1000)
    event = text_at(body, "event")
    theirs = {"inbound": "from_number", "outbound": "to_number"}.get(text_at(call, "direction"))
    return WebhookCall(
        provider="retell",
        event=event,
        finished=event in ("call_ended", "call_analyzed"),
        call_id=text_at(call, "call_id"),
        assistant_id=text_at(call, "agent_id"),
        transcript_json=list_at(call, "transcript_with_tool_calls", "transcript_object"),
        started_at=started,
        ended_at=ended,
        duration_secs=length if length is not None else secs_between(started, ended),
        ended_reason=text_at(call, "disconnection_reason"),
        recording_url=text_at(call, "recording_multi_channel_url", "recording_url"),
        customer_number=text_at(call, theirs) if theirs else "",
        metadata=object_at(call, "metadata"),
        dynamic_variables={
            **object_at(call, "retell_llm_dynamic_variables"),
            **object_at(call, "collected_dynamic_variables"),
        },
        raw=body,
    )

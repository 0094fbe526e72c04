"""Vapi: `messages` with `time` in ms since 1970, `secondsFromStart`, and tool calls in rows of their own."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, as_row, moment, read_row, rows_in
from callgauge.formats.times import Moment
from callgauge.formats.webhook import (
    WebhookCall,
    instant_at,
    list_at,
    object_at,
    secs_at,
    secs_between,
    text_at,
)

PATHS = ("messages", "artifact.messages", "message.artifact.messages", "message.messages", "transcript")

_SHAPE = Shape(
    text=("message", "content", "text"), start=("secondsFromStart", "time", "start_time"), end=("end_time",)
)


def read(payload: Any, notes: Notes) -> list[Draft]:
    """`secondsFromStart` counts from the start of the call and wins over `time`, which is mapped onto it."""
    rows = [as_row(value, number) for number, value in enumerate(rows_in(payload, PATHS), start=1)]
    zero = _zero(rows)
    drafts: list[Draft] = []
    for number, row in enumerate(rows, start=1):
        found = read_row(row, number, notes, _SHAPE)
        for draft in found:
            draft.start = _on_call(draft.start, zero)
            if draft.end is None:
                draft.end = _end(row, number, draft.start, zero, notes)
        drafts += found
    return drafts


def _zero(rows: list[Row]) -> float | None:
    """The instant of second 0, from the first row that knows both clocks."""
    quiet = Notes()
    for row in rows:
        begun = moment(row.get("time"), 0, quiet)
        since = moment(row.get("secondsFromStart"), 0, quiet)
        if begun and since and begun.absolute and not since.absolute:
            return begun.secs - since.secs
    return None


def _on_call(at: Moment | None, zero: float | None) -> Moment | None:
    if at is None or not at.absolute or zero is None:
        return at
    return Moment(max(0.0, round(at.secs - zero, 3)), False)


def _end(row: Row, number: int, start: Moment | None, zero: float | None, notes: Notes) -> Moment | None:
    """From `endTime` (ms since 1970) or `duration` (ms), measured from the row's own start."""
    if start is None:
        return _on_call(moment(row.get("endTime"), number, notes), zero)
    begun = moment(row.get("time"), number, Notes())
    ended = moment(row.get("endTime"), number, notes)
    if begun and ended and begun.absolute and ended.absolute:
        return Moment(round(start.secs + ended.secs - begun.secs, 3), start.absolute)
    if ended is not None:
        return _on_call(ended, zero)
    length = moment(row.get("duration"), number, notes)
    if length is None or length.absolute:
        return None
    return Moment(round(start.secs + length.secs / 1000, 3), start.absolute)


def detects(payload: Any) -> bool:
    rows = peek(payload, PATHS)
    return any("secondsFromStart" in row or "toolCalls" in row or "toolCallId" in row for row in rows) or any(
        "message" in row and row.get("role") == "bot" for row in rows
    )


FORMAT = Format("vapi", "Vapi call messages (role bot, user, tool_calls; ms since 1970)", read, detects)


def read_webhook(body: Row) -> WebhookCall:
    """Vapi's server messages `{"message": {"type"}}`; only an `end-of-call-report` is a finished call."""
    message = object_at(body, "message") or body
    started = instant_at(message, "startedAt", "call.startedAt", "call.createdAt")
    ended = instant_at(message, "endedAt", "call.endedAt")
    length = secs_at(message, "durationSeconds")
    event = text_at(message, "type")
    return WebhookCall(
        provider="vapi",
        event=event,
        finished=event == "end-of-call-report",
        call_id=text_at(message, "call.id", "callId"),
        assistant_id=text_at(message, "call.assistantId", "assistant.id", "call.assistant.id", "assistantId"),
        transcript_json=list_at(message, "artifact.messages", "messages"),
        started_at=started,
        ended_at=ended,
        duration_secs=length if length is not None else secs_between(started, ended),
        ended_reason=text_at(message, "endedReason", "call.endedReason"),
        recording_url=text_at(
            message,
            "stereoRecordingUrl",
            "artifact.stereoRecordingUrl",
            "artifact.recording.stereoUrl",
            "recordingUrl",
            "artifact.recordingUrl",
        ),
        customer_number=text_at(message, "customer.number", "call.customer.number"),
        metadata=object_at(
            message, "call.metadata", "call.assistantOverrides.metadata", "assistant.metadata"
        ),
        dynamic_variables=object_at(
            message,
            "call.assistantOverrides.variableValues",
            "artifact.variableValues",
            "assistant.variableValues",
        ),
        raw=body,
    )

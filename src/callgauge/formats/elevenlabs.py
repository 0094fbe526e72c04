"""ElevenLabs: `transcript` rows with whole seconds, start only; tool calls and results inside the rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, read_rows, rows_in
from callgauge.formats.webhook import (
    WebhookCall,
    instant_at,
    list_at,
    object_at,
    secs_at,
    text_at,
)

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


def read_webhook(body: Row) -> WebhookCall:
    """The post-call webhook `{"type", "data"}`, or the bare conversation; audio and failures are no calls."""
    data = object_at(body, "data") or body
    started = instant_at(data, "metadata.start_time_unix_secs")
    length = secs_at(data, "metadata.call_duration_secs")
    event = text_at(body, "type", "event_type")
    return WebhookCall(
        provider="elevenlabs",
        event=event,
        finished=event in ("post_call_transcription", ""),
        call_id=text_at(data, "conversation_id"),
        assistant_id=text_at(data, "agent_id"),
        transcript_json=list_at(data, "transcript"),
        started_at=started,
        ended_at=started + timedelta(seconds=length) if started and length is not None else None,
        duration_secs=length,
        ended_reason=text_at(data, "metadata.termination_reason"),
        customer_number=text_at(data, "metadata.phone_call.external_number"),
        dynamic_variables=object_at(data, "conversation_initiation_client_data.dynamic_variables"),
        raw=body,
    )

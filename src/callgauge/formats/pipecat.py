"""Pipecat: OpenAI-style messages, untimed or with start and end; tool rows have no times of their own."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, read_rows, rows_in
from callgauge.formats.webhook import (
    WebhookCall,
    instant_at,
    list_at,
    logs_in,
    object_at,
    secs_between,
    text_at,
)

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


def read_webhook(body: Row) -> WebhookCall:
    """What the Pipecat tracer posts after a session; where only sound exists there is no transcript."""
    started, ended = instant_at(body, "session_start"), instant_at(body, "session_end")
    return WebhookCall(
        provider="pipecat",
        event="",
        finished=True,
        call_id=text_at(body, "session_id", "provider_data.session_id"),
        agent_id=text_at(body, "agent_id"),
        transcript_json=list_at(body, "transcript"),
        started_at=started,
        ended_at=ended,
        duration_secs=secs_between(started, ended),
        recording_key=text_at(body, "audio_s3_key"),
        metadata=object_at(body, "provider_data.custom_metadata"),
        trace_id=text_at(body, "trace_id"),
        logs=logs_in(body, "logs"),
        defer_evaluation=body.get("defer_evaluation") is True,
        raw=body,
    )

"""LiveKit: items of the session's `chat_history` (messages, function calls and outputs), or plain rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from callgauge.domain.calls import Role, stable_hash
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.rows import Draft, Row, Shape, as_row, moment, read_row, row_id, rows_in
from callgauge.formats.text import text_of
from callgauge.formats.webhook import (
    WebhookCall,
    instant_at,
    list_at,
    logs_in,
    object_at,
    secs_between,
    text_at,
)

PATHS = (
    "session_report.chat_history.items",
    "chat_history.items",
    "items",
    "history.items",
    "chat_history",
    "transcript",
)

_SHAPE = Shape(
    role=("role", "type"),
    text=("content", "text"),
    start=("start_time", "timestamp", "created_at"),
    end=("end_time",),
)

_ITEMS = ("message", "function_call", "function_call_output", "agent_handoff", "agent_config_update")


def read(payload: Any, notes: Notes) -> list[Draft]:
    drafts: list[Draft] = []
    for number, value in enumerate(rows_in(payload, PATHS), start=1):
        row = as_row(value, number)
        match row.get("type"):
            case "agent_handoff":
                drafts.append(_handoff(row, number, notes))
            case "agent_config_update":
                drafts.append(_instructions(row, number, notes))
            case _:
                drafts += _message(row, number, notes)
    return drafts


def _message(row: Row, number: int, notes: Notes) -> list[Draft]:
    """`created_at` is when the item was written down; the speaking times in `metrics` are better."""
    found = read_row(row, number, notes, _SHAPE)
    metrics = row.get("metrics")
    if isinstance(metrics, dict):
        started = moment(metrics.get("started_speaking_at"), number, notes)
        stopped = moment(metrics.get("stopped_speaking_at"), number, notes)
        for draft in found:
            draft.start, draft.end = started or draft.start, stopped or draft.end
    return found


def _handoff(row: Row, number: int, notes: Notes) -> Draft:
    agent = text_of(row.get("new_agent_id"), notes, number)
    at = moment(row.get("created_at"), number, notes)
    return Draft(number, "system", Role.SYSTEM, f"Handoff to {agent}", at, id=row_id(row))


def _instructions(row: Row, number: int, notes: Notes) -> Draft:
    text = text_of(row.get("instructions"), notes, number)
    return Draft(
        number, "system", Role.SYSTEM, text, moment(row.get("created_at"), number, notes), id=row_id(row)
    )


def detects(payload: Any) -> bool:
    return any(
        row.get("type") in _ITEMS and ("created_at" in row or "call_id" in row)
        for row in peek(payload, PATHS)
    )


FORMAT = Format(
    "livekit", "LiveKit chat history items, or rows with role, content and timestamp", read, detects
)


def read_webhook(body: Row) -> WebhookCall:
    """What the LiveKit tracer posts after a session, once or, after failures, several times."""
    started, ended = instant_at(body, "session_start"), instant_at(body, "session_export")
    return WebhookCall(
        provider="livekit",
        event="",
        finished=True,
        call_id=_call_id(body, started),
        agent_id=text_at(body, "agent_id"),
        transcript_json=list_at(body, "session_report.chat_history.items"),
        started_at=started,
        ended_at=ended,
        duration_secs=secs_between(started, ended),
        ended_reason=_close_reason(body),
        recording_key=text_at(body, "egress_s3_key"),
        metadata=object_at(body, "provider_data.custom_metadata"),
        trace_id=text_at(body, "trace_id"),
        logs=logs_in(body, "provider_data.logs", "logs"),
        raw=body,
    )


def _call_id(body: Row, started: datetime | None) -> str:
    """The room's SID; without one an id that the tracer's retries share, so that they are one call."""
    known = text_at(body, "session_id", "session_report.room_id", "session_report.job_id")
    if not known and started:
        known = f"livekit-{stable_hash(text_at(body, 'agent_id'), started.isoformat())[:24]}"
    return known


def _close_reason(body: Row) -> str:
    events = list_at(body, "session_report.events") or []
    closed = [event for event in events if isinstance(event, dict) and event.get("type") == "close"]
    return text_at(closed[-1], "reason") if closed else ""

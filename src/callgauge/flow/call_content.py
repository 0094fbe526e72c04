"""What a call holds: its turns, and the hash that tells whether a result still speaks of them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from callgauge.domain.calls import Turn, stable_hash, transcript_text
from callgauge.domain.storable import MAX_DEPTH, is_deeper, storable_json, storable_text
from callgauge.flow.errors import Invalid
from callgauge.formats import Parsed, TranscriptError, parse_transcript, to_wire
from callgauge.store.models import CallLog, CallPayload


def read_transcript(transcript_type: str, raw: Any, started_at: datetime | None = None) -> Parsed:
    """Turns of a transcript in a provider's shape; times of the world count from `started_at` where it is
    known. Raises Invalid, naming the row and field at fault."""
    if is_deeper(raw, MAX_DEPTH):
        raise Invalid.field("transcript_json", f"It is nested deeper than {MAX_DEPTH} levels.")
    try:
        return parse_transcript(transcript_type or None, raw, started_at=started_at)
    except TranscriptError as error:
        raise Invalid.field(error.field, str(error)) from None


def put_transcript(
    payload: CallPayload, raw: Any, parsed: Parsed, *, declared: str = "", source: str = ""
) -> None:
    """`raw` is a transcript of the declared type, or the body of the webhook of the provider `source`."""
    put_turns(payload, parsed)
    payload.raw = json.dumps(raw)  # escaped ASCII: it keeps even what the columns beside it cannot hold
    payload.raw_type = declared
    payload.raw_source = source


def put_turns(payload: CallPayload, parsed: Parsed) -> None:
    payload.turns = storable_json(to_wire(parsed.turns))
    payload.transcript = storable_text(transcript_text(parsed.turns))
    payload.raw_format = parsed.format
    payload.notes = list(parsed.notes)


def spoken_secs(turns: tuple[Turn, ...]) -> float | None:
    """Seconds from the call's start to the last time that a turn names; None where no turn is timed."""
    times = (turn.end_secs if turn.end_secs is not None else turn.start_secs for turn in turns)
    return max((time for time in times if time is not None), default=None)


def content_hash(call: CallLog, payload: CallPayload) -> str:
    """Of everything that a metric may read of a call."""
    measured = payload.redaction.get("measured")
    return stable_hash(
        *([measured] if measured else ()),
        payload.turns,
        payload.metadata,
        payload.dynamic_variables,
        payload.voice_recording_url,
        call.timestamp.isoformat(),
        call.duration_secs,
        call.call_ended_reason,
        call.topic,
        call.testing_channel_index,
    )

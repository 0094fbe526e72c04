"""Provider transcripts: each format is one leaf module and one line in the table here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from callgauge.formats import (
    bland,
    cekura,
    deepgram,
    elevenlabs,
    koreai,
    livekit,
    none_mono,
    pipecat,
    retell,
    vapi,
)
from callgauge.formats.errors import TranscriptError, UnknownFormatError, WebhookError
from callgauge.formats.parsed import Format, Options, Parsed
from callgauge.formats.reading import read_payload
from callgauge.formats.webhook import WebhookCall, WebhookReader, webhook_body
from callgauge.formats.wire import from_wire, to_wire
from callgauge.formats.words import word_times

FORMATS: dict[str, Format] = {
    "koreai": koreai.FORMAT,
    "deepgram": deepgram.FORMAT,
    "elevenlabs": elevenlabs.FORMAT,
    "bland": bland.FORMAT,
    "livekit": livekit.FORMAT,
    "vapi": vapi.FORMAT,
    "retell": retell.FORMAT,
    "pipecat": pipecat.FORMAT,
    "none-mono": none_mono.FORMAT,
    "cekura": cekura.FORMAT,
    "vocera": cekura.FORMAT,
}
"""By transcript type. The order is that of recognition: the first that detects a payload reads it."""


def parse_transcript(
    transcript_type: str | None,
    payload: Any,
    *,
    agent_speaker: str | int | None = None,
    started_at: datetime | None = None,
) -> Parsed:
    """Turns of a provider's transcript (a JSON value, or its text); None or "" as the type means: find out.

    `agent_speaker` names the role or speaker that is the agent, for calls where the provider's words or
    the first-speaker rule would have it wrong. Times of the world count from `started_at` (aware) where it is
    known and not later than they are, else from the earliest of them.
    Raises TranscriptError, and nothing else, for any payload.
    """
    options = Options(agent_speaker, started_at.timestamp() if started_at else None)
    return read_payload(FORMATS, transcript_type, payload, options)


WEBHOOKS: dict[str, WebhookReader] = {
    "elevenlabs": elevenlabs.read_webhook,
    "livekit": livekit.read_webhook,
    "pipecat": pipecat.read_webhook,
    "retell": retell.read_webhook,
    "vapi": vapi.read_webhook,
}
"""By provider: who reads the webhook that it sends after a call."""

CALL_IDS_AT = {
    "elevenlabs": "data.conversation_id",
    "livekit": "session_id",
    "pipecat": "session_id",
    "retell": "call.call_id",
    "vapi": "message.call.id",
}


def webhook_call(provider: str, body: Any) -> WebhookCall:
    """A call from a webhook's body (a JSON value, or its text), its transcript still in the provider's shape.

    Raises WebhookError where the body is no object, or reports a finished call without saying which.
    """
    if provider not in WEBHOOKS:
        raise WebhookError(f"expected one of {', '.join(WEBHOOKS)} as the provider.")
    call = WEBHOOKS[provider](webhook_body(body))
    if call.finished and not call.call_id:
        raise WebhookError(f"no call id at {CALL_IDS_AT[provider]}.")
    return call


def read_webhook(provider: str, body: Any) -> WebhookCall:
    """`webhook_call` with its turns read by the provider's format.

    `parse_transcript(call.provider, call.transcript_json, started_at=call.started_at)` gives the turns again.
    Raises WebhookError as that does, TranscriptError for its transcript.
    """
    call = webhook_call(provider, body)
    if not call.finished:
        return call
    parsed = parse_transcript(provider, call.transcript_json, started_at=call.started_at)
    return replace(call, turns=parsed.turns, notes=parsed.notes)


__all__ = [
    "FORMATS",
    "WEBHOOKS",
    "Format",
    "Parsed",
    "TranscriptError",
    "UnknownFormatError",
    "WebhookCall",
    "WebhookError",
    "from_wire",
    "parse_transcript",
    "read_webhook",
    "to_wire",
    "webhook_call",
    "word_times",
]

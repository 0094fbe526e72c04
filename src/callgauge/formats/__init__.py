"""Provider transcripts: each format is one leaf module and one line in the table here."""

from __future__ import annotations

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
from callgauge.formats.wire import from_wire, to_wire

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
    transcript_type: str | None, payload: Any, *, agent_speaker: str | int | None = None
) -> Parsed:
    """Turns of a provider's transcript (a JSON value, or its text); None or "" as the type means: find out.

    `agent_speaker` names the role or speaker that is the agent, for calls where the provider's words or
    the first-speaker rule would have it wrong. Raises TranscriptError, and nothing else, for any payload.
    """
    return read_payload(FORMATS, transcript_type, payload, Options(agent_speaker=agent_speaker))


__all__ = [
    "FORMATS",
    "Format",
    "Parsed",
    "TranscriptError",
    "UnknownFormatError",
    "WebhookError",
    "from_wire",
    "parse_transcript",
    "to_wire",
]

"""From a payload and a declared type to turns: decoding, choosing the format, falling back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callgauge.domain.calls import SPOKEN_ROLES
from callgauge.formats.assemble import assemble
from callgauge.formats.errors import TranscriptError, UnknownFormatError
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, Parsed

MAX_ENCODINGS = 2
"""Form clients send JSON text; some encode a text that already was JSON."""


def read_payload(
    formats: Mapping[str, Format],
    transcript_type: str | None,
    payload: Any,
    agent_speaker: str | int | None = None,
    origin_secs: float | None = None,
) -> Parsed:
    """Reads as declared, or as recognised where nothing was declared or the declared way gave no turns."""
    declared = _declared(formats, transcript_type)
    payload = decode(payload)
    if payload is None or payload == "":
        return Parsed((), declared.name if declared else "", ("no transcript was sent",))
    if declared is None:
        found = _recognised(formats, payload)
        return _read(found or next(iter(formats.values())), payload, agent_speaker, origin_secs)
    try:
        parsed = _read(declared, payload, agent_speaker, origin_secs)
    except TranscriptError:
        other = _other(formats, declared, payload, agent_speaker, origin_secs)
        if other is None:
            raise
        return other
    if parsed.turns:
        return parsed
    return _other(formats, declared, payload, agent_speaker, origin_secs) or parsed


def decode(payload: Any) -> Any:
    """The JSON value of a payload that may still be JSON text."""
    for _ in range(MAX_ENCODINGS):
        if not isinstance(payload, (str, bytes, bytearray)):
            break
        if not payload.strip():
            return None
        try:
            payload = json.loads(payload)
        except RecursionError as error:
            raise TranscriptError("the JSON text is nested too deeply.") from error
        except ValueError as error:
            raise TranscriptError("the text is not valid JSON.") from error
    return payload


def _declared(formats: Mapping[str, Format], transcript_type: str | None) -> Format | None:
    if not transcript_type:
        return None
    found = formats.get(transcript_type.strip().lower())
    if found is None:
        raise UnknownFormatError(f"expected one of {', '.join(sorted(formats))}.")
    return found


def _recognised(formats: Mapping[str, Format], payload: Any) -> Format | None:
    return next((known for known in formats.values() if known.detects(payload)), None)


def _read(known: Format, payload: Any, agent_speaker: str | int | None, origin_secs: float | None) -> Parsed:
    notes = Notes()
    drafts = known.read(payload, notes)
    turns = assemble(drafts, notes, agent_speaker=agent_speaker, origin_secs=origin_secs)
    if not turns:
        notes.add("the transcript holds no turns")
    elif not any(turn.role in SPOKEN_ROLES for turn in turns):
        notes.add("nobody speaks in this transcript")
    return Parsed(turns, known.name, notes.lines())


def _other(
    formats: Mapping[str, Format],
    declared: Format,
    payload: Any,
    agent_speaker: str | int | None,
    origin_secs: float | None,
) -> Parsed | None:
    """A reading as the format that the payload looks like, if that is another one and gives turns."""
    found = _recognised(formats, payload)
    if found is None or found is declared:
        return None
    try:
        parsed = _read(found, payload, agent_speaker, origin_secs)
    except TranscriptError:
        return None
    if not parsed.turns:
        return None
    note = f"declared as {declared.name}, but it is {found.name} and was read so"
    return Parsed(parsed.turns, parsed.format, (note, *parsed.notes))

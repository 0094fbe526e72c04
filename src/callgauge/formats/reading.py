"""From a payload and a declared type to turns: decoding, choosing the format, falling back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callgauge.domain.calls import SPOKEN_ROLES
from callgauge.formats.assemble import assemble
from callgauge.formats.errors import TranscriptError, UnknownFormatError
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, Options, Parsed
from callgauge.formats.text import decode

GENERAL = "cekura"
"""The format whose reader takes any rows with a role and words."""


def read_payload(
    formats: Mapping[str, Format], transcript_type: str | None, payload: Any, options: Options
) -> Parsed:
    """Reads as declared, or as recognised where nothing was declared or the declared type cannot be right."""
    declared = _declared(formats, transcript_type)
    payload = decode(payload)
    if payload is None:
        return Parsed((), declared.name if declared else "", ("no transcript was sent",))
    found = next((known for known in formats.values() if known.detects(payload)), formats[GENERAL])
    if declared is None or declared is found or declared.literal:
        return _read(declared or found, payload, options)
    if found.name != GENERAL and not declared.detects(payload):
        return _reread(declared, found, payload, options) or _read(declared, payload, options)
    try:
        parsed = _read(declared, payload, options)
    except TranscriptError:
        other = _reread(declared, found, payload, options)
        if other is None:
            raise
        return other
    return parsed if parsed.turns else _reread(declared, found, payload, options) or parsed


def _declared(formats: Mapping[str, Format], transcript_type: str | None) -> Format | None:
    if not transcript_type:
        return None
    found = formats.get(transcript_type.strip().lower())
    if found is None:
        raise UnknownFormatError(f"expected one of {', '.join(sorted(formats))}.")
    return found


def _read(known: Format, payload: Any, options: Options) -> Parsed:
    notes = Notes()
    turns = assemble(known.read(payload, notes), notes, options)
    if not turns:
        notes.add("the transcript holds no turns")
    elif not any(turn.role in SPOKEN_ROLES for turn in turns):
        notes.add("nobody speaks in this transcript")
    return Parsed(turns, known.name, notes.lines())


def _reread(declared: Format, found: Format, payload: Any, options: Options) -> Parsed | None:
    """The reading as the format that was recognised, None where that gives no turns either."""
    try:
        parsed = _read(found, payload, options)
    except TranscriptError:
        return None
    if not parsed.turns:
        return None
    note = f"declared as {declared.name}, but it looks like {found.name} and was read so"
    return Parsed(parsed.turns, parsed.format, (note, *parsed.notes))

"""No transcript: the call comes with a recording only, and whoever transcribes it fills the turns in."""

from __future__ import annotations

from typing import Any

from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format
from callgauge.formats.rows import Draft


def read(payload: Any, notes: Notes) -> list[Draft]:
    if payload:
        notes.add("the type none-mono has no transcript, what was sent is not read")
    return []


def detects(payload: Any) -> bool:
    return False


FORMAT = Format("none-mono", "A recording without a transcript", read, detects, literal=True)

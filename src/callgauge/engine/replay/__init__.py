"""One result as a file that gives the same score again: what was measured, how, and what the judge said."""

from __future__ import annotations

from callgauge.engine.replay.bundle import (
    BadBundle,
    Bundle,
    Question,
    Recorded,
    Script,
    file_of,
    read_bundle,
)
from callgauge.engine.replay.run import CannotReplay, Replayed, RunScriptWith, replay, told

__all__ = [
    "BadBundle",
    "Bundle",
    "CannotReplay",
    "Question",
    "Recorded",
    "Replayed",
    "RunScriptWith",
    "Script",
    "file_of",
    "read_bundle",
    "replay",
    "told",
]

"""Metrics about the words of the transcript themselves: how rightly they were heard, and in which language.
A new one is one file, and one line below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Outcome
from callgauge.engine.transcription import accuracy, side_languages
from callgauge.engine.transcription.sides import Said, Transcribe

__all__ = ["TRANSCRIBES", "WORDS", "Said", "Transcribe"]

WORDS: Final[Mapping[str, Callable[[Call, MetricSpec, Transcribe | None], Awaitable[Outcome]]]] = {
    "transcription_accuracy": accuracy.score,
    "language": side_languages.score,
}
TRANSCRIBES: Final = frozenset({"transcription_accuracy"})
"""Those whose value may rest on what speech to text hears."""

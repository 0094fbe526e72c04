"""What speech to text is given and gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from callgauge.judge.settings import JudgeSettings


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    kind: str
    """A name in `KINDS`."""
    model: str
    """As the server spells it, or the folder of a model."""
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    timeout_secs: float = 300.0
    """For one piece of a recording, from sending to the last byte."""
    tries: int = 4

    def check(self) -> None:
        """Raises JudgeSettingError."""
        JudgeSettings("openai", self.model, base_url=self.base_url, api_key=self.api_key).check()


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    language: str = ""
    """As the model says it; empty where it does not."""
    segments: Sequence[tuple[float, float, str]] = ()
    """Start and end in seconds of the piece, and words; empty where the model gives none."""


class SpeechError(Exception):
    """A piece could not be written down; the message says why."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class SpeechToText(Protocol):
    @property
    def name(self) -> str:
        """`kind:model`: what was heard is kept under it."""

    async def hear(self, flac: bytes) -> Heard:
        """Write down one piece: FLAC, one channel. Raises SpeechError."""

    async def close(self) -> None: ...

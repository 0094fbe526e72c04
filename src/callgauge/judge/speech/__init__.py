"""Speech to text: models that write down what is heard. A new kind is one file, and one line in `KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callgauge.judge.settings import JudgeSettingError
from callgauge.judge.speech import local_whisper, openai
from callgauge.judge.speech.adapter import Heard, SpeechError, SpeechSettings, SpeechToText

__all__ = ["KINDS", "Heard", "SpeechError", "SpeechSettings", "SpeechToText", "open_speech", "parse_speech"]

KINDS: Mapping[str, Callable[[SpeechSettings], SpeechToText]] = {
    "openai": openai.open_speech,
    "faster-whisper": local_whisper.open_speech,
}


def parse_speech(value: str) -> SpeechSettings | None:
    """Read `openai:MODEL` or `faster-whisper:FOLDER`; None for the empty text. Raises JudgeSettingError."""
    if not value:
        return None
    kind, _, model = (part.strip() for part in value.partition(":"))
    if kind not in KINDS or not model:
        raise JudgeSettingError(
            f"{value!r} names no speech to text: write openai:MODEL or faster-whisper:FOLDER"
        )
    return SpeechSettings(kind, model)


def open_speech(settings: SpeechSettings) -> SpeechToText:
    """Make it; nothing is sent or loaded yet. Raises JudgeSettingError where a setting cannot work."""
    settings.check()
    return KINDS[settings.kind](settings)

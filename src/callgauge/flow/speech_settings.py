"""The speech-to-text model that the settings name."""

from __future__ import annotations

from dataclasses import replace

from callgauge.domain.options import Options
from callgauge.judge.speech import SpeechSettings, open_speech, parse_speech


def speech_settings(options: Options) -> SpeechSettings | None:
    """None where none is set. Raises JudgeSettingError."""
    parsed = parse_speech(options.stt)
    if parsed is None:
        return None
    return replace(
        parsed,
        base_url=options.stt_base_url,
        api_key=options.stt_api_key,
        timeout_secs=float(options.stt_timeout_secs),
    )


def check_speech(options: Options) -> None:
    """Find faults of the settings at start, without asking anybody. Raises JudgeSettingError."""
    settings = speech_settings(options)
    if settings is not None:
        open_speech(settings)

"""A Whisper model in this process, by faster-whisper (the extra stt). The model is the operator's own:
nothing is downloaded."""

from __future__ import annotations

import asyncio
import io
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from callgauge.domain.extras import how_to_add
from callgauge.judge.settings import JudgeSettingError
from callgauge.judge.speech.adapter import Heard, SpeechError, SpeechSettings

NEEDS_EXTRA = f"faster-whisper needs the extra stt; {how_to_add('stt')}"


def open_speech(settings: SpeechSettings) -> LocalWhisper:
    return LocalWhisper(settings)


class LocalWhisper:
    def __init__(self, settings: SpeechSettings) -> None:
        self._folder = Path(settings.model).expanduser()
        if not (self._folder / "model.bin").is_file():
            raise JudgeSettingError(
                f"{self._folder} holds no model for faster-whisper: a folder with model.bin, converted for "
                "CTranslate2"
            )
        try:
            library: Any = import_module("faster_whisper")
        except ImportError:
            raise JudgeSettingError(NEEDS_EXTRA) from None
        self.name = f"{settings.kind}:{self._folder.name}"
        self._open = library.WhisperModel
        self._model: Any = None
        self._lock = Lock()  # one piece at a time: the model takes every core by itself

    async def close(self) -> None:
        self._model = None

    async def hear(self, flac: bytes) -> Heard:
        return await asyncio.to_thread(self._hear, flac)

    def _hear(self, flac: bytes) -> Heard:
        with self._lock:
            try:
                if self._model is None:
                    self._model = self._open(str(self._folder), device="auto", local_files_only=True)
                found, about = self._model.transcribe(io.BytesIO(flac), temperature=0.0)
                segments = [(float(one.start), float(one.end), one.text.strip()) for one in found]
            except Exception as error:  # noqa: BLE001 -- its errors have no common base, and may quote the call
                words = f"{self.name} could not write the recording down: {type(error).__name__}."
                raise SpeechError(words, retryable=isinstance(error, MemoryError)) from None
        return Heard(" ".join(text for _, _, text in segments), about.language or "", segments)

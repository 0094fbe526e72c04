"""A copy of a recording in which some spans cannot be heard: a quiet tone is there instead."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from .analysis import Span
from .opening import Handle, blocks, open_sound
from .track import FloatArray

TONE_HZ: Final = 440.0
TONE_LEVEL: Final = 0.05
"""Of full scale, -26 dB: quieter than speech. Silence would look like a dead line to whoever listens."""
FADE_SECS: Final = 0.01
"""Of the tone, against clicks; what was said is gone from the first sample on."""
WRITE_FRAMES: Final = 16_384
"""At once: libsndfile's Vorbis encoder keeps what it is given on the stack."""
_LOSSLESS: Final = ("FLAC", "PCM_16")
_OPUS_RATES: Final = frozenset({8_000, 12_000, 16_000, 24_000, 48_000})
_FLAC_CHANNELS: Final = 8


def bleep(path: str | os.PathLike[str], target: str | os.PathLike[str], spans: Sequence[Span]) -> None:
    """Write the copy, block by block, in the format of the original where that can be written, else as FLAC.
    `spans` are seconds, in order and apart from each other. Raises the errors of `errors`."""
    import soundfile

    with open_sound(path) as handle:
        container, subtype = _format(handle)
        with soundfile.SoundFile(
            str(Path(target)),
            "w",
            samplerate=handle.samplerate,
            channels=handle.channels,
            format=container,
            subtype=subtype,
        ) as made:
            at = 0
            for block, _ in blocks(handle):
                _hide(block, at, handle.samplerate, spans)
                for start in range(0, len(block), WRITE_FRAMES):
                    made.write(block[start : start + WRITE_FRAMES])
                at += len(block)


def _format(handle: Handle) -> tuple[str, str]:
    import soundfile

    container, subtype = handle.format, handle.subtype
    writes: Any = soundfile.check_format
    known = container in soundfile.available_formats() and writes(container, subtype)
    if known and not (subtype == "OPUS" and handle.samplerate not in _OPUS_RATES):
        return container, subtype
    return _LOSSLESS if handle.channels <= _FLAC_CHANNELS else ("WAV", "PCM_16")


def _hide(block: FloatArray, at: int, rate: int, spans: Sequence[Span]) -> None:
    """Put the tone into what of the spans lies in a block that begins at sample `at`."""
    for start_secs, end_secs in spans:
        first, last = int(start_secs * rate), int(np.ceil(end_secs * rate))
        low, high = max(first - at, 0), min(last - at, len(block))
        if low < high:
            samples = np.arange(at + low, at + high)
            fade = max(int(FADE_SECS * rate), 1)
            edge = np.minimum(samples - first, last - 1 - samples) / fade
            tone = TONE_LEVEL * np.clip(edge, 0.0, 1.0) * np.sin(2 * np.pi * TONE_HZ * samples / rate)
            block[low:high] = tone[:, None]

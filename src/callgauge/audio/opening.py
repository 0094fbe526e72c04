"""Opening a file of sound, by libsndfile or, for m4a and webm, by PyAV (the extra media)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from . import errors
from .track import FloatArray

MIN_RATE, MAX_RATE = 4_000, 384_000  # Hz; outside, the header lies
MIN_SECS = 0.1  # under this there is not one frame of speech to find
BLOCK_SECS = 4.0


class Handle(Protocol):
    """What `soundfile.SoundFile` has, as far as it is used."""

    channels: int
    samplerate: int
    format: str
    subtype: str
    frames: int

    def read(self, frames: int, dtype: str, always_2d: bool) -> FloatArray:
        """At most so many samples of each channel; fewer only at the end. Shape (samples, channels)."""


@contextmanager
def open_sound(path: str | os.PathLike[str]) -> Iterator[Handle]:
    """Raises MissingFile, EmptyFile, BrokenFile or UnsupportedFormat; the channels are not checked."""
    import soundfile

    file = Path(path)
    if not file.is_file():
        raise errors.MissingFile
    if file.stat().st_size == 0:
        raise errors.EmptyFile("the file has no bytes")
    with file.open("rb") as start:
        head = start.read(16)
    if head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3":
        from .media import open_media

        with open_media(file) as handle:
            _check_rate(handle)
            yield handle
        return
    try:
        opened = soundfile.SoundFile(str(file))
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise _refusal(head) from error
    with opened:
        _check_rate(opened)
        yield opened


def blocks(handle: Handle) -> Iterator[tuple[FloatArray, bool]]:
    """The sound in blocks of four seconds, each with whether the file breaks off there; what is no number is
    silence. The last block, and only that, is shorter. Raises BrokenFile where there is hardly any sound."""
    import soundfile

    size, frames = int(handle.samplerate * BLOCK_SECS), 0
    while True:
        fault = False
        try:
            block: FloatArray = handle.read(size, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, errors.BrokenFile, OSError) as error:
            if frames < handle.samplerate * MIN_SECS:
                raise errors.BrokenFile("it breaks off before any sound") from error
            block, fault = np.zeros((0, handle.channels), np.float32), True
        if not np.isfinite(block).all():
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        frames += len(block)
        yield block, fault
        if len(block) < size:
            return


def _check_rate(handle: Handle) -> None:
    if not MIN_RATE <= handle.samplerate <= MAX_RATE:
        raise errors.BrokenFile(f"its header claims {handle.samplerate} samples a second")
    if handle.channels < 1:
        raise errors.BrokenFile("its header claims no channel")


def _refusal(head: bytes) -> errors.AudioError:
    """Tell a damaged file of a known kind from a kind that nobody here decodes."""
    if (
        head[:4] in (b"RIFF", b"RF64", b"OggS", b"fLaC")
        or head[:3] == b"ID3"
        or head[:2] in (b"\xff\xfb", b"\xff\xf3")
    ):
        return errors.BrokenFile("its header cannot be read")
    return errors.UnsupportedFormat("wav, mp3, ogg and flac are known; m4a and webm with the extra media")

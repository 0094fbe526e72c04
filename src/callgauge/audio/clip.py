"""A stretch of a recording as one short mp3 file, for models that listen."""

from __future__ import annotations

import io
import os
from typing import Final

import numpy as np

from . import errors
from .opening import blocks, open_sound
from .track import RATE, FloatArray

CLIP_CODEC: Final = "mp3/16k/mono/1"
"""Part of what makes a clip the same one. The last number goes up when the bytes of a clip would differ in
a way that can be heard."""
_COMPRESSION: Final = 0.7
"""libsndfile's scale, with a constant bit rate: 56 kbit/s at 16 kHz. The default, 30, smears the very
artefacts of synthetic voices that a model is asked about."""
BYTES_PER_SEC: Final = 7_100
"""What that comes to, rounded up."""


def cut(
    path: str | os.PathLike[str], start_secs: float, end_secs: float, *, channel: int | None = None
) -> bytes:
    """The sound from `start_secs` to `end_secs`, of one channel or of all, mixed, at 16 kHz. The file is
    decoded block by block, so memory holds no more than the clip. One that breaks off gives what there is.

    Raises the errors of `errors`; EmptyFile where there is no sound in this stretch."""
    import soundfile
    import soxr

    clip = io.BytesIO()
    with open_sound(path) as handle:
        if channel is not None and channel >= handle.channels:
            raise errors.NoSuchChannel
        rate = int(handle.samplerate)
        first, last = round(start_secs * rate), round(end_secs * rate)
        resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
        with soundfile.SoundFile(
            clip,
            "w",
            RATE,
            1,
            format="MP3",
            subtype="MPEG_LAYER_III",
            compression_level=_COMPRESSION,
            bitrate_mode="CONSTANT",
        ) as out:
            at = written = 0
            for block, _ in blocks(handle):
                part = _one_channel(block[max(first - at, 0) : max(last - at, 0)], channel)
                at += len(block)
                if len(part):
                    sound = resampler.resample_chunk(part)
                    out.write(sound)
                    written += len(part)
                if at >= last:
                    break
            out.write(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    if not written:
        raise errors.EmptyFile(f"nothing from {start_secs:.1f} to {end_secs:.1f} s")
    return clip.getvalue()


def _one_channel(block: FloatArray, channel: int | None) -> FloatArray:
    """A mix is the mean: two voices at once do not clip."""
    if channel is None:
        mix: FloatArray = block.mean(axis=1, dtype=np.float32)
        return mix
    return np.ascontiguousarray(block[:, channel])

"""Any supported file to 16 kHz tracks, block by block, with a typed reason where that fails."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import errors
from .opening import BLOCK_SECS, MIN_SECS, Handle, blocks, open_sound
from .track import RATE, Track

MAX_SECS = 6 * 3600.0  # a five-hour call is still analysed; a day-long file is a mistake
SILENT_PEAK = 1e-4  # -80 dBFS: under the hiss of any microphone or line
CLIP_LEVEL = 0.985  # mu-law's loudest code decodes to .98; louder samples are at the rail
_HEADER_SLACK = 0.02  # a header may promise 2 % more than there is (encoder padding)


@dataclass(frozen=True, slots=True)
class Source:
    """What the file said of itself, and what came out of it."""

    format: str
    sample_rate: int
    channels: int
    declared_secs: float
    decoded_secs: float
    clipped_share: tuple[float, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    tracks: tuple[Track, ...]
    source: Source


@contextmanager
def decode(path: str | os.PathLike[str], *, max_secs: float = MAX_SECS) -> Iterator[Decoded]:
    """Decode a file of one or two channels to 16 kHz. The tracks live as long as the context.

    Raises the errors of `errors`; a file that breaks off after some sound is decoded so far and marked
    truncated.
    """
    tracks: list[Track] = []
    try:
        with open_sound(path) as handle:
            if handle.channels > 2:
                raise errors.WrongChannels(f"this one has {handle.channels}")
            tracks = [Track() for _ in range(handle.channels)]
            source = _drain(handle, tracks, Path(path), max_secs)
        yield Decoded(tuple(tracks), source)
    finally:
        for track in tracks:
            track.close()


def _drain(handle: Handle, tracks: list[Track], file: Path, max_secs: float) -> Source:
    """Pull every block through the resampler into the tracks."""
    import soxr

    rate, count = int(handle.samplerate), int(handle.channels)
    resampler = (
        soxr.ResampleStream(rate, RATE, count, dtype="float32", quality="HQ") if rate != RATE else None
    )
    clipped = np.zeros(count)
    peak, frames, fault = 0.0, 0, False
    size = int(rate * BLOCK_SECS)
    for block, broken in blocks(handle):
        last, fault = len(block) < size, fault or broken
        frames += len(block)
        if frames > max_secs * rate:
            raise errors.TooLong(f"over {max_secs:.0f} seconds")
        if len(block):
            magnitude = np.abs(block)
            peak = max(peak, float(magnitude.max()))
            clipped += (magnitude >= CLIP_LEVEL).sum(axis=0)
        if resampler is not None:
            block = resampler.resample_chunk(block, last=last)
        for index, track in enumerate(tracks):
            track.append(block[:, index])
    if frames < rate * MIN_SECS:
        raise errors.EmptyFile(f"{frames} samples")
    if peak < SILENT_PEAK:
        raise errors.SilentFile
    declared = _declared_secs(file, handle, rate)
    return Source(
        format=f"{handle.format} {handle.subtype}".lower(),
        sample_rate=rate,
        channels=count,
        declared_secs=declared,
        decoded_secs=frames / rate,
        clipped_share=tuple(float(n / frames) for n in clipped),
        truncated=fault or frames / rate < declared * (1 - _HEADER_SLACK),
    )


def _declared_secs(file: Path, handle: Handle, rate: int) -> float:
    """The length that the header promises. libsndfile mends a wrong RIFF size silently, so that one is
    read here."""
    frames = int(handle.frames)
    if handle.format in ("WAV", "WAVEX"):
        promised = _riff_data_bytes(file)
        per_second = _riff_bytes_per_second(file)
        if promised is not None and per_second:
            return promised / per_second
    return max(frames, 0) / rate if frames < 2**62 else 0.0


def _riff_chunks(file: Path) -> Iterator[tuple[bytes, int, int]]:
    with file.open("rb") as handle:
        head = handle.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        at = 12
        for _ in range(64):  # a real file has a handful; a hostile one may have millions
            handle.seek(at)
            chunk = handle.read(8)
            if len(chunk) < 8:
                return
            size = struct.unpack("<I", chunk[4:])[0]
            yield chunk[:4], at + 8, size
            at += 8 + size + (size & 1)


def _riff_data_bytes(file: Path) -> int | None:
    """Bytes that the data chunk promises; None where a stream left the size open (0 or all ones)."""
    for name, _, size in _riff_chunks(file):
        if name == b"data":
            return None if size == 0 or size >= 0xFFFF_FF00 else size
    return None


def _riff_bytes_per_second(file: Path) -> int:
    for name, at, size in _riff_chunks(file):
        if name == b"fmt " and size >= 16:
            with file.open("rb") as handle:
                handle.seek(at)
                _, channels, rate, _, align, _ = struct.unpack("<HHIIHH", handle.read(16))
            return int(rate * align) if align else int(rate * channels)
    return 0

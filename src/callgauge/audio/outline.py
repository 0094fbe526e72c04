"""A first look into a file: whether it can be read, how long it is, and the outline of each channel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import errors
from .decode import MAX_SECS
from .opening import MIN_SECS, blocks, open_sound
from .track import FloatArray

POINTS = (400, 2_000, 10_000)
"""Points of the zooms: a thumbnail, a page, a stretch seen close."""
MIN_POINT_SECS = 0.01
"""A point is no shorter; a short recording has fewer zooms."""


@dataclass(frozen=True, slots=True)
class Outline:
    duration_secs: float
    sample_rate: int
    channels: int
    zooms: tuple[dict[str, Any], ...]
    """Each `{"secs_per_point", "peaks": [[0..1 per point] per channel]}`, the coarsest first."""


def outline(path: str | os.PathLike[str], *, max_secs: float = MAX_SECS) -> Outline:
    """Raises `errors.AudioError`; any number of channels is drawn. One pass, flat memory."""
    with open_sound(path) as handle:
        rate, frames, fine = int(handle.samplerate), 0, _Fine(int(handle.samplerate))
        for block, _ in blocks(handle):
            fine.append(block)
            frames += len(block)
            if frames > max_secs * rate:
                raise errors.TooLong(f"over {max_secs:.0f} seconds")
    if frames < rate * MIN_SECS:
        raise errors.EmptyFile(f"{frames} samples")
    peaks = fine.peaks()
    step = fine.secs
    zooms = tuple(_zoom(peaks, step, points) for points in POINTS if points <= len(peaks)) or (
        _zoom(peaks, step, max(len(peaks), 1)),
    )
    return Outline(frames / rate, rate, peaks.shape[1], zooms)


class _Fine:
    """Peaks of every 10 ms."""

    def __init__(self, rate: int) -> None:
        self._hop = max(round(rate * MIN_POINT_SECS), 1)
        self._parts: list[FloatArray] = []
        self._rest: FloatArray | None = None
        self.secs = self._hop / rate

    def append(self, block: FloatArray) -> None:
        joined = block if self._rest is None else np.concatenate((self._rest, block))
        whole = len(joined) // self._hop * self._hop
        self._rest = joined[whole:].copy()
        if whole:
            framed = np.abs(joined[:whole]).reshape(-1, self._hop, joined.shape[1])
            self._parts.append(framed.max(axis=1).astype(np.float32))

    def peaks(self) -> FloatArray:
        """Shape (points, channels)."""
        parts = list(self._parts)
        if self._rest is not None and len(self._rest):
            parts.append(np.abs(self._rest).max(axis=0, keepdims=True).astype(np.float32))
        return np.concatenate(parts)


def _zoom(peaks: FloatArray, step_secs: float, points: int) -> dict[str, Any]:
    """At most `points` points of equal length."""
    per_point = -(-len(peaks) // points)
    starts = np.arange(0, len(peaks), per_point)
    coarse = np.maximum.reduceat(peaks, starts, axis=0)
    rounded = np.round(np.clip(coarse, 0.0, 1.0).astype(np.float64), 3)
    return {"secs_per_point": round(per_point * step_secs, 6), "peaks": rounded.T.tolist()}

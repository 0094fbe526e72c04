"""One channel at 16 kHz, kept as 16-bit samples in memory or, for long calls, in a temporary file."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from types import TracebackType

import numpy as np
import numpy.typing as npt

RATE = 16_000  # Hz; the rate that the speech detector was trained on
HOP = 80  # samples; 5 ms, the grid of every frame level
HOP_SECS = HOP / RATE
FLOOR_POWER = 10.0**-9.6  # -96 dBFS, the resolution of 16-bit samples
_SECTION = 600 * RATE  # samples
_IN_MEMORY = 16 << 20  # bytes per channel: 8.7 minutes; four tracks stay under 64 MB

FloatArray = npt.NDArray[np.float32]


class PowerMeter:
    """Mean power of every whole 5 ms frame of what is appended, at least -96 dBFS."""

    def __init__(self) -> None:
        self._rest: FloatArray = np.zeros(0, np.float32)
        self._parts: list[FloatArray] = []

    def append(self, block: FloatArray) -> None:
        joined = np.concatenate((self._rest, block)) if len(self._rest) else block
        whole = len(joined) // HOP * HOP
        self._rest = joined[whole:].copy()
        if whole:
            frames = joined[:whole].reshape(-1, HOP)
            # The frame's own mean is taken off: a DC offset and mains rumble are not sound.
            power = np.einsum("ij,ij->i", frames, frames) / HOP - frames.mean(axis=1) ** 2
            self._parts.append(np.maximum(power, FLOOR_POWER).astype(np.float32))

    def powers(self) -> FloatArray:
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0] if self._parts else np.zeros(0, np.float32)


def sections(samples: int) -> list[tuple[int, int]]:
    """Stretches of about ten minutes: what is learned from a call is learned anew in each, in bounded
    memory."""
    count = max(round(samples / _SECTION), 1)
    cuts = [samples * k // count // HOP * HOP for k in range(count)] + [samples]
    return list(pairwise(cuts))


class Track:
    """Append-only samples of one channel, with the mean power of every whole 5 ms frame."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by close()
        self._meter = PowerMeter()
        self.samples = 0

    def __enter__(self) -> Track:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def secs(self) -> float:
        return self.samples / RATE

    def append(self, block: FloatArray) -> None:
        """Add samples in -1..1; louder ones are clipped."""
        self._file.seek(0, 2)
        self._file.write((np.clip(block, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
        self.samples += len(block)
        self._meter.append(block)

    def powers(self) -> FloatArray:
        """Mean power per 5 ms frame, at least -96 dBFS; shape (samples // 80,)."""
        return self._meter.powers()

    def read(self, start: int, stop: int) -> FloatArray:
        """Samples start..stop in -1..1; beyond either end it is silence, so the length is always stop -
        start."""
        lo, hi = max(start, 0), min(stop, self.samples)
        out = np.zeros(max(stop - start, 0), np.float32)
        if hi > lo:
            self._file.seek(2 * lo)
            raw = np.frombuffer(self._file.read(2 * (hi - lo)), "<i2")
            np.multiply(raw, np.float32(1 / 32767), out=out[lo - start : hi - start])
        return out

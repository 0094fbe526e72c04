"""Stretches of speech: probabilities to runs, and what one may do with runs. All times in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .track import FloatArray
from .vad import WINDOW_SECS


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of speech. `peak` is the detector's best probability; the two errors say how far an edge
    may be off."""

    start: float
    end: float
    peak: float = 1.0
    start_error_secs: float = 0.02
    end_error_secs: float = 0.02

    @property
    def secs(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Thresholds:
    on: float = 0.5
    off: float = 0.35
    min_secs: float = 0.1
    min_peak: float = 0.55


QUIET = Thresholds()  # short words peak at .58-.65
NOISY = Thresholds(min_secs=0.15, min_peak=0.8)
GAP_SECS = 0.2  # the detector drops out inside words this long


def from_probabilities(probabilities: FloatArray, rule: Thresholds, length_secs: float) -> list[Run]:
    """Hysteresis, then gaps under 200 ms closed, then short and unsure runs dropped."""
    above = probabilities >= rule.off
    edges = np.flatnonzero(np.diff(np.concatenate(([False], above, [False])).astype(np.int8))).reshape(-1, 2)
    runs = []
    for first, last in edges.tolist():
        sure = np.flatnonzero(probabilities[first:last] >= rule.on)
        if len(sure):
            start = (first + int(sure[0])) * WINDOW_SECS
            end = min(last * WINDOW_SECS, length_secs)
            runs.append(Run(start, end, float(probabilities[first:last].max())))
    return [r for r in close_gaps(runs, GAP_SECS) if r.secs >= rule.min_secs and r.peak >= rule.min_peak]


def close_gaps(runs: Sequence[Run], under_secs: float) -> list[Run]:
    """Join neighbours whose gap is shorter than this (overlapping ones always)."""
    joined: list[Run] = []
    for run in sorted(runs, key=lambda r: r.start):
        if joined and run.start - joined[-1].end < under_secs:
            joined[-1] = join(joined[-1], run)
        else:
            joined.append(run)
    return joined


def join(first: Run, second: Run) -> Run:
    later = second if second.end >= first.end else first
    return Run(
        first.start, later.end, max(first.peak, second.peak), first.start_error_secs, later.end_error_secs
    )


def spoken_secs(runs: Iterable[Run], start: float, end: float) -> float:
    """How much of start..end the runs cover."""
    return sum(max(0.0, min(r.end, end) - max(r.start, start)) for r in runs)


def frames_mask(
    runs: Iterable[Run], frames: int, hop_secs: float, pad_secs: float = 0.0
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """True for the frames inside a run widened by `pad_secs` on both sides."""
    mask = np.zeros(frames, bool)
    for run in runs:
        lo = max(int((run.start - pad_secs) / hop_secs), 0)
        mask[lo : max(int(np.ceil((run.end + pad_secs) / hop_secs)), lo)] = True
    return mask

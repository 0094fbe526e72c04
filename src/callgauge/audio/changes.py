"""Where a word begins and ends under a steady noise: the likeliest moment of change.

A detector that is sure of its frames must smooth them, which widens loud words, and it misses soft ends. With
the speech found and the noise's spectrum known, only two moments are left to ask for: each is where the
evidence of "speech and noise" against "noise alone", summed from inside the word, is highest (CUSUM).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .edges import Levels
from .runs import Run, close_gaps, frames_mask
from .track import FLOOR_POWER, RATE, FloatArray, Track

_START_SPAN, _END_SPAN = 256, 512  # samples in a frame: starts are sharp, ends a hum that long frames resolve
_HOP = 64  # samples (4 ms) from frame to frame
_HOP_SECS = _HOP / RATE
_OUT_SECS, _IN_SECS = 0.15, 0.10  # how far a word may reach beyond its first edges, and they beyond it
_STEADY_DB = 2.0  # P80 - P20 of the noise; in one that changes more, the noise itself makes edges
_APART_SECS = 0.12  # between speech and what the noise is learned from
_LOCAL = RATE * 5 // 2  # samples; noise is learned in such stretches
_PSEUDO = 20  # frames that the noise of the whole call counts beside that of the stretches near
_FLOOR = 8.0  # log-likelihood ratio against speech that one frame may give at most
_BATCH = 64  # edges looked at together

# From and to Hz, speech over noise that is expected there, log prior: a word may begin or fade out as a hum,
# as a vowel, as a whole, or as the hiss of an s under 4 kHz or over it.
_SOUNDS = (
    (125, 500, 2.0, 0.0),
    (125, 1250, 1.0, 0.0),
    (125, 4000, 0.5, 0.0),
    (1875, 4000, 0.7, -1.0),
    (4000, 7750, 0.7, -1.0),
)
# Evidence that a frame of speech must bring at 12 dB, and for each dB above. The more the speech stands out
# of the noise, the less of it can be hidden there, most of all at ends, which are softer than beginnings.
_LEAST_SNR_DB = 12.0
_START_DOUBT, _START_DOUBT_PER_DB = 2.0, 0.1
_END_DOUBT_PER_DB = 0.22


@dataclass(frozen=True, slots=True)
class _Edge:
    """What is known of one edge. Seconds."""

    run: int
    near: float
    low: float
    high: float


def refine_steady(track: Track, runs: list[Run], levels: Levels) -> list[Run]:
    """Move the edges of runs to where the evidence changes; where the noise is not steady, they stay."""
    if levels.spread_db > _STEADY_DB or not runs:
        return runs
    starts = _moments(track, runs, levels.snr_db, ends=False)
    ends = _moments(track, runs, levels.snr_db, ends=True)
    refined = [
        replace(run, start=start, end=end) if end > start else run
        for run, start, end in zip(runs, starts, ends, strict=True)
    ]
    return close_gaps(refined, 0.0)


def _moments(track: Track, runs: Sequence[Run], snr_db: float, *, ends: bool) -> list[float]:
    """When each run begins, or ends. None is sought in another run, nor beyond the run's own other edge."""
    edges = []
    for index, run in enumerate(runs):
        before = runs[index - 1].end if index else 0.0
        after = runs[index + 1].start if index + 1 < len(runs) else track.secs
        if ends:
            low, high = max(run.end - _IN_SECS, run.start), min(run.end + _OUT_SECS, after)
            edges.append(_Edge(index, run.end, low, high))
        else:
            low, high = max(run.start - _OUT_SECS, before), min(run.start + _IN_SECS, run.end)
            edges.append(_Edge(index, run.start, low, high))
    span = _END_SPAN if ends else _START_SPAN
    noise = _Noise.of(track, runs, span)
    if noise is None:
        return [edge.near for edge in edges]
    over_db = max(snr_db - _LEAST_SNR_DB, 0.0)
    doubt = _END_DOUBT_PER_DB * over_db if ends else _START_DOUBT + _START_DOUBT_PER_DB * over_db
    found: list[float] = []
    for first in range(0, len(edges), _BATCH):
        found += _changes(track, edges[first : first + _BATCH], noise, doubt, ends=ends)
    return found


@dataclass(frozen=True, slots=True)
class _Noise:
    """Power per bin of what is not speech, by stretches of 2.5 s: its sum and the number of its frames."""

    span: int
    sums: FloatArray
    counts: FloatArray
    mean: FloatArray

    @classmethod
    def of(cls, track: Track, runs: Sequence[Run], span: int) -> _Noise | None:
        """None where hardly anything is not speech."""
        speech = frames_mask(runs, track.samples // span, span / RATE, _APART_SECS)
        cuts = [*range(0, max(track.samples - _LOCAL // 2, 1), _LOCAL), track.samples]
        sums = np.zeros((len(cuts) - 1, span // 2 + 1), np.float32)
        counts = np.zeros(len(cuts) - 1, np.float32)
        for index, (start, stop) in enumerate(pairwise(cuts)):
            first, last = start // span, stop // span
            frames = np.flatnonzero(~speech[first:last])
            if len(frames):
                sound = track.read(first * span, last * span).reshape(-1, span)
                sums[index] = _powers(sound[frames]).sum(axis=0)
                counts[index] = len(frames)
        if counts.sum() < _PSEUDO:
            return None
        mean = np.maximum(sums.sum(axis=0) / counts.sum(), FLOOR_POWER * span)
        return cls(span, sums, counts, mean.astype(np.float32))

    def near(self, secs: float) -> FloatArray:
        """At a moment, shape (span // 2 + 1,): of its stretch and the two beside it, shrunk towards the
        call's."""
        at = min(int(secs * RATE) // _LOCAL, len(self.counts) - 1)
        around = slice(max(at - 1, 0), at + 2)
        total = self.sums[around].sum(axis=0) + _PSEUDO * self.mean
        mean: FloatArray = total / (self.counts[around].sum() + _PSEUDO)
        return mean


def _powers(frames: FloatArray) -> FloatArray:
    spectra = np.fft.rfft(frames * np.hanning(frames.shape[-1]).astype(np.float32))
    power: FloatArray = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    return power


def _changes(track: Track, edges: Sequence[_Edge], noise: _Noise, doubt: float, *, ends: bool) -> list[float]:
    """The moment of each edge, in seconds."""
    half = noise.span // 2
    length = int((_OUT_SECS + _IN_SECS) * RATE)
    firsts = [int((edge.near - (_IN_SECS if ends else _OUT_SECS)) * RATE) for edge in edges]
    sound = np.stack([track.read(first - half, first + length + half) for first in firsts])
    frames = np.lib.stride_tricks.sliding_window_view(sound, noise.span, axis=1)[:, ::_HOP]
    local = np.stack([noise.near(edge.near) for edge in edges])
    evidence = _evidence(_powers(frames) / local[:, None]) - doubt
    found = []
    for edge, first, values in zip(edges, firsts, np.maximum(evidence, -_FLOOR), strict=True):
        start = first / RATE  # of the search: its first frame is centred there
        low = max(round((edge.low - start) / _HOP_SECS), 0)
        inside = values[low : max(round((edge.high - start) / _HOP_SECS), low + 1)]
        if ends:
            at = int(np.argmax(np.cumsum(inside))) + 0.5
        else:
            at = int(np.argmax(np.cumsum(inside[::-1])[::-1])) - 0.5
        found.append(min(max(start + (low + at) * _HOP_SECS, edge.low), edge.high))
    return found


def _evidence(ratio: FloatArray) -> FloatArray:
    """Log-likelihood ratio of speech, shape (edges, frames), from powers over the noise's, shape (edges,
    frames, bins).

    Powers of a bin are exponentially distributed, so a bin gives g·x/(1 + x) - log(1 + x) for speech of x
    times the noise's power.
    """
    bin_hz = RATE / 2 / (ratio.shape[2] - 1)
    total = np.cumsum(ratio, axis=2)
    sounds = []
    for low_hz, high_hz, over, prior in _SOUNDS:
        low, high = round(low_hz / bin_hz), round(high_hz / bin_hz)
        power = total[:, :, high - 1] - total[:, :, low - 1]
        sounds.append(power * (over / (1 + over)) - (high - low) * np.log1p(over) + prior)
    evidence: FloatArray = np.logaddexp.reduce(sounds, axis=0)
    return evidence

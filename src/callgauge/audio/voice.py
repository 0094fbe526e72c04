"""The pitch of a voice and how steady it is: autocorrelation by FFT over voiced frames, in numpy.

P. Boersma (1993), Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio
of a sampled sound: the windowed autocorrelation divided by that of the window, a small bonus for the higher
of two octaves, and a parabola through the peak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .runs import Run
from .track import RATE, FloatArray, Track

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
_STEP = 2  # every second sample: 8 kHz hold all harmonics that decide
_RATE = RATE // _STEP
_FRAME = int(0.05 * _RATE)  # three periods of the lowest voice
_HOP = int(0.02 * _RATE)
_SIZE = 1024  # points of the FFT: no lag wraps around
_VOICED = 0.5  # height of the peak from which on a frame counts as voiced
_OCTAVE_COST = 0.01
_QUIET_POWER = 1e-6  # -60 dBFS
_BATCH = 2_000  # frames; 16 MB of spectra
MIN_VOICED_FRAMES = 25  # half a second: less says nothing of a voice
_STEADY_SHARE = 0.2  # neighbouring frames further apart than this are another sound, not jitter


@dataclass(frozen=True, slots=True)
class Voice:
    """Of one party. The distribution is over voiced frames of 50 ms, every 20 ms."""

    pitch_median_hz: float
    pitch_mean_hz: float
    pitch_p10_hz: float
    pitch_p90_hz: float
    jitter: float
    """Median change of the period from one frame to the next, as a share of it."""
    voiced_secs: float


def measure(track: Track, runs: Sequence[Run]) -> Voice | None:
    """None where hardly anything is voiced."""
    pitches = [_pitches(frames) for frames in _frames(track, runs)]
    if not pitches:
        return None
    joined = np.concatenate(pitches)
    voiced = joined[joined > 0]
    if len(voiced) < MIN_VOICED_FRAMES:
        return None
    low, high = np.percentile(voiced, (10, 90))
    return Voice(
        float(np.median(voiced)),
        float(voiced.mean()),
        float(low),
        float(high),
        _jitter(joined),
        len(voiced) * _HOP / _RATE,
    )


def _frames(track: Track, runs: Sequence[Run]) -> Iterator[FloatArray]:
    """Frames of the speech, at 8 kHz, in batches of shape (frames, samples)."""
    longest = _BATCH * _HOP * _STEP
    for run in runs:
        start, stop = int(run.start * RATE), int(run.end * RATE)
        for at in range(start, stop, longest):
            sound = track.read(at, min(at + longest + _FRAME * _STEP, stop))
            half = (sound[: len(sound) // _STEP * _STEP].reshape(-1, _STEP)).mean(axis=1)
            if len(half) >= _FRAME:
                yield np.lib.stride_tricks.sliding_window_view(half, _FRAME)[::_HOP]


_WINDOW = np.hanning(_FRAME).astype(np.float32)
_WINDOW_OWN = np.fft.irfft(np.abs(np.fft.rfft(_WINDOW, _SIZE)) ** 2)[: _SIZE // 2]
_LAGS = np.arange(int(_RATE / HIGHEST_HZ), int(_RATE / LOWEST_HZ) + 2)


def _pitches(frames: FloatArray) -> FloatArray:
    """Hz per frame, 0 where it is not voiced."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    loud = (centred**2).mean(axis=1) > _QUIET_POWER
    spectrum = np.fft.rfft(centred * _WINDOW, _SIZE, axis=1)
    own = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, : _SIZE // 2]
    shape = own / np.maximum(own[:, :1], 1e-12) / np.maximum(_WINDOW_OWN / _WINDOW_OWN[0], 1e-3)
    heights = shape[:, _LAGS]
    best = np.argmax(heights - _OCTAVE_COST * np.log2(LOWEST_HZ * _LAGS / _RATE), axis=1)
    best = np.clip(best, 1, len(_LAGS) - 2)
    row = np.arange(len(frames))
    before, at, after = heights[row, best - 1], heights[row, best], heights[row, best + 1]
    bend = before - 2 * at + after
    shift = np.where(np.abs(bend) > 1e-9, (before - after) / (2 * np.where(bend == 0, 1, bend)), 0.0)
    hz = _RATE / (_LAGS[best] + np.clip(shift, -0.5, 0.5))
    return np.where(loud & (at > _VOICED), hz, 0.0).astype(np.float32)


def _jitter(pitches: FloatArray) -> float:
    pairs = np.stack((pitches[:-1], pitches[1:]))
    pairs = pairs[:, (pairs > 0).all(axis=0)]
    change = np.abs(pairs[1] - pairs[0]) / np.maximum(pairs[0], 1.0)
    change = change[change < _STEADY_SHARE]
    return float(np.median(change)) if len(change) else 0.0

"""Beeps: a pure tone of a fraction of a second, as answering machines give before they record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .track import RATE, FloatArray, Track

SEARCHED_SECS = 180.0
"""A machine answers at the start of a call; later tones are hold music, keys and ring-back."""
MIN_SECS, MAX_SECS = 0.15, 1.6
"""Shorter ones are clicks and key tones; longer ones are fax, ring-back and lost lines."""
LOWEST_HZ, HIGHEST_HZ = 350.0, 2_600.0
_FRAME, _HOP = 512, 256  # samples; 32 ms, 16 ms
_PURE_SHARE = 0.85  # of the power within two bins of the peak: two tones (keys, ring-back) have half each
_LOUD_POWER = 10**-4.5  # -45 dBFS
_STEADY_HZ = 20.0
_BATCH_SECS = 30.0


@dataclass(frozen=True, slots=True)
class Beep:
    channel: int
    start: float
    end: float
    hz: float


def find(track: Track, channel: int) -> list[Beep]:
    """In the order of time."""
    beeps: list[Beep] = []
    since, pitch = None, 0.0
    at = 0.0
    for at, hz in _tones(track):
        if since is not None and (not hz or abs(hz - pitch) > _STEADY_HZ):
            beeps += _if_beep(channel, since, at, pitch)
            since = None
        if hz and since is None:
            since, pitch = at, hz
    return beeps + (_if_beep(channel, since, at, pitch) if since is not None else [])


def _if_beep(channel: int, start: float, stop: float, hz: float) -> list[Beep]:
    """`start` and `stop` are those of frames; the tone reaches to the end of the last whole one."""
    end = stop - _HOP / RATE + _FRAME / RATE
    return [Beep(channel, start, end, hz)] if MIN_SECS <= end - start <= MAX_SECS else []


def _tones(track: Track) -> list[tuple[float, float]]:
    """(time, Hz) per frame; 0 Hz where it is no pure tone."""
    length = min(track.samples, int(SEARCHED_SECS * RATE))
    batch = int(_BATCH_SECS * RATE) // _HOP * _HOP
    found = []
    for start in range(0, length, batch):
        sound = track.read(start, min(start + batch + _FRAME - _HOP, length))
        if len(sound) >= _FRAME:
            hz = _pure(np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_HOP])
            found += [((start + index * _HOP) / RATE, float(one)) for index, one in enumerate(hz)]
    return found


_WINDOW = np.hanning(_FRAME).astype(np.float32)


def _pure(frames: FloatArray) -> FloatArray:
    hz = np.zeros(len(frames), np.float32)
    (loud,) = np.nonzero((frames**2).mean(axis=1) > _LOUD_POWER)
    if not len(loud):
        return hz
    power = np.abs(np.fft.rfft(frames[loud] * _WINDOW, axis=1)) ** 2
    power[:, 0] = 0.0
    peak = np.clip(np.argmax(power, axis=1), 2, power.shape[1] - 3)
    near = power[np.arange(len(loud))[:, None], peak[:, None] + np.arange(-2, 3)]
    share = near.sum(axis=1) / np.maximum(power.sum(axis=1), 1e-12)
    centre = (near * (peak[:, None] + np.arange(-2, 3))).sum(axis=1) / np.maximum(near.sum(axis=1), 1e-12)
    pitch = centre * RATE / _FRAME
    pure = (share > _PURE_SHARE) & (pitch >= LOWEST_HZ) & (pitch <= HIGHEST_HZ)
    hz[loud[pure]] = pitch[pure]
    return hz

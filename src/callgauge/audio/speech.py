"""From tracks to each party's runs of speech: cross-talk removed, speech detected, edges refined."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import changes, crosstalk, edges, foreground, vad
from .crosstalk import Cleaned, Leak
from .runs import NOISY, QUIET, Run, from_probabilities
from .track import FLOOR_POWER, HOP, FloatArray, Track

_EXPLAINED_SHARE = 0.6  # of a detector window: the window holds nothing but the other party's leak
_NOISY_SNR_DB = 30.0  # under it energy alone no longer shows where a word ends


@dataclass(frozen=True, slots=True)
class Heard:
    """One channel as understood: its runs of speech, its levels, and the other party's leak into it."""

    runs: list[Run]
    levels: edges.Levels
    leak: Leak | None


def listen_mono(track: Track) -> list[Run]:
    return _runs(track, vad.probabilities(track))[0]


def listen(left: Track, right: Track) -> tuple[Heard, Heard]:
    """Both channels of a call, each freed of the other's leak."""
    return _hear(left, right), _hear(right, left)


def _hear(track: Track, other: Track) -> Heard:
    cleaned = crosstalk.remove(other, track)
    if cleaned is None:
        runs, levels = _runs(track, vad.probabilities(track))
        return Heard(runs, levels, None)
    with cleaned.track:
        probability = _without_leak(vad.probabilities(cleaned.track), cleaned)
        runs, levels = _runs(cleaned.track, probability, cleaned.explained)
    return Heard(runs, levels, cleaned.leak)


def _without_leak(probability: FloatArray, cleaned: Cleaned) -> FloatArray:
    """Probability 0 for the windows that the leak explains."""
    frames = np.concatenate(([0], np.cumsum(cleaned.explained)))
    starts = np.minimum(np.arange(len(probability)) * vad.WINDOW // HOP, len(frames) - 1)
    stops = np.minimum(starts + vad.WINDOW // HOP + 1, len(frames) - 1)
    share = (frames[stops] - frames[starts]) / np.maximum(stops - starts, 1)
    return np.where(share > _EXPLAINED_SHARE, np.float32(0.0), probability)


def _runs(
    track: Track, probability: FloatArray, explained: edges.Flags | None = None
) -> tuple[list[Run], edges.Levels]:
    """Runs with their edges where they belong, by energy on a quiet channel, by a model of both on a
    noisy one, and by change points where its noise is steady."""
    powers = track.powers()
    runs = from_probabilities(probability, QUIET, track.secs)
    levels = edges.measure_levels(powers, runs, explained)
    if levels.snr_db < _NOISY_SNR_DB:
        runs = foreground.find_runs(track, probability, NOISY)
        levels = edges.measure_levels(powers, runs, explained)
        return changes.refine_steady(track, runs, levels), levels
    if explained is not None:
        powers = np.where(explained, np.float32(FLOOR_POWER), powers)
        levels = replace(levels, frame_db=edges.decibels(powers))
    return edges.refine_quiet(runs, levels, explained), levels

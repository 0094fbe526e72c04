"""From tracks to each party's runs of speech: detector, cross-talk, edges."""

from __future__ import annotations

from dataclasses import dataclass

from . import edges, vad
from .runs import NOISY, QUIET, Run, from_probabilities
from .track import FloatArray, Track


@dataclass(frozen=True, slots=True)
class LeakFound:
    gain_db: float
    delay_ms: float
    drift_ppm: float
    removed: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """One channel as understood: its runs of speech, its levels, and the other party's leak into it."""

    runs: list[Run]
    levels: edges.Levels
    leak: LeakFound | None


def listen_mono(track: Track) -> list[Run]:
    return _runs(track, vad.probabilities(track))[0]


def listen(left: Track, right: Track) -> tuple[Heard, Heard]:
    """Both channels of a call, each freed of the other's leak."""
    return _hear(left), _hear(right)


def _hear(track: Track) -> Heard:
    runs, levels = _runs(track, vad.probabilities(track))
    return Heard(runs, levels, None)


_NOISY_SNR_DB = 26.0  # under it energy alone no longer shows where a word ends


def _runs(track: Track, probability: FloatArray) -> tuple[list[Run], edges.Levels]:
    powers = track.powers()
    runs = from_probabilities(probability, QUIET, track.secs)
    levels = edges.measure_levels(powers, runs)
    if levels.snr_db < _NOISY_SNR_DB:
        runs = from_probabilities(probability, NOISY, track.secs)
        levels = edges.measure_levels(powers, runs)
        return runs, levels
    return edges.refine_quiet(runs, levels), levels

"""Where a word really begins and ends: the energy rule for quiet channels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .runs import Run, close_gaps, frames_mask
from .track import FLOOR_POWER, HOP_SECS, FloatArray

_UNDER_PEAK_DB = 36.0  # what is audible beside the run's loud part, a final s included
_OVER_FLOOR_DB = 5.0
_BEFORE_SECS, _ONSET_AFTER_SECS, _OFFSET_AFTER_SECS = 0.30, 0.25, 0.20  # how far the detector may be off
_BREAK = 24  # frames (120 ms) under the threshold end a sound; the closure of a p or t is shorter
_FOLLOWED = 80  # frames (0.4 s) that a sound may go on beyond the search
_FLOOR_SPAN_SECS = 3.0

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of one channel: dB per frame of 10 ms every 5 ms, its floor outside speech and its speech
    level."""

    frame_db: FloatArray
    floor_db: float
    speech_db: float
    spread_db: float
    """P80 - P20 of the noise alone: 0-2 for hiss, more for a changing noise."""

    @property
    def snr_db(self) -> float:
        return self.speech_db - self.floor_db


def decibels(powers: FloatArray) -> FloatArray:
    """dB of 10 ms frames every 5 ms from powers of 5 ms frames."""
    pairs = powers.copy()
    pairs[:-1] = 0.5 * (powers[:-1] + powers[1:])
    return (10.0 * np.log10(np.maximum(pairs, FLOOR_POWER))).astype(np.float32)


def measure_levels(powers: FloatArray, runs: list[Run], ignore: Flags | None = None) -> Levels:
    """Floor and speech level, given a first idea of where the speech is; `ignore` marks frames that are
    neither."""
    frame_db = decibels(powers)
    known = np.ones(len(frame_db), bool) if ignore is None else ~ignore
    near = frames_mask(runs, len(frame_db), HOP_SECS, 0.15)
    inside = frames_mask(runs, len(frame_db), HOP_SECS)
    noise = frame_db[~near & known]
    if len(noise) < 40:
        noise = (
            frame_db[frame_db <= np.percentile(frame_db, 15)]
            if len(frame_db)
            else np.full(1, -96.0, np.float32)
        )
    low, middle, high = (float(v) for v in np.percentile(noise, (20, 50, 80)))
    speech = float(np.percentile(frame_db[inside], 80)) if inside.any() else middle
    return Levels(frame_db, middle, speech, high - low)


def _loud_db(run: Run, levels: Levels) -> float:
    part = levels.frame_db[int(run.start / HOP_SECS) : int(np.ceil(run.end / HOP_SECS))]
    return float(np.percentile(part, 95)) if len(part) else levels.floor_db


def refine_quiet(runs: list[Run], levels: Levels, ignore: Flags | None = None) -> list[Run]:
    """Move both edges of each run to where the energy crosses a threshold under the run's own loud level.

    `ignore` marks frames that say nothing of the floor: silenced ones would put it under the line's noise,
    and that would be taken for speech.
    """
    unknown = frames_mask(runs, len(levels.frame_db), HOP_SECS, 0.25)
    if ignore is not None:
        unknown |= ignore
    outside = np.where(unknown, np.nan, levels.frame_db)
    refined = []
    for index, run in enumerate(runs):
        after = runs[index - 1].end if index else 0.0
        before = runs[index + 1].start if index + 1 < len(runs) else len(levels.frame_db) * HOP_SECS
        refined.append(_refine_one(run, levels, outside, after, before))
    return close_gaps(refined, 0.0)


def _refine_one(run: Run, levels: Levels, outside: FloatArray, after: float, before: float) -> Run:
    threshold = max(
        _loud_db(run, levels) - _UNDER_PEAK_DB, _local_floor(run, levels, outside) + _OVER_FLOOR_DB
    )
    onset = _first_above(
        levels.frame_db,
        threshold,
        max(run.start - _BEFORE_SECS, after),
        min(run.start + _ONSET_AFTER_SECS, run.end),
        after,
    )
    offset = _last_above(
        levels.frame_db,
        threshold,
        max(run.end - _BEFORE_SECS, run.start),
        min(run.end + _OFFSET_AFTER_SECS, before),
        before,
    )
    start = run.start if onset is None else onset
    end = run.end if offset is None else offset
    if end <= start:
        return run
    return replace(run, start=start, end=end, start_error_secs=0.01, end_error_secs=0.015)


def _local_floor(run: Run, levels: Levels, outside: FloatArray) -> float:
    lo = max(int((run.start - _FLOOR_SPAN_SECS) / HOP_SECS), 0)
    hi = int((run.end + _FLOOR_SPAN_SECS) / HOP_SECS)
    near = outside[lo:hi]
    near = near[~np.isnan(near)]
    return float(np.percentile(near, 50)) if len(near) >= 20 else levels.floor_db


def _first_above(
    frame_db: FloatArray, threshold: float, start: float, end: float, least: float
) -> float | None:
    """The beginning of the sound that leads into the run, sought in start..end and followed back from there.

    A click before the word must not count, so of several stretches the last that is 100 ms long is taken.
    """
    lo, hi = int(start / HOP_SECS), int(end / HOP_SECS)
    hits = np.flatnonzero(frame_db[lo:hi] >= threshold)
    if not len(hits):
        return None
    breaks = np.flatnonzero(np.diff(hits) > _BREAK)
    late = int(hits[breaks[-1] + 1]) if len(breaks) else int(hits[0])
    first = late if int(hits[-1]) - late >= 20 else int(hits[0])
    frame = lo + first
    if first <= 2:
        frame = _follow(frame_db, threshold, frame, max(int(least / HOP_SECS), 0), -1)
    return (frame + 1) * HOP_SECS


def _last_above(
    frame_db: FloatArray, threshold: float, start: float, end: float, most: float
) -> float | None:
    lo, hi = int(start / HOP_SECS), int(np.ceil(end / HOP_SECS))
    hits = np.flatnonzero(frame_db[lo:hi] >= threshold)
    if not len(hits):
        return None
    frame = lo + int(hits[-1])
    if frame >= hi - 3:
        frame = _follow(frame_db, threshold, frame, min(int(most / HOP_SECS), len(frame_db) - 1), 1)
    return (frame + 1) * HOP_SECS


def _follow(frame_db: FloatArray, threshold: float, frame: int, limit: int, step: int) -> int:
    """Where a sound that reaches the end of the search really ends: the last frame before a break, within
    0.4 s."""
    last = frame
    for _ in range(_FOLLOWED):
        frame += step
        if (limit - frame) * step < 0 or abs(frame - last) > _BREAK:
            break
        if frame_db[frame] >= threshold:
            last = frame
    return last

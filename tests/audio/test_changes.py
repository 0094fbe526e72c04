"""Edges of words under noise: moved to where the evidence changes, kept where noise itself makes edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from callgauge.audio.changes import refine_steady
from callgauge.audio.edges import Levels, measure_levels
from callgauge.audio.runs import Run
from callgauge.audio.track import Track

from .stage import Stage

WIDER_SECS = 0.03
"""What a smoothed detector adds to loud words on both sides."""


def heard(noise_db: float) -> tuple[Track, list[Run], Levels]:
    """Three words in white noise, and their runs as `true`."""
    stage = Stage(10.0)
    for name in ("short", "long", "short"):
        stage.say("agent", name)
    track = Track()
    track.append(stage.stereo(noise_db)[:, 0])
    true = [Run(start, end) for start, end in stage.speech["agent"]]
    return track, true, measure_levels(track.powers(), true)


def errors_ms(runs: list[Run], true: list[Run]) -> np.ndarray:
    """Rows of start and end, later than the truth being positive."""
    return np.array(
        [(1000 * (r.start - t.start), 1000 * (r.end - t.end)) for r, t in zip(runs, true, strict=True)]
    )


def test_words_that_are_too_wide_are_cut_to_size() -> None:
    track, true, levels = heard(-50.0)
    assert 20 < levels.snr_db < 30
    wide = [Run(r.start - WIDER_SECS, r.end + WIDER_SECS) for r in true]
    found = errors_ms(refine_steady(track, wide, levels), true)
    assert np.abs(found).mean() < 15, found


def test_soft_beginnings_and_ends_are_found_again() -> None:
    track, true, levels = heard(-50.0)
    tight = [Run(r.start + 0.08, r.end - 0.08) for r in true]
    found = errors_ms(refine_steady(track, tight, levels), true)
    assert np.abs(found).mean() < 25, found


def test_a_noise_that_changes_moves_nothing() -> None:
    track, true, levels = heard(-50.0)
    wide = [Run(r.start - WIDER_SECS, r.end + WIDER_SECS) for r in true]
    assert refine_steady(track, wide, replace(levels, spread_db=4.0)) == wide


def test_speech_without_a_pause_to_learn_the_noise_from_keeps_its_edges() -> None:
    track, _, levels = heard(-50.0)
    whole = [Run(0.0, track.secs)]
    assert refine_steady(track, whole, levels) == whole
    assert refine_steady(track, [], levels) == []

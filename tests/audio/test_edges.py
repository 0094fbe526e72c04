"""The energy rule for quiet channels, on levels made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from callgauge.audio.edges import decibels, measure_levels, refine_quiet
from callgauge.audio.runs import Run
from callgauge.audio.track import FLOOR_POWER, HOP_SECS

SPEECH_DB, HISS_DB = -20.0, -54.0


def frames(secs):
    return round(secs / HOP_SECS)


def powers(secs, *spoken):
    """Hiss, and speech from second to second; the hiss is steady, so that a threshold is over it or not."""
    level_db = np.full(frames(secs), HISS_DB)
    for start, end in spoken:
        level_db[frames(start) : frames(end)] = SPEECH_DB
    return (10 ** (level_db / 10)).astype(np.float32)


def roughly(start, end):
    """As the detector finds it: late, and beyond the end."""
    return Run(start + 0.06, end + 0.1, 0.9, 0.04, 0.06)


def test_the_floor_is_that_of_the_line_where_most_of_it_was_silenced():
    """The other party spoke all around this turn, and its leak was taken out."""
    spoken = (6.0, 8.0)
    heard = powers(14.0, spoken)
    silenced = np.zeros(len(heard), bool)
    silenced[frames(3.0) : frames(5.5)] = silenced[frames(8.4) : frames(11.0)] = True
    runs = [roughly(*spoken)]
    levels = measure_levels(heard, runs, silenced)
    assert levels.floor_db == pytest.approx(HISS_DB, abs=0.1)
    quiet = np.where(silenced, np.float32(FLOOR_POWER), heard)
    levels = replace(levels, frame_db=decibels(quiet))
    (run,) = refine_quiet(runs, levels, silenced)
    assert (run.start, run.end) == pytest.approx(spoken, abs=0.011)
    (wrong,) = refine_quiet(runs, levels)
    assert wrong.end > spoken[1] + 0.2, "the case shows nothing: the hiss is under the threshold anyway"

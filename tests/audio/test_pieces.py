"""Recordings cut up for speech to text: a channel each, where it is quiet, without what is silent."""

import io

import numpy as np
import pytest
import soundfile

from callgauge.audio import pieces
from callgauge.audio.pieces import cut
from callgauge.audio.track import RATE
from tests.recordings import sound, wav


def written(tmp_path, content, mixed=False):
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    return cut(str(path), str(tmp_path), mixed)


def test_each_channel_is_a_file_of_its_own(tmp_path):
    found = written(tmp_path, wav(agent=((0.5, 2.0),), caller=((2.5, 4.0),)))
    assert [one["channel"] for one in found] == [0, 1]
    for one, (start, end) in zip(found, ((0.5, 2.0), (2.5, 4.0)), strict=True):
        samples, rate = soundfile.read(one["file"])
        assert rate == RATE
        assert len(samples) == pytest.approx(6 * RATE, abs=10)
        loud = np.flatnonzero(np.abs(samples) > 0.05) / RATE
        assert (loud[0], loud[-1]) == (pytest.approx(start, abs=0.05), pytest.approx(end, abs=0.05))


def test_two_copies_of_one_sound_are_written_once(tmp_path):
    assert len(written(tmp_path, wav(), mixed=True)) == 1


def test_a_silent_channel_has_nothing_to_hear(tmp_path):
    found = written(tmp_path, wav(caller=()))
    assert found[0]["file"]
    assert found[1]["file"] is None


def test_the_one_channel_that_is_heard_is_written_where_the_first_is_silent(tmp_path):
    (found,) = written(tmp_path, wav(agent=()), mixed=True)
    samples, rate = soundfile.read(found["file"])
    loud = np.flatnonzero(np.abs(samples) > 0.05) / rate
    assert (loud[0], loud[-1]) == (pytest.approx(2.5, abs=0.05), pytest.approx(4.0, abs=0.05))


def test_cuts_are_where_it_is_quiet_and_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_SECS", 10.0)
    monkeypatch.setattr(pieces, "SEARCH_SECS", 4.0)
    spans = [(start, start + 2.4) for start in np.arange(0.2, 34, 3.0)]
    out = io.BytesIO()
    soundfile.write(out, sound(spans, 36.0, RATE), RATE, format="WAV")
    found = written(tmp_path, out.getvalue())
    starts = [one["start_secs"] for one in found]
    assert starts[0] == 0
    assert len(found) >= 4
    for start in starts[1:]:
        assert not any(begin < start < end for begin, end in spans), start
    lengths = [len(soundfile.read(one["file"])[0]) / RATE for one in found]
    assert max(lengths) <= 10
    assert sum(lengths) == pytest.approx(36.0, abs=0.01)

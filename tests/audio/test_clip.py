"""Clips for models that listen: the right part, the right channel, little memory, and clear refusals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from callgauge.audio import errors
from callgauge.audio.clip import BYTES_PER_SEC, cut
from callgauge.audio.track import RATE

SECS = 20.0
LEFT_HZ, RIGHT_HZ = 440.0, 1_000.0


def tones(rate: int, secs: float = SECS) -> Any:
    at = np.arange(int(secs * rate)) / rate
    return np.stack((np.sin(2 * np.pi * LEFT_HZ * at), np.sin(2 * np.pi * RIGHT_HZ * at)), axis=1) * 0.3


def strength(clip: bytes, hz: float) -> float:
    samples, rate = soundfile.read(io.BytesIO(clip))
    spectrum = np.abs(np.fft.rfft(samples)) / len(samples)
    near = round(hz * len(samples) / rate)
    return float(spectrum[near - 3 : near + 4].max())


@pytest.mark.parametrize(
    ("rate", "form", "subtype"),
    [(8_000, "WAV", "ULAW"), (44_100, "WAV", "PCM_16"), (16_000, "FLAC", None), (24_000, "OGG", "OPUS")],
)
def test_channels_and_their_mix(tmp_path: Path, rate: int, form: str, subtype: str | None) -> None:
    path = tmp_path / "call"
    soundfile.write(path, tones(rate), rate, format=form, subtype=subtype)
    left, right, both = (cut(path, 3.0, 8.5, channel=channel) for channel in (0, 1, None))
    for clip, has, lacks in ((left, LEFT_HZ, RIGHT_HZ), (right, RIGHT_HZ, LEFT_HZ)):
        assert strength(clip, has) > 30 * strength(clip, lacks)
    assert strength(both, LEFT_HZ) == pytest.approx(strength(both, RIGHT_HZ), rel=0.2)
    for clip in (left, right, both):
        info = soundfile.info(io.BytesIO(clip))
        assert (info.format, info.samplerate, info.channels) == ("MP3", RATE, 1)
        assert info.duration == pytest.approx(5.5, abs=0.1)
        assert len(clip) <= 5.6 * BYTES_PER_SEC


def test_the_part_begins_and_ends_where_it_should(tmp_path: Path) -> None:
    """A click each second, with the decoder's blocks of 4 s in between."""
    sound = np.zeros(int(SECS * 8_000), np.float32)
    sound[::8_000] = 0.9
    path = tmp_path / "clicks.wav"
    soundfile.write(path, sound, 8_000)
    samples, rate = soundfile.read(io.BytesIO(cut(path, 2.5, 14.5)))
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    clicks = [group[0] / rate for group in np.split(loud, np.flatnonzero(np.diff(loud) > rate / 4) + 1)]
    assert clicks == pytest.approx([0.5 + n for n in range(12)], abs=0.002)


def test_what_there_is_of_a_part_that_reaches_past_the_end(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, tones(8_000), 8_000)
    assert soundfile.info(io.BytesIO(cut(path, 18.0, 99.0))).duration == pytest.approx(2.0, abs=0.1)
    with pytest.raises(errors.EmptyFile, match="nothing from 30"):
        cut(path, 30.0, 40.0)
    with pytest.raises(errors.NoSuchChannel):
        cut(path, 0.0, 5.0, channel=2)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", errors.EmptyFile),
        (b"no sound at all, only words", errors.UnsupportedFormat),
        (b"RIFF\0\0\0\0WAVE" + b"\xff" * 300, errors.BrokenFile),
    ],
)
def test_files_that_are_no_sound(tmp_path: Path, content: bytes, kind: type[errors.AudioError]) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(kind):
        cut(path, 0.0, 5.0)


def test_a_short_part_of_a_long_file_is_all_that_memory_holds(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "hour.wav"
    with soundfile.SoundFile(path, "w", 8_000, 2, format="WAV", subtype="ULAW") as out:
        for _ in range(60):
            out.write(tones(8_000, 60.0))
    cut(path, 0.0, 1.0)
    tracemalloc.start()
    clip = cut(path, 1_800.0, 1_860.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(clip) > 400_000
    assert peak < 8 * 1024 * 1024

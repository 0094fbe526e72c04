"""Copies in which spans cannot be heard: every format, the edges, long files in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callgauge.audio.bleep import TONE_LEVEL, bleep
from callgauge.audio.errors import AudioError
from callgauge.audio.work import Unheard, redact

RATE = 16_000
SPANS = ((1.0, 2.0), (3.5, 3.6))


def loud(secs: float = 5.0, channels: int = 2, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.5, 0.5, (round(secs * rate), channels)).astype(np.float32)


def written(path: Path, sound: np.ndarray, rate: int = RATE, **options: str) -> Path:
    soundfile.write(str(path), sound, rate, **options)
    return path


@pytest.mark.parametrize(
    ("kind", "subtype", "rate"),
    [
        ("WAV", "PCM_16", 16_000),
        ("WAV", "ULAW", 8_000),
        ("WAV", "ALAW", 8_000),
        ("WAV", "PCM_24", 44_100),
        ("FLAC", "PCM_16", 16_000),
        ("OGG", "VORBIS", 16_000),
        ("OGG", "OPUS", 48_000),
        ("MP3", "MPEG_LAYER_III", 16_000),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_each_format_stays_itself_and_is_covered(
    tmp_path: Path, kind: str, subtype: str, rate: int, channels: int
) -> None:
    source = written(tmp_path / "a", loud(channels=channels, rate=rate), rate, format=kind, subtype=subtype)
    target = tmp_path / "b"
    bleep(source, target, SPANS)
    info = soundfile.info(str(target))
    assert (info.format, info.subtype, info.samplerate, info.channels) == (kind, subtype, rate, channels)
    sound, _ = soundfile.read(str(target), always_2d=True)
    slack = 0.06  # an encoder's delay and its ringing at an edge
    for start, end in SPANS[:1]:
        inside = sound[round((start + slack) * rate) : round((end - slack) * rate)]
        assert np.sqrt((inside**2).mean()) < TONE_LEVEL
    outside = sound[round(2.2 * rate) : round(3.3 * rate)]
    assert np.sqrt((outside**2).mean()) > 0.15


def test_not_one_sample_of_what_was_said_is_left(tmp_path: Path) -> None:
    sound = loud()
    source = written(tmp_path / "a.wav", sound, format="WAV", subtype="FLOAT")
    bleep(source, tmp_path / "b", ((1.00003, 2.00003),))
    made, _ = soundfile.read(str(tmp_path / "b"), always_2d=True, dtype="float32")
    first, last = int(1.00003 * RATE), int(np.ceil(2.00003 * RATE))
    assert np.abs(made[first:last]).max() <= TONE_LEVEL
    assert np.array_equal(made[:first], sound[:first])
    assert np.array_equal(made[last:], sound[last:])


def test_spans_outside_of_the_file_and_across_blocks(tmp_path: Path) -> None:
    source = written(tmp_path / "a.wav", loud(9.0), format="WAV", subtype="FLOAT")
    bleep(source, tmp_path / "b", ((3.9, 4.1), (8.9, 30.0), (40.0, 41.0)))
    made, _ = soundfile.read(str(tmp_path / "b"), always_2d=True, dtype="float32")
    assert len(made) == 9 * RATE
    assert np.abs(made[round(3.9 * RATE) : round(4.1 * RATE)]).max() <= TONE_LEVEL
    assert np.abs(made[round(8.9 * RATE) :]).max() <= TONE_LEVEL


def test_six_channels_and_odd_rates_can_be_written_too(tmp_path: Path) -> None:
    source = written(
        tmp_path / "a.wav", loud(channels=6, rate=11_025), 11_025, format="WAV", subtype="PCM_16"
    )
    bleep(source, tmp_path / "b", SPANS)
    assert soundfile.info(str(tmp_path / "b")).channels == 6


def test_faults_are_told_as_values(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"RIFF\x00\x00\x00\x00WAVE" + b"\xff" * 500)
    with pytest.raises(AudioError):
        bleep(tmp_path / "a", tmp_path / "b", SPANS)
    told = redact(str(tmp_path / "a"), str(tmp_path / "b"), SPANS)
    assert isinstance(told, Unheard)
    assert told.code == "broken_file"


def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    code = (
        "import sys, resource\n"
        "from callgauge.audio.bleep import bleep\n"
        "bleep(sys.argv[1], sys.argv[2], ((1.0, 2.0),))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for minutes in (1, 60):
        source = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(str(source), "w", 8_000, 2, format="FLAC") as file:
            for _ in range(minutes):
                file.write(loud(60.0, rate=8_000))
        ran = subprocess.run(
            [sys.executable, "-c", code, str(source), str(tmp_path / "out")],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(ran.stdout))
    assert peaks[1] < peaks[0] * 1.1

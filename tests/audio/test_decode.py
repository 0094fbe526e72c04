"""Every format in, every kind of broken file out with its reason."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callgauge.audio import AudioError, errors
from callgauge.audio.decode import Decoded, Source, decode
from callgauge.audio.track import FLOOR_POWER, RATE, Track, sections

from .stage import Stage, write


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    stage = Stage(4.0)
    stage.say("agent", "short", pause=0.5)
    stage.say("caller", "short", pause=0.1)
    return stage.stereo()


def read(path: Path) -> tuple[Source, list[np.ndarray]]:
    with decode(path) as decoded:
        assert isinstance(decoded, Decoded)
        return decoded.source, [t.read(0, t.samples) for t in decoded.tracks]


@pytest.mark.parametrize(
    ("name", "options", "most"),
    [
        ("a.wav", {"subtype": "PCM_16"}, 0.001),
        ("a.wav", {"subtype": "FLOAT"}, 0.001),
        ("a.wav", {"subtype": "ULAW"}, 0.03),
        ("a.wav", {"subtype": "ALAW"}, 0.03),
        ("a.flac", {}, 0.001),
        ("a.mp3", {"format": "MP3"}, 0.2),
        ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}, 0.2),
        ("a.ogg", {"format": "OGG", "subtype": "OPUS"}, 0.3),
    ],
)
def test_formats_decode_to_the_same_sound(
    tmp_path: Path, sound: np.ndarray, name: str, options: dict[str, str], most: float
) -> None:
    source, tracks = read(write(tmp_path / name, sound, **options))
    assert source.channels == 2
    assert not source.truncated
    assert source.decoded_secs == pytest.approx(4.0, abs=0.1)
    for index, track in enumerate(tracks):
        count = min(len(track), len(sound))
        rest = track[:count] - sound[:count, index]
        assert np.sqrt(np.mean(rest**2)) <= most * np.sqrt(np.mean(sound[:, index] ** 2)) + 1e-4


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_other_rates_become_16_khz(tmp_path: Path, rate: int) -> None:
    time = np.arange(rate * 2) / rate
    soundfile.write(str(tmp_path / "a.wav"), 0.5 * np.sin(2 * np.pi * 1000 * time), rate)
    source, (track,) = read(tmp_path / "a.wav")
    assert source.sample_rate == rate
    assert len(track) == pytest.approx(2 * RATE, abs=RATE // 100)
    middle = track[RATE // 2 : RATE // 2 + RATE]
    assert np.abs(np.fft.rfft(middle)).argmax() == 1000


def broken_files(folder: Path, sound: np.ndarray) -> dict[str, tuple[Path, type[AudioError]]]:
    whole = write(folder / "whole.wav", sound).read_bytes()
    six = np.repeat(sound[:, :1], 6, axis=1)
    made: dict[str, tuple[Path, type[AudioError]]] = {
        "missing": (folder / "none.wav", errors.MissingFile),
        "folder": (folder, errors.MissingFile),
        "six channels": (write(folder / "six.wav", six), errors.WrongChannels),
        "silent": (write(folder / "silent.wav", np.zeros((RATE, 2), np.float32)), errors.SilentFile),
        "one frame": (write(folder / "short.wav", sound[RATE : RATE + 1]), errors.EmptyFile),
    }
    for name, content, kind in (
        ("no bytes", b"", errors.EmptyFile),
        ("text", b"<html>Not found</html>" * 50, errors.UnsupportedFormat),
        ("mp4", b"\0\0\0\x18ftypM4A " + b"\0" * 400, errors.BrokenFile),
        ("riff rubbish", b"RIFF" + b"\xff" * 600, errors.BrokenFile),
        ("header only", whole[:44], errors.EmptyFile),
        ("half a header", whole[:20], errors.BrokenFile),
        ("rate 1 Hz", whole[:24] + struct.pack("<I", 1) + whole[28:], errors.BrokenFile),
    ):
        file = folder / f"{name}.bin"
        file.write_bytes(content)
        made[name] = (file, kind)
    return made


BROKEN = (
    "missing",
    "folder",
    "six channels",
    "silent",
    "one frame",
    "no bytes",
    "text",
    "mp4",
    "riff rubbish",
    "header only",
    "half a header",
    "rate 1 Hz",
)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_give_a_typed_reason(tmp_path: Path, sound: np.ndarray, name: str) -> None:
    file, kind = broken_files(tmp_path, sound)[name]
    with pytest.raises(kind) as caught, decode(file):
        pass
    assert str(caught.value).startswith(str(kind.__doc__))
    assert caught.value.retryable is False


def test_every_error_has_its_own_code() -> None:
    kinds = AudioError.__subclasses__()
    assert len({kind.code for kind in kinds} | {AudioError.code}) == len(kinds) + 1


def test_every_error_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audio.md").read_text()
    assert [kind.code for kind in AudioError.__subclasses__() if f"`{kind.code}`" not in page] == []


def test_a_truncated_file_is_read_so_far_and_says_so(tmp_path: Path, sound: np.ndarray) -> None:
    file = write(tmp_path / "cut.wav", sound)
    file.write_bytes(file.read_bytes()[: 44 + 2 * RATE * 4])
    source, tracks = read(file)
    assert source.truncated
    assert source.declared_secs == pytest.approx(4.0, abs=0.01)
    assert source.decoded_secs == pytest.approx(2.0, abs=0.01)
    assert len(tracks[0]) == pytest.approx(2 * RATE, abs=100)


def test_a_stream_header_without_a_length_is_not_called_truncated(tmp_path: Path, sound: np.ndarray) -> None:
    file = write(tmp_path / "stream.wav", sound)
    content = bytearray(file.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    file.write_bytes(content)
    source, _ = read(file)
    assert not source.truncated
    assert source.decoded_secs == pytest.approx(4.0, abs=0.01)


def test_too_long_is_found_by_decoding_not_by_the_header(tmp_path: Path, sound: np.ndarray) -> None:
    with pytest.raises(errors.TooLong), decode(write(tmp_path / "a.wav", sound), max_secs=2.0):
        pass


def test_numbers_that_are_none_become_silence(tmp_path: Path, sound: np.ndarray) -> None:
    spoiled = sound.copy()
    spoiled[1000:1100] = np.nan
    file = tmp_path / "nan.wav"
    soundfile.write(str(file), spoiled, RATE, subtype="FLOAT")
    _, tracks = read(file)
    assert np.abs(tracks[0][1000:1100]).max() == 0.0


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.ogg", "a.flac"])
def test_damaged_bytes_never_crash(tmp_path: Path, sound: np.ndarray, name: str) -> None:
    whole = write(tmp_path / name, sound).read_bytes()
    rng = np.random.default_rng(7)
    outcomes = set()
    for _ in range(25):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 12).tolist():
            content[at] = int(rng.integers(256))
        content = content[: int(rng.integers(len(content) // 4, len(content)))]
        file = tmp_path / f"damaged-{name}"
        file.write_bytes(content)
        try:
            source, _ = read(file)
            outcomes.add("read")
            assert source.decoded_secs > 0
        except AudioError as error:
            outcomes.add(error.code)
    assert outcomes


def test_clipping_is_counted_per_channel(tmp_path: Path, sound: np.ndarray) -> None:
    loud = sound * np.array([1.0, 30.0], np.float32)
    source, _ = read(write(tmp_path / "loud.wav", loud))
    assert source.clipped_share[0] == 0.0
    assert source.clipped_share[1] > 0.01


def test_track_reads_silence_beyond_its_ends() -> None:
    with Track() as track:
        track.append(np.full(1000, 0.25, np.float32))
        track.append(np.full(600, -0.5, np.float32))
        out = track.read(-10, 1700)
    assert len(out) == 1710
    assert not out[:10].any()
    assert not out[1610:].any()
    assert out[10] == pytest.approx(0.25, abs=1e-4)
    assert out[1609] == pytest.approx(-0.5, abs=1e-4)


def test_track_survives_the_move_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgauge.audio.track._IN_MEMORY", 1000)
    rng = np.random.default_rng(3)
    sound = rng.uniform(-0.9, 0.9, 5000).astype(np.float32)
    with Track() as track:
        for part in np.array_split(sound, 7):
            track.append(part)
        assert np.abs(track.read(0, 5000) - sound).max() < 1e-4
        assert len(track.powers()) == 5000 // 80


def test_powers_ignore_an_offset() -> None:
    with Track() as track:
        track.append(np.full(8000, 0.3, np.float32))
        assert track.powers().max() < 1e-6
        assert track.powers().min() >= np.float32(FLOOR_POWER)


@pytest.mark.parametrize("secs", [1, 599, 601, 3600, 18_000])
def test_sections_cover_the_call_without_gaps(secs: int) -> None:
    cuts = sections(secs * RATE)
    assert cuts[0][0] == 0
    assert cuts[-1][1] == secs * RATE
    assert all(a[1] == b[0] for a, b in pairwise(cuts))
    assert all(stop - start <= 900 * RATE for start, stop in cuts)

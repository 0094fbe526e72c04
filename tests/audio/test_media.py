"""m4a and webm by the extra media, and headers that lie about what is in a file."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callgauge.audio import analyse, errors
from callgauge.audio.decode import Source, decode
from callgauge.audio.track import RATE

from .stage import RATE as STAGE_RATE
from .stage import Stage, usual, write

av = pytest.importorskip("av")


def encoded(path: Path, sound: np.ndarray, codec: str, rate: int = 48_000) -> Path:
    """A file of PyAV's; `path` names the container."""
    import soxr

    samples = soxr.resample(sound, RATE, rate)
    layout = "mono" if samples.ndim == 1 else "stereo"
    packed = np.ascontiguousarray(samples.reshape(1, -1), np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        fifo.write(frame)
        for part in fifo.read_many(stream.codec_context.frame_size or 960, partial=True):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    stage = Stage(4.0)
    stage.say("agent", "short", pause=0.5)
    stage.say("caller", "short", pause=0.1)
    return stage.stereo()


def told(file: Path) -> Source | type[errors.AudioError]:
    """What a file is said to be, or why it is refused."""
    try:
        with decode(file) as decoded:
            return decoded.source
    except errors.AudioError as error:
        return type(error)


KINDS = [("a.m4a", "aac"), ("a.mp4", "aac"), ("a.webm", "libopus"), ("a.mkv", "libopus")]


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_a_container_gives_the_sound_that_went_in(
    tmp_path: Path, sound: np.ndarray, name: str, codec: str
) -> None:
    with decode(encoded(tmp_path / name, sound, codec)) as decoded:
        assert decoded.source.channels == 2
        assert decoded.source.decoded_secs == pytest.approx(4.0, abs=0.1)
        assert not decoded.source.truncated
        for index, track in enumerate(decoded.tracks):
            heard = track.read(0, len(sound))
            # Encoders put some samples of silence in front; where they end is not the question here.
            lags = np.fft.irfft(np.conj(np.fft.rfft(sound[:, index])) * np.fft.rfft(heard))
            lag = int(np.argmax(lags))
            lag = lag - len(sound) if lag > len(sound) // 2 else lag
            assert abs(lag) < 0.06 * RATE
            assert lags.max() > 0.9 * np.sqrt(np.sum(sound[:, index] ** 2) * np.sum(heard**2))


def test_the_parties_of_an_m4a_are_told_apart(tmp_path: Path) -> None:
    assert STAGE_RATE == RATE
    result = analyse(encoded(tmp_path / "a.m4a", usual().stereo()[: 38 * RATE], "aac"), agent_channel=0)
    assert result.health.format == "mov aac"
    assert len(result.interruptions) == 2
    assert len(result.latencies) >= 4


def test_a_mono_webm_is_one_channel(tmp_path: Path, sound: np.ndarray) -> None:
    with decode(encoded(tmp_path / "a.webm", sound.sum(axis=1), "libopus")) as decoded:
        assert len(decoded.tracks) == 1


def test_content_counts_and_not_the_name(tmp_path: Path, sound: np.ndarray) -> None:
    file = encoded(tmp_path / "a.m4a", sound, "aac").rename(tmp_path / "call.wav")
    with decode(file) as decoded:
        assert decoded.source.format == "mov aac"


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libopus"), ("a.m4a", "aac")])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_a_container_that_breaks_off_is_read_so_far_or_refused(
    tmp_path: Path, sound: np.ndarray, name: str, codec: str, share: float
) -> None:
    file = encoded(tmp_path / name, sound, codec)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    found = told(file)
    if isinstance(found, Source):
        assert found.decoded_secs < 3.9
        assert found.truncated
    else:
        assert found in (errors.BrokenFile, errors.EmptyFile, errors.SilentFile)


def test_without_the_extra_the_extra_is_named(
    tmp_path: Path, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = encoded(tmp_path / "a.m4a", sound, "aac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(errors.UnsupportedFormat, match="extra media"), decode(file):
        pass


# --- lying headers ----------------------------------------------------------------------------------------


def patched(tmp_path: Path, sound: np.ndarray, at: int, value: bytes) -> Path:
    file = write(tmp_path / "a.wav", sound)
    content = bytearray(file.read_bytes())
    content[at : at + len(value)] = value
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("at", "value", "what"),
    [
        (22, struct.pack("<H", 0), "no channels"),
        (22, struct.pack("<H", 65_535), "65535 channels"),
        (24, struct.pack("<I", 0), "0 Hz"),
        (24, struct.pack("<I", 4_000_000_000), "4 GHz"),
        (34, struct.pack("<H", 0), "0 bits"),
        (34, struct.pack("<H", 77), "77 bits"),
        (32, struct.pack("<H", 0), "frames of no bytes"),
        (20, struct.pack("<H", 0x1234), "a codec that is none"),
        (16, struct.pack("<I", 0xFFFF_FFF0), "an endless format chunk"),
    ],
)
def test_a_header_that_cannot_be_true_is_refused_or_read_as_far_as_it_goes(
    tmp_path: Path, sound: np.ndarray, at: int, value: bytes, what: str
) -> None:
    found = told(patched(tmp_path, sound, at, value))
    if isinstance(found, Source):
        assert 0 < found.decoded_secs <= 4.1, what
        assert found.channels == 2, what
    else:
        assert found in (errors.BrokenFile, errors.WrongChannels, errors.UnsupportedFormat), what


def test_a_header_that_promises_hours_is_measured_by_what_is_there(tmp_path: Path, sound: np.ndarray) -> None:
    five_hours = 5 * 3600 * RATE * 4
    with decode(patched(tmp_path, sound, 40, struct.pack("<I", five_hours))) as decoded:
        assert decoded.source.decoded_secs == pytest.approx(4.0, abs=0.01)
        assert decoded.source.declared_secs == pytest.approx(5 * 3600, abs=1)
        assert decoded.source.truncated


def test_a_header_that_promises_less_than_there_is_is_not_called_truncated(
    tmp_path: Path, sound: np.ndarray
) -> None:
    with decode(patched(tmp_path, sound, 40, struct.pack("<I", 2 * RATE * 4))) as decoded:
        assert decoded.source.decoded_secs >= 1.99
        assert not decoded.source.truncated


@pytest.mark.parametrize("channels", [3, 6])
def test_more_than_two_channels_are_refused_with_their_number(tmp_path: Path, channels: int) -> None:
    file = tmp_path / "a.flac"
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, (RATE, channels))
    soundfile.write(str(file), noise, RATE)
    with pytest.raises(errors.WrongChannels, match=f"this one has {channels}"), decode(file):
        pass

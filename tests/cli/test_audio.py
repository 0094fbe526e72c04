"""`callgauge audio` on a call whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner

from callgauge.cli import main
from tests.audio.stage import RATE, Stage

KEYS = ["duration_secs", "health", "speech", "latencies", "interruptions", "backchannels", "silences"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stage = Stage()
    names = sorted(
        path.stem.partition("_") for path in (Path(__file__).parents[1] / "audio/clips").glob("*.ogg")
    )
    first = {side: next(name for s, _, name in names if s == side) for side in ("agent", "caller")}
    stage.say("agent", first["agent"])
    for _ in range(3):
        stage.say("caller", first["caller"])
        stage.say("agent", first["agent"], pause=0.6)
    path = tmp_path_factory.mktemp("audio") / "call.wav"
    sound = [list(pair) for pair in zip(stage.sound["agent"], stage.sound["caller"], strict=True)]
    soundfile.write(str(path), sound, RATE)
    return path


def test_json_is_one_object_with_seconds(recording: Path) -> None:
    done = CliRunner().invoke(main, ["audio", str(recording), "--agent-channel", "0", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found) == KEYS
    assert set(found["speech"]) == {"agent", "caller"}
    assert [round(one["latency_ms"], -2) for one in found["latencies"]] == [600, 600, 600]
    assert set(found["latencies"][0]) >= {"caller_end", "agent_start", "latency_ms", "confidence"}


def test_the_report_says_what_was_found_and_writes_a_picture(recording: Path, tmp_path: Path) -> None:
    picture = tmp_path / "call.png"
    done = CliRunner().invoke(main, ["audio", str(recording), "--agent-channel", "0", "--png", str(picture)])
    assert done.exit_code == 0, done.output
    assert "over 3 answers" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("content", [b"", b"RIFF not a wav", b"\x00" * 5000])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    done = CliRunner().invoke(main, ["audio", str(path)])
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith(f"Error: {path}: ")


def test_a_channel_that_is_not_there_is_refused(recording: Path) -> None:
    done = CliRunner().invoke(main, ["audio", str(recording), "--agent-channel", "5"])
    assert done.exit_code == 1
    assert "channel" in done.stderr

"""Whole recordings: clean, leaking, drifting, noisy, mono, doubled and swapped."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from callgauge.audio import SURE, Analysis, Party, analyse, errors, render_png

from .stage import LATENCIES, RATE, Stage, clip, leaked, usual, write


@pytest.fixture(scope="module")
def stage() -> Stage:
    return usual()


def check(result: Analysis, stage: Stage, *, latency_ms: float, stop_ms: float) -> None:
    """The usual call's events, all of them and no others."""
    assert [round(x.agent_start, 1) for x in result.latencies] == pytest.approx(
        [round(stage.speech["agent"][k][0], 1) for k in (1, 2, 3, 5, 6)], abs=0.11
    )
    errors_ms = [abs(x.latency_ms - 1000 * true) for x, true in zip(result.latencies, LATENCIES, strict=True)]
    assert max(errors_ms) <= latency_ms, errors_ms
    assert [(x.by, x.stop_ms is None) for x in result.interruptions] == [
        (Party.CALLER, False),
        (Party.AGENT, True),
    ]
    barge = result.interruptions[0]
    assert barge.start == pytest.approx(stage.speech["caller"][3][0], abs=latency_ms / 1000)
    true_stop = stage.speech["agent"][2][1] - stage.speech["caller"][3][0]
    assert barge.stop_ms == pytest.approx(1000 * true_stop, abs=stop_ms)
    assert [x.by for x in result.backchannels] == [Party.CALLER]


def test_a_clean_call(tmp_path: Path, stage: Stage) -> None:
    result = analyse(write(tmp_path / "a.wav", stage.stereo()), agent_channel=0)
    check(result, stage, latency_ms=30, stop_ms=40)
    assert all(x.confidence >= SURE for x in (*result.latencies, *result.interruptions))
    assert result.health.agent is not None
    assert result.health.agent.leak_db is None
    assert result.health.agent.snr_db > 30
    assert result.health.swapped is None
    assert result.health.refused == ()
    assert result.health.leading_silence_secs == pytest.approx(0.8, abs=0.03)


def test_the_agent_may_be_on_the_other_channel(tmp_path: Path, stage: Stage) -> None:
    file = write(tmp_path / "a.wav", stage.stereo()[:, ::-1])
    check(analyse(file, agent_channel=1), stage, latency_ms=30, stop_ms=40)
    guessed = analyse(file, agent_channel=None)
    assert (guessed.health.agent_channel, guessed.health.agent_channel_source) == (1, "guessed")
    assert all(x.confidence < SURE for x in (*guessed.latencies, *guessed.interruptions))


@pytest.mark.parametrize("drift_ppm", [0.0, 50.0, -80.0])
def test_cross_talk_in_both_directions(tmp_path: Path, stage: Stage, drift_ppm: float) -> None:
    stereo = stage.stereo()
    stereo[:, 0] += leaked(stage.sound["caller"], -17, 0.031, drift_ppm)
    stereo[:, 1] += leaked(stage.sound["agent"], -16, 0.012, drift_ppm)
    result = analyse(write(tmp_path / "a.wav", stereo), agent_channel=0)
    check(result, stage, latency_ms=60, stop_ms=60)
    agent, caller = result.health.agent, result.health.caller
    assert agent is not None
    assert caller is not None
    assert agent.leak_db == pytest.approx(-17, abs=4)
    assert caller.leak_delay_ms == pytest.approx(12, abs=5)
    assert agent.leak_drift_ppm == pytest.approx(drift_ppm, abs=6)


def test_what_a_codec_leaves_of_the_other_channel_is_no_leak(tmp_path: Path, stage: Stage) -> None:
    stereo = stage.stereo(noise_db=-110)
    stereo[:, 1] += leaked(stage.sound["agent"], -62, 0.0)
    stereo[np.abs(stereo) < 1e-4] = 0.0  # digital silence, as decoders make it
    result = analyse(write(tmp_path / "a.wav", stereo), agent_channel=0)
    check(result, stage, latency_ms=30, stop_ms=40)
    assert result.health.caller is not None
    assert result.health.caller.leak_db is None


def hissing_opus(tmp_path: Path, stage: Stage, noise_db: float, seed: int) -> Path:
    """The usual call with a leak of -15 dB both ways, through 24 kbit/s of Opus."""
    stereo = stage.stereo(noise_db, seed)
    stereo[:, 0] += leaked(stage.sound["caller"], -13, 0.053)
    stereo[:, 1] += leaked(stage.sound["agent"], -13, 0.073)
    return write(tmp_path / "a.ogg", stereo, format="OGG", subtype="OPUS", compression_level=0.976)


@pytest.mark.parametrize("noise_db", [-60.0, -54.0])
def test_a_leak_that_a_codec_bends_and_copies(tmp_path: Path, stage: Stage, noise_db: float) -> None:
    result = analyse(hissing_opus(tmp_path, stage, noise_db, 1), agent_channel=0)
    agent, caller = result.health.agent, result.health.caller
    assert agent is not None
    assert caller is not None
    assert agent.leak_delay_ms == pytest.approx(53, abs=2)
    assert caller.leak_delay_ms == pytest.approx(73, abs=2)
    check(result, stage, latency_ms=100, stop_ms=80)


def test_a_jump_of_the_jitter_buffer(tmp_path: Path, stage: Stage) -> None:
    stereo = stage.stereo()
    early, late = leaked(stage.sound["agent"], -16, 0.020), leaked(stage.sound["agent"], -16, 0.055)
    jump = 17 * RATE
    stereo[:, 1] += np.concatenate((early[:jump], late[jump:]))
    result = analyse(write(tmp_path / "a.wav", stereo), agent_channel=0)
    check(result, stage, latency_ms=60, stop_ms=60)
    assert any("jumps 1 times" in note for note in result.health.notes)


def test_hiss_10_db_under_the_speech(tmp_path: Path, stage: Stage) -> None:
    level = np.sqrt(np.mean(np.concatenate([clip("caller_long"), clip("agent_long")]) ** 2))
    stereo = stage.stereo(noise_db=20 * np.log10(level) - 10)
    result = analyse(write(tmp_path / "a.wav", stereo), agent_channel=0)
    check(result, stage, latency_ms=160, stop_ms=120)
    assert all(x.confidence < SURE for x in result.latencies)
    assert any("noisy channel" in note for note in result.health.notes)


def test_others_talking_behind_the_caller(tmp_path: Path, stage: Stage) -> None:
    crowd = np.zeros(len(stage.sound["caller"]), np.float32)
    rng = np.random.default_rng(5)
    for _ in range(5):
        at = 0
        while at < len(crowd):
            words = clip(("agent_long", "caller_long", "agent_short")[int(rng.integers(3))])[::-1]
            part = words[: len(crowd) - at]
            crowd[at : at + len(part)] += part
            at += len(part) + int(rng.integers(1000, 8000))
    level = np.sqrt(np.mean(clip("caller_long") ** 2))
    stereo = stage.stereo()
    stereo[:, 1] += crowd * (level / np.sqrt(np.mean(crowd**2)) * 10 ** (-10 / 20))
    result = analyse(write(tmp_path / "a.wav", stereo), agent_channel=0)
    check(result, stage, latency_ms=1200, stop_ms=150)
    errors_ms = [abs(x.latency_ms - 1000 * true) for x, true in zip(result.latencies, LATENCIES, strict=True)]
    assert sorted(errors_ms)[-2] <= 60  # one end may be lost in the crowd; such calls are marked, not sure
    assert all(x.confidence < SURE for x in result.latencies)


def test_mono_says_what_can_be_said(tmp_path: Path, stage: Stage) -> None:
    result = analyse(write(tmp_path / "a.wav", stage.stereo().mean(axis=1)), agent_channel=None)
    assert {figure for figure, _ in result.health.refused} == {
        "latencies",
        "interruptions",
        "backchannels",
        "speech",
    }
    assert result.speech_both
    assert not result.latencies
    assert result.silences[-1][1] == 48.0
    assert result.health.agent_channel is None


@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_the_same_sound_on_both_channels(tmp_path: Path, stage: Stage, gain: float) -> None:
    mono = stage.stereo().mean(axis=1)
    result = analyse(write(tmp_path / "a.wav", np.stack((mono, gain * mono), axis=1)), agent_channel=0)
    assert result.health.dual_mono
    assert "latencies" in dict(result.health.refused)


def test_one_channel_without_sound_is_refused(tmp_path: Path, stage: Stage) -> None:
    stereo = stage.stereo()
    stereo[:, 1] = 0.0
    result = analyse(write(tmp_path / "a.wav", stereo), agent_channel=0)
    assert "channel 1 is silent" in result.health.notes
    assert "latencies" in dict(result.health.refused)


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_swapped_channels_are_recognised_by_the_transcripts_times(
    tmp_path: Path, stage: Stage, shift: float
) -> None:
    file = write(tmp_path / "a.wav", stage.stereo())
    times = [(a + shift, b + shift) for a, b in stage.speech["agent"]]
    swapped = analyse(file, agent_channel=1, agent_times=times)
    assert swapped.health.swapped is True
    assert all(
        x.confidence < SURE for x in (*swapped.latencies, *swapped.interruptions, *swapped.backchannels)
    )
    assert analyse(file, agent_channel=0, agent_times=times).health.swapped is False
    found = analyse(file, agent_channel=None, agent_times=times).health
    assert (found.agent_channel, found.agent_channel_source) == (0, "times")


def test_a_channel_that_is_not_there(tmp_path: Path, stage: Stage) -> None:
    file = write(tmp_path / "a.wav", stage.stereo()[: 3 * RATE])
    for channel in (-1, 2):
        with pytest.raises(errors.NoSuchChannel):
            analyse(file, agent_channel=channel)


def test_noise_without_a_voice_has_no_events(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((20 * RATE, 2)).astype(np.float32) * 0.02
    result = analyse(write(tmp_path / "a.wav", noise), agent_channel=0)
    assert not result.latencies
    assert not result.interruptions
    assert result.silences == ((0.0, 20.0),)


def test_json_has_the_promised_shape(tmp_path: Path, stage: Stage) -> None:
    result = analyse(write(tmp_path / "a.wav", stage.stereo()), agent_channel=0)
    told = json.loads(json.dumps(result.to_json()))
    assert {
        "duration_secs",
        "health",
        "speech",
        "latencies",
        "interruptions",
        "backchannels",
        "silences",
    } <= set(told)
    assert set(told["latencies"][0]) == {"caller_end", "agent_start", "latency_ms", "confidence"}
    assert set(told["interruptions"][0]) == {"by", "start", "overlap_ms", "stop_ms", "confidence"}
    assert told["interruptions"][1]["stop_ms"] is None
    assert told["duration_secs"] == 48.0
    assert all(len(span) == 2 for span in told["speech"]["agent"])


def test_threads_share_the_network_and_agree(tmp_path: Path, stage: Stage) -> None:
    file = write(tmp_path / "a.wav", stage.stereo())
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: analyse(file, agent_channel=0), range(2))
    assert first == second


def test_the_picture_shows_every_kind_of_event(tmp_path: Path, stage: Stage) -> None:
    from PIL import Image

    from callgauge.audio import render

    result = analyse(write(tmp_path / "a.wav", stage.stereo()), agent_channel=0)
    render_png(result, tmp_path / "call.png")
    with Image.open(tmp_path / "call.png") as image:
        assert image.width == 1720
        body = image.crop((96, 84, image.width, image.height)).convert("RGB")
        colours = {colour for _, colour in body.getcolors(1 << 24) or []}
    wanted = {render._AGENT, render._CALLER, render._INTERRUPTION, render._BACKCHANNEL, render._LATENCY}
    assert wanted <= colours


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, callgauge.audio; "
        "print([m for m in ('onnxruntime', 'soundfile', 'soxr', 'PIL', 'django') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

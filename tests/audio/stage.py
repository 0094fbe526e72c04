"""Small calls made of seven synthetic clips, with the truth known to the sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
CLIPS = Path(__file__).parent / "clips"


def clip(name: str) -> np.ndarray:
    """One utterance, cut to within 35 dB of its loud level."""
    sound, rate = soundfile.read(str(CLIPS / f"{name}.ogg"), dtype="float32")
    assert rate == RATE
    power = np.convolve(sound**2, np.full(160, 1 / 160), "same")
    loud = np.flatnonzero(power > np.percentile(power, 95) * 10**-3.5)
    return sound[loud[0] : loud[-1] + 1]


@dataclass
class Stage:
    """Places clips on a clock; `at` moves to the end of the last one."""

    secs: float = 40.0
    at: float = 0.0
    speech: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"agent": [], "caller": []})

    def __post_init__(self) -> None:
        self.sound = {side: np.zeros(int(self.secs * RATE), np.float32) for side in ("agent", "caller")}

    def say(
        self, side: str, name: str, *, at: float | None = None, pause: float = 0.8, until: float | None = None
    ) -> float:
        """Speak; returns the end. `until` cuts the clip off at that time."""
        start = round((self.at + pause if at is None else at) * RATE)
        sound = clip(f"{side}_{name}")
        if until is not None:
            sound = sound[: round(until * RATE) - start].copy()
            sound[-80:] *= np.linspace(1, 0, 80)
        self.sound[side][start : start + len(sound)] += sound
        end = (start + len(sound)) / RATE
        self.speech[side].append((start / RATE, end))
        self.at = max(self.at, end)
        return end

    def stereo(self, noise_db: float = -75.0, seed: int = 1) -> np.ndarray:
        rng = np.random.default_rng(seed)
        both = np.stack((self.sound["agent"], self.sound["caller"]), axis=1)
        return (both + rng.standard_normal(both.shape) * 10 ** (noise_db / 20)).astype(np.float32)


def usual() -> Stage:
    """Greeting, an answer, a murmur, a barge-in that is honoured, an answer, a cut-in that is ignored, an
    answer."""
    stage = Stage(48.0)
    stage.say("agent", "short")
    stage.say("caller", "short", pause=0.7)
    stage.say("agent", "long", pause=0.9)
    stage.say("caller", "murmur", at=stage.speech["agent"][1][0] + 1.2)
    stage.say("caller", "long", pause=0.8)
    start = stage.at + 0.6
    stage.say("agent", "long", at=start, until=start + 1.9)
    stage.say("caller", "barge", at=start + 1.4)
    stage.say("agent", "short", pause=1.1)
    start = stage.at + 0.5
    stage.say("caller", "long", at=start)
    stage.say("agent", "short", at=start + 1.0)
    stage.say("agent", "long", pause=0.5)
    stage.say("caller", "short", pause=0.4)
    stage.say("agent", "short", pause=0.3)
    return stage


LATENCIES = (0.9, 0.6, 1.1, 0.5, 0.3)


def leaked(sound: np.ndarray, db: float, delay: float, drift_ppm: float = 0.0) -> np.ndarray:
    """The sound as it is heard on the other channel, by linear interpolation after a mild low-pass."""
    soft = np.convolve(sound, np.hanning(9)[1:-1] / np.hanning(9).sum(), "same")
    at = np.arange(len(sound)) * (1 - drift_ppm * 1e-6) - delay * RATE
    return (np.interp(at, np.arange(len(sound)), soft, left=0.0, right=0.0) * 10 ** (db / 20)).astype(
        np.float32
    )


def write(path: Path, stereo: np.ndarray, **options: object) -> Path:
    soundfile.write(str(path), np.clip(stereo, -1, 1), RATE, **options)
    return path

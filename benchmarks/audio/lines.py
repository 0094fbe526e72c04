"""What a line does to a call: noise, other people's talk, cross-talk with drift and jumps, codecs."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from calls import Call
from voices import RATE, Cast, noise_clip


@dataclass
class Stereo:
    agent: np.ndarray
    caller: np.ndarray


@dataclass(frozen=True)
class Condition:
    row: str
    name: str
    apply: Callable[[Stereo, Call, Cast, np.random.Generator], Stereo]
    codec: str = "wav"


def _speech_rms(sound: np.ndarray, spans: list[tuple[float, float]]) -> float:
    parts = [sound[int(a * RATE) : int(b * RATE)] for a, b in spans]
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2))) if parts else 0.01


def _add(sound: np.ndarray, noise: np.ndarray, speech_rms: float, snr_db: float) -> np.ndarray:
    scale = speech_rms / max(float(np.sqrt(np.mean(noise**2))), 1e-9) * 10 ** (-snr_db / 20)
    return (sound + noise * scale).astype(np.float32)


def room_tone(stereo: Stereo, call: Call, cast: Cast, rng: np.random.Generator) -> Stereo:
    """Every line has some: -72 dBFS behind the caller, -84 dBFS behind the agent."""
    n = len(stereo.agent)
    hiss = rng.standard_normal((2, n)).astype(np.float32)
    return Stereo(stereo.agent + hiss[0] * 10 ** (-84 / 20), stereo.caller + hiss[1] * 10 ** (-72 / 20))


def white(snr_db: float) -> Callable[..., Stereo]:
    def apply(stereo: Stereo, call: Call, cast: Cast, rng: np.random.Generator) -> Stereo:
        hiss = rng.standard_normal((2, len(stereo.agent))).astype(np.float32)
        return Stereo(
            _add(stereo.agent, hiss[0], _speech_rms(call.agent, call.truth.speech["agent"]), snr_db),
            _add(stereo.caller, hiss[1], _speech_rms(call.caller, call.truth.speech["caller"]), snr_db),
        )

    return apply


def recorded(snr_db: float) -> Callable[..., Stereo]:
    def apply(stereo: Stereo, call: Call, cast: Cast, rng: np.random.Generator) -> Stereo:
        noise = noise_clip(cast.noises, rng, len(stereo.caller))
        loud = _speech_rms(call.caller, call.truth.speech["caller"])
        tone = room_tone(stereo, call, cast, rng)
        return Stereo(tone.agent, _add(tone.caller, noise, loud, snr_db))

    return apply


def babble(snr_db: float, talkers: int = 5) -> Callable[..., Stereo]:
    def apply(stereo: Stereo, call: Call, cast: Cast, rng: np.random.Generator) -> Stereo:
        n = len(stereo.caller)
        crowd = np.zeros(n, np.float32)
        for _ in range(talkers):
            voice = cast.crowd[int(rng.integers(len(cast.crowd)))]
            at = -int(rng.uniform(0, 2) * RATE)
            level = 10 ** (rng.uniform(-3, 3) / 20)
            while at < n:
                clip = voice.long[int(rng.integers(len(voice.long)))]
                lo, hi = max(at, 0), min(at + len(clip), n)
                if hi > lo:
                    crowd[lo:hi] += clip[lo - at : hi - at] * level
                at += len(clip) + int(rng.uniform(0.1, 0.8) * RATE)
        loud = _speech_rms(call.caller, call.truth.speech["caller"])
        tone = room_tone(stereo, call, cast, rng)
        return Stereo(tone.agent, _add(tone.caller, crowd, loud, snr_db))

    return apply


def leak(
    low_db: float = -30, high_db: float = -15, drift_ppm: float = 0.0, jumps: bool = False
) -> Callable[..., Stereo]:
    """Cross-talk of both directions or one: gain, delay 0-80 ms, a telephone's band, and in half the calls
    a room."""

    def apply(stereo: Stereo, call: Call, cast: Cast, rng: np.random.Generator) -> Stereo:
        tone = room_tone(stereo, call, cast, rng)
        ways = rng.choice(["both", "to_caller", "to_agent"], p=[0.5, 0.35, 0.15])
        agent, caller = tone.agent, tone.caller
        if ways != "to_agent":
            caller = caller + _leaked(stereo.agent, rng, low_db, high_db, drift_ppm, jumps)
        if ways != "to_caller":
            agent = agent + _leaked(stereo.caller, rng, low_db, high_db, drift_ppm, jumps)
        return Stereo(agent.astype(np.float32), caller.astype(np.float32))

    return apply


def _leaked(
    sound: np.ndarray, rng: np.random.Generator, low_db: float, high_db: float, drift_ppm: float, jumps: bool
) -> np.ndarray:
    n = len(sound)
    gain = 10 ** (rng.uniform(low_db, high_db) / 20)
    path = _band_path(rng)
    out = np.convolve(sound, path)[:n] if len(path) < 400 else _fft_filter(sound, path)
    if drift_ppm:
        sign = 1 if rng.random() < 0.5 else -1
        out = soxr.resample(out.astype(np.float32), RATE, RATE * (1 + sign * drift_ppm * 1e-6), quality="VHQ")
    delay = rng.uniform(0, 0.08)
    out = _shifted(out, delay - 48 / RATE, n)  # the band filter's own delay taken off
    if jumps:
        moments = np.sort(rng.uniform(0.15, 0.85, int(rng.integers(1, 4)))) * n
        for moment in moments.astype(int).tolist():
            step = rng.uniform(0.005, 0.04) * (1 if rng.random() < 0.5 and delay > 0.045 else -1)
            delay -= step  # a leak is never heard before its cause
            out[moment:] = _shifted(out, -step, n)[moment:]
    return (out * gain).astype(np.float32)


def _band_path(rng: np.random.Generator) -> np.ndarray:
    """A band-pass of 300-3400 Hz or a mild low-pass, with a decaying room of 25 ms in half the calls."""
    low, high = (300, 3400) if rng.random() < 0.6 else (80, rng.uniform(4500, 7000))
    k = np.arange(-48, 49)
    ideal = 2 * high / RATE * np.sinc(2 * high / RATE * k) - 2 * low / RATE * np.sinc(2 * low / RATE * k)
    path = ideal * np.hanning(99)[1:-1]
    path /= np.sqrt((np.abs(np.fft.rfft(path, 1024)) ** 2).mean())
    if rng.random() < 0.5:
        tail = rng.standard_normal(400) * np.exp(-np.arange(400) / 90) * 0.25
        tail[0] = 1.0
        path = np.convolve(path, tail)
        path /= np.sqrt((path**2).sum())
    return path


def _fft_filter(sound: np.ndarray, path: np.ndarray) -> np.ndarray:
    size = 1 << (len(sound) + len(path)).bit_length()
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(path, size), size)[: len(sound)]


def _shifted(sound: np.ndarray, secs: float, n: int) -> np.ndarray:
    """Delayed by a time that need not be a whole number of samples; the band path's own 48 samples taken
    off."""
    samples = secs * RATE - 48
    whole = int(np.floor(samples))
    size = 1 << (len(sound) + 4096).bit_length()
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * (samples - whole))
    fine = np.fft.irfft(np.fft.rfft(sound, size) * turn, size)[: len(sound) + 8]
    out = np.zeros(n)
    lo = max(whole, 0)
    part = fine[lo - whole : lo - whole + n - lo]
    out[lo : lo + len(part)] = part
    return out


def mixed(noise_db: float, leak_db: float) -> Callable[..., Stereo]:
    """Steady noise, and cross-talk that stands more or less far out of it."""

    def apply(stereo: Stereo, call: Call, cast: Cast, rng: np.random.Generator) -> Stereo:
        leaking = leak(leak_db, leak_db)(stereo, call, cast, rng)
        return white(noise_db)(leaking, call, cast, rng)

    return apply


CONDITIONS = (
    Condition("clean", "wav 16 kHz", room_tone),
    Condition("clean", "mu-law 8 kHz", room_tone, "ulaw"),
    Condition("clean", "mp3 32k", room_tone, "mp3"),
    Condition("clean", "opus 24k", room_tone, "opus"),
    Condition("white 10 dB", "white 10 dB", white(10)),
    Condition("babble, recorded 10 dB", "babble 10 dB", babble(10)),
    Condition("babble, recorded 10 dB", "recorded 10 dB", recorded(10)),
    Condition("cross-talk", "cross-talk", leak()),
    Condition("cross-talk", "cross-talk mu-law", leak(), "ulaw"),
    Condition("drift, jumps", "drift 50 ppm", leak(drift_ppm=50)),
    Condition("drift, jumps", "jumps", leak(jumps=True)),
    Condition("mu-law + noise + cross-talk", "mu-law 20 dB -25 dB", mixed(20, -25), "ulaw"),
)

GRID = tuple(
    Condition(f"{codec}, noise and cross-talk", f"{codec} {noise} dB {leaks} dB", mixed(noise, leaks), codec)
    for codec in ("ulaw", "wav", "opus")
    for noise in (15, 20, 25, 28, 32, 40)
    for leaks in (-15, -20, -25, -30, -35)
)
"""No cell of it may fall off a cliff: what is measured by one method on one side of a limit is measured by
another on the other side."""


def write(stereo: Stereo, codec: str, folder: Path) -> Path:
    """The two channels (agent 0, caller 1) through a codec, as a file."""
    both = np.clip(np.stack((stereo.agent, stereo.caller), axis=1), -1, 1)
    file = folder / f"call.{'ogg' if codec == 'opus' else 'mp3' if codec == 'mp3' else 'wav'}"
    if codec == "wav":
        soundfile.write(str(file), both, RATE, subtype="PCM_16")
    elif codec == "ulaw":
        soundfile.write(str(file), soxr.resample(both, RATE, 8000, quality="VHQ"), 8000, subtype="ULAW")
    elif codec == "opus":
        # libsndfile: bits a second = (1 - level) * 500k + 12k for two channels, so .976 is 24k.
        soundfile.write(str(file), both, RATE, format="OGG", subtype="OPUS", compression_level=0.976)
    else:
        with tempfile.NamedTemporaryFile(suffix=".wav") as plain:
            soundfile.write(plain.name, both, RATE, subtype="PCM_16")
            subprocess.run(["sox", plain.name, "-C", "32", str(file)], check=True, capture_output=True)
    return file

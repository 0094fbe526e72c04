"""Voices: recorded prompts and two synthesisers, trimmed so that a clip begins where it is audible."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 16_000
AUDIBLE_DB = 35.0  # the truth: speech begins and ends where it is 35 dB under the clip's loud level
PROMPTS = Path("/usr/share/asterisk/sounds")
NOISES = Path("/usr/share/games/lincity-ng/sounds")
PACKAGES = (
    "asterisk-core-sounds-en-wav",
    "asterisk-core-sounds-fr-wav",
    "asterisk-core-sounds-it-wav",
    "asterisk-core-sounds-ru-wav",
    "espeak-ng",
    "flite",
    "sox",
    "libsox-fmt-mp3",
    "lincity-ng-data",
)

SENTENCES = (
    "Thank you for calling the clinic, how may I help you today?",
    "I would like to move my appointment from Tuesday to the end of next week.",
    "Sure, I can see an opening on Thursday at half past nine in the morning.",
    "Could you read me the last four digits of the number on your account?",
    "It is nine four one seven, and the zip code is three oh two one five.",
    "That order left our warehouse yesterday and should be with you by Friday.",
    "The package came with a broken handle and the manual was missing.",
    "I am sorry about that, I will send out a new one free of charge.",
    "Before we go on, please tell me your full name and date of birth.",
    "My phone was off all morning, so I did not hear the message.",
    "There are three rooms left, two with a view of the lake and one above the street.",
    "Do you take insurance from another state, or do I pay for it myself?",
    "Your balance is forty two dollars and it is due on the first of the month.",
    "We only need a table for five people near the window, if you have one.",
    "The technician will ring you about half an hour before he arrives.",
    "Is there a way to cancel without losing the deposit that I paid?",
    "Let me check with my colleague whether that part is still in stock.",
    "Please spell the street for me, one letter after the other.",
    "What happens if the flight is late and we miss the second one?",
    "You can pick it up at the counter from eight in the morning until six.",
)
MURMURS = ("mm hm", "uh huh", "yeah", "okay", "right", "I see", "sure", "yes")
BARGES = ("no, wait", "hold on", "stop stop", "hang on a second", "no no no", "excuse me")


@dataclass(frozen=True)
class Voice:
    name: str
    long: tuple[np.ndarray, ...]
    """Sentences of 1.4 s and more."""
    murmurs: tuple[np.ndarray, ...]
    """0.2 to 0.6 s."""
    barges: tuple[np.ndarray, ...]
    """0.4 to 0.74 s."""


@dataclass(frozen=True)
class Cast:
    agents: tuple[Voice, ...]
    callers: tuple[Voice, ...]
    crowd: tuple[Voice, ...]
    noises: tuple[str, ...]


def missing() -> list[str]:
    """Debian packages that the benchmark needs and does not find."""
    found = {
        "asterisk-core-sounds-en-wav": (PROMPTS / "en_US_f_Allison").is_dir(),
        "asterisk-core-sounds-fr-wav": (PROMPTS / "fr_CA_f_June").is_dir(),
        "asterisk-core-sounds-it-wav": (PROMPTS / "it_IT_m_Carlo").is_dir(),
        "asterisk-core-sounds-ru-wav": (PROMPTS / "ru_RU_f_IvrvoiceRU").is_dir(),
        "espeak-ng": shutil.which("espeak-ng") is not None,
        "flite": shutil.which("flite") is not None,
        "sox": shutil.which("sox") is not None,
        "lincity-ng-data": NOISES.is_dir(),
    }
    return [name for name, there in found.items() if not there]


def tuning_cast() -> Cast:
    """The voices and noises that thresholds may be chosen on."""
    it, fr = prompts("it_IT_m_Carlo"), prompts("fr_CA_f_June")
    spoken = [espeak("en-us+m1", 165, 45), espeak("en-us+f2", 175, 55), espeak("en-gb+m3", 160, 40)]
    more = [espeak("en-us+f4", 185, 60), flite("kal16")]
    return Cast((fr, spoken[1], it), (it, *spoken, flite("kal16")), tuple(more), tuple("ABCDEFG"))


def report_cast() -> Cast:
    """The voices and noises of the published table."""
    en, ru = prompts("en_US_f_Allison"), prompts("ru_RU_f_IvrvoiceRU")
    spoken = [
        espeak("en-gb-x-rp+m7", 170, 48),
        espeak("en-us+f5", 180, 65),
        espeak("en-gb-scotland+m5", 155, 38),
    ]
    more = [espeak("en-us+f3", 170, 50), flite("awb")]
    callers = (ru, *spoken, flite("slt"), flite("rms"))
    return Cast((en, ru, spoken[1]), callers, tuple(more), tuple("HIKLMNOPRSTW"))


def prompts(folder: str) -> Voice:
    long, murmurs, barges = [], [], []
    for file in sorted((PROMPTS / folder).rglob("*.wav")):
        if file.parent.name in ("silence",) or file.stem.startswith(
            ("beep", "tt-", "confbridge-j", "ascending", "desc")
        ):
            continue
        if file.stem in ("confbridge-leave", "confbridge-lock-in", "confbridge-lock-out", "dir-multi"):
            continue
        clip = trimmed(_load(file))
        secs = len(clip) / RATE
        if 1.4 <= secs <= 9:
            long.append(clip)
        elif file.parent.name in ("digits", "letters", "phonetic") and 0.22 <= secs <= 0.74:
            (murmurs if secs <= 0.6 and len(murmurs) <= len(barges) * 2 else barges).append(clip)
    return Voice(folder, tuple(long), tuple(murmurs), tuple(c for c in barges if len(c) >= 0.4 * RATE))


def espeak(voice: str, speed: int, pitch: int) -> Voice:
    return _synthetic(f"espeak {voice}", ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w"])


def flite(voice: str) -> Voice:
    return _synthetic(f"flite {voice}", ["flite", "-voice", voice, "-o"])


def _synthetic(name: str, command: list[str]) -> Voice:
    def say(text: str) -> np.ndarray:
        key = hashlib.sha256("|".join([*command, text]).encode()).hexdigest()[:24]
        file = Path(tempfile.gettempdir()) / "callgauge-benchmark-voices" / f"{key}.wav"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            words = ["-t", text] if command[0] == "flite" else [text]
            order = (
                [command[0], *words, *command[1:], str(file)]
                if command[0] == "flite"
                else [*command, str(file), text]
            )
            subprocess.run(order, check=True, capture_output=True)
        return trimmed(_load(file))

    long = [c for c in map(say, SENTENCES) if len(c) >= 1.4 * RATE]
    short = [say(t) for t in MURMURS]
    barges = [c for c in map(say, BARGES) if 0.4 * RATE <= len(c) <= 0.74 * RATE]
    return Voice(
        name, tuple(long), tuple(c for c in short if 0.2 * RATE <= len(c) <= 0.6 * RATE), tuple(barges)
    )


def noise_clip(initials: tuple[str, ...], rng: np.random.Generator, samples: int) -> np.ndarray:
    """Recorded noise: one file of the given initials, looped with a cross-fade of 100 ms."""
    files = [f for f in sorted(NOISES.glob("*.wav")) if f.name[0] in initials and "smith" not in f.name]
    files = [f for f in files if soundfile.info(str(f)).duration >= 1.9]
    clip = _load(files[int(rng.integers(len(files)))])
    clip = clip - clip.mean()
    fade = RATE // 10
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    out = np.zeros(samples + len(clip), np.float32)
    at = 0
    while at < samples:
        part = clip.copy()
        part[:fade] *= ramp
        part[-fade:] *= ramp[::-1]
        out[at : at + len(part)] += part
        at += len(part) - fade
    return out[:samples]


def _load(file: Path) -> np.ndarray:
    sound, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    return soxr.resample(mono, rate, RATE, quality="VHQ").astype(np.float32) if rate != RATE else mono


def envelope_db(clip: np.ndarray) -> np.ndarray:
    """Level of 5 ms every millisecond."""
    power = np.concatenate(([0.0], np.cumsum(clip.astype(np.float64) ** 2)))
    step, width = RATE // 1000, RATE // 200
    starts = np.arange(0, max(len(clip) - width, 1), step)
    mean = (power[np.minimum(starts + width, len(clip))] - power[starts]) / width
    return 10 * np.log10(np.maximum(mean, 1e-12))


def audible(clip: np.ndarray) -> np.ndarray:
    """True per millisecond where the clip is within 35 dB of its loud level."""
    level = envelope_db(clip)
    return level >= np.percentile(level, 95) - AUDIBLE_DB


def trimmed(clip: np.ndarray) -> np.ndarray:
    """Cut to what is audible, pauses over 300 ms shortened to 250 ms, brought to -24 dBFS."""
    mask = audible(clip)
    hits = np.flatnonzero(mask)
    if not len(hits):
        return clip[:0]
    step = RATE // 1000
    keep = []
    previous = int(hits[0])
    begin = previous
    for hit in hits[1:].tolist():
        if hit - previous > 300:
            keep.append((begin * step + 40, (previous + 125) * step + 40))
            begin = hit - 125
        previous = hit
    keep.append((begin * step + 40, (previous + 1) * step + 40))
    parts = [clip[a:b].copy() for a, b in keep]
    for part in parts:
        _fade(part)
    joined = np.concatenate(parts)
    loud = np.percentile(envelope_db(joined), 90)
    return (joined * 10 ** ((-20 - loud) / 20)).astype(np.float32)


def _fade(part: np.ndarray) -> None:
    ramp = np.linspace(0, 1, 32, dtype=np.float32)  # 2 ms
    if len(part) > 64:
        part[:32] *= ramp
        part[-32:] *= ramp[::-1]

"""What the analysis of one recording says. Times in seconds from its start, delays in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .beeps import Beep
from .events import Party
from .voice import Voice

ANALYSIS_VERSION = 5
"""Raised whenever a figure could come out differently; stored analyses of another version are computed
again."""

SURE = 0.8
"""A figure of at least this confidence is reported without a caveat."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SideHealth:
    """The state of one channel."""

    channel: int
    snr_db: float
    """Level of the speech over the noise between the words."""
    noise_spread_db: float
    """P80 - P20 of the noise: 0-2 for hiss, 3 and more for noise that changes."""
    clipped_share: float
    leak_db: float | None
    """Level at which the other party is heard here, against its own channel; None where no leak was found."""
    leak_delay_ms: float | None
    leak_drift_ppm: float | None
    speech_secs: float


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the recording, and what cannot be measured on it."""

    format: str
    sample_rate: int
    channels: int
    dual_mono: bool
    agent_channel: int | None
    agent_channel_source: str
    """given, times (the transcript's), words (who says how much), guessed, or none (one channel holds both
    parties)."""
    swapped: bool | None
    """The channel given as the agent's is the caller's; None where there is nothing to tell it by."""
    truncated: bool
    leading_silence_secs: float
    agent: SideHealth | None
    caller: SideHealth | None
    notes: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    """(figure, reason) for each figure that cannot be known from this recording."""


@dataclass(frozen=True, slots=True)
class Latency:
    caller_end: float
    agent_start: float
    latency_ms: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Interruption:
    by: Party
    start: float
    overlap_ms: float
    stop_ms: float | None
    """From this onset to the other's silence; None where the other talked on."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Backchannel:
    by: Party
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class TurnSpan:
    party: Party
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Analysis:
    version: int
    duration_secs: float
    health: Health
    speech_agent: tuple[Span, ...]
    speech_caller: tuple[Span, ...]
    speech_both: tuple[Span, ...]
    """Speech of whoever spoke, for a recording with one channel for both parties; otherwise empty."""
    turns: tuple[TurnSpan, ...]
    latencies: tuple[Latency, ...]
    interruptions: tuple[Interruption, ...]
    backchannels: tuple[Backchannel, ...]
    silences: tuple[Span, ...]
    voice: Voice | None
    """The agent's, on one channel that of whoever speaks; None where hardly anything is voiced."""
    beeps: tuple[Beep, ...]
    """Pure tones near the start of the call, as answering machines give."""

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dicts; times rounded to the millisecond."""
        speech = {"agent": _spans(self.speech_agent), "caller": _spans(self.speech_caller)}
        if self.speech_both:
            speech["both"] = _spans(self.speech_both)
        return {
            "version": self.version,
            "duration_secs": _secs(self.duration_secs),
            "health": _health(self.health),
            "speech": speech,
            "turns": [
                {"party": str(t.party), "start": _secs(t.start), "end": _secs(t.end)} for t in self.turns
            ],
            "latencies": [_latency(one) for one in self.latencies],
            "interruptions": [_interruption(one) for one in self.interruptions],
            "backchannels": [_backchannel(one) for one in self.backchannels],
            "silences": _spans(self.silences),
            "voice": _voice(self.voice),
            "beeps": [_beep(one) for one in self.beeps],
        }


def _secs(value: float) -> float:
    return round(float(value), 3)


def _spans(spans: tuple[Span, ...]) -> list[list[float]]:
    return [[_secs(start), _secs(end)] for start, end in spans]


def _health(health: Health) -> dict[str, Any]:
    return {
        "format": health.format,
        "sample_rate": health.sample_rate,
        "channels": health.channels,
        "dual_mono": health.dual_mono,
        "agent_channel": health.agent_channel,
        "agent_channel_source": health.agent_channel_source,
        "swapped": health.swapped,
        "truncated": health.truncated,
        "leading_silence_secs": _secs(health.leading_silence_secs),
        "agent": _side(health.agent),
        "caller": _side(health.caller),
        "notes": list(health.notes),
        "refused": dict(health.refused),
    }


def _latency(found: Latency) -> dict[str, Any]:
    return {
        "caller_end": _secs(found.caller_end),
        "agent_start": _secs(found.agent_start),
        "latency_ms": round(found.latency_ms),
        "confidence": found.confidence,
    }


def _interruption(found: Interruption) -> dict[str, Any]:
    return {
        "by": str(found.by),
        "start": _secs(found.start),
        "overlap_ms": round(found.overlap_ms),
        "stop_ms": None if found.stop_ms is None else round(found.stop_ms),
        "confidence": found.confidence,
    }


def _backchannel(found: Backchannel) -> dict[str, Any]:
    return {
        "by": str(found.by),
        "start": _secs(found.start),
        "end": _secs(found.end),
        "confidence": found.confidence,
    }


def _beep(beep: Beep) -> dict[str, Any]:
    return {
        "channel": beep.channel,
        "start": _secs(beep.start),
        "end": _secs(beep.end),
        "hz": round(beep.hz),
    }


def _voice(voice: Voice | None) -> dict[str, Any] | None:
    if voice is None:
        return None
    return {
        "pitch_median_hz": round(voice.pitch_median_hz, 1),
        "pitch_mean_hz": round(voice.pitch_mean_hz, 1),
        "pitch_p10_hz": round(voice.pitch_p10_hz, 1),
        "pitch_p90_hz": round(voice.pitch_p90_hz, 1),
        "jitter": round(voice.jitter, 4),
        "voiced_secs": _secs(voice.voiced_secs),
    }


def _side(side: SideHealth | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "channel": side.channel,
        "snr_db": round(side.snr_db, 1),
        "noise_spread_db": round(side.noise_spread_db, 1),
        "clipped_share": round(side.clipped_share, 5),
        "leak_db": None if side.leak_db is None else round(side.leak_db, 1),
        "leak_delay_ms": None if side.leak_delay_ms is None else round(side.leak_delay_ms, 1),
        "leak_drift_ppm": None if side.leak_drift_ppm is None else round(side.leak_drift_ppm),
        "speech_secs": _secs(side.speech_secs),
    }

"""A stored analysis, read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .analysis import (
    Analysis,
    Backchannel,
    Health,
    Interruption,
    Latency,
    SideHealth,
    Span,
    TurnSpan,
)
from .beeps import Beep
from .events import Party
from .voice import Voice


def read_analysis(data: Mapping[str, Any]) -> Analysis:
    """From `Analysis.to_json`; times are exact to the millisecond. Raises KeyError and TypeError for what
    another version wrote."""
    speech = data["speech"]
    return Analysis(
        version=data["version"],
        duration_secs=data["duration_secs"],
        health=_health(data["health"]),
        speech_agent=_spans(speech["agent"]),
        speech_caller=_spans(speech["caller"]),
        speech_both=_spans(speech.get("both", ())),
        turns=tuple(TurnSpan(Party(t["party"]), t["start"], t["end"]) for t in data["turns"]),
        latencies=tuple(Latency(**item) for item in data["latencies"]),
        interruptions=tuple(Interruption(**_by(item)) for item in data["interruptions"]),
        backchannels=tuple(Backchannel(**_by(item)) for item in data["backchannels"]),
        silences=_spans(data["silences"]),
        voice=None if data["voice"] is None else Voice(**data["voice"]),
        beeps=tuple(Beep(**item) for item in data["beeps"]),
    )


def _by(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "by": Party(item["by"])}


def _health(data: Mapping[str, Any]) -> Health:
    read: dict[str, Any] = dict(data)
    for name in ("agent", "caller"):
        read[name] = None if data[name] is None else SideHealth(**data[name])
    read |= {"notes": tuple(data["notes"]), "refused": tuple(data["refused"].items())}
    return Health(**read)


def _spans(pairs: Sequence[Sequence[float]]) -> tuple[Span, ...]:
    return tuple((start, end) for start, end in pairs)

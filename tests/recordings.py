"""Recordings made on the spot: two parties as bursts of shaped noise or tones, each on a channel."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import soundfile

Spans = Sequence[tuple[float, float]]


def sound(spans: Spans, secs: float, rate: int = 8000, hz: float = 180.0) -> np.ndarray:
    """A buzz with the overtones of a voice while the party speaks, near silence otherwise."""
    at = np.arange(int(secs * rate)) / rate
    voice = sum(np.sin(2 * np.pi * hz * n * at) / n for n in range(1, 9))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * at)
    on = np.zeros(len(at))
    for start, end in spans:
        on[int(start * rate) : int(end * rate)] = 1.0
    rng = np.random.default_rng(7)
    return (0.2 * voice * swell * on + 1e-4 * rng.standard_normal(len(at))).astype(np.float32)


def wav(
    agent: Spans = ((0.5, 2.0),),
    caller: Spans = ((2.5, 4.0),),
    *,
    secs: float = 6.0,
    rate: int = 8000,
    mono: bool = False,
    kind: str = "WAV",
    subtype: str | None = None,
) -> bytes:
    """A file with the agent on channel 0."""
    both = np.stack((sound(agent, secs, rate), sound(caller, secs, rate, 240.0)), axis=1)
    out = io.BytesIO()
    soundfile.write(out, both.sum(axis=1) if mono else both, rate, format=kind, subtype=subtype)
    return out.getvalue()

"""Which channel is whose, and whether two channels are two parties at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .analysis import Span
from .runs import Run, spoken_secs
from .track import FLOOR_POWER, RATE, FloatArray, Track

# after the best gain the difference of a doubled channel is codec noise, -15 dB in a poor mp3
_SAME_DB = -10.0
_ALIKE_DB = 12.0  # a channel that is softer than this by comparison is a leak, not a double
_EMPTY_POWER = 10.0**-7.0  # -70 dBFS in the loudest 1 % of frames: nobody is on this channel
_CHUNK = RATE * 8


@dataclass(frozen=True, slots=True)
class Assignment:
    agent: int
    source: str
    swapped: bool | None


def is_dual_mono(left: Track, right: Track) -> bool:
    """True where both channels carry the same sound, at any pair of levels."""
    aa = bb = ab = 0.0
    for at in range(0, left.samples, _CHUNK):
        a, b = left.read(at, at + _CHUNK), right.read(at, at + _CHUNK)
        aa, bb, ab = aa + float(a @ a), bb + float(b @ b), ab + float(a @ b)
    if min(aa, bb) <= FLOOR_POWER * left.samples:
        return False
    if abs(10 * np.log10(aa / bb)) > _ALIKE_DB:
        return False
    return bool(10 * np.log10(max(1.0 - ab * ab / (aa * bb), 1e-9)) < _SAME_DB)


def is_empty(powers: FloatArray) -> bool:
    return not len(powers) or float(np.percentile(powers, 99)) < _EMPTY_POWER


def assign(
    runs: Sequence[Sequence[Run]],
    given: int | None,
    agent_times: Sequence[Span] | None,
    agent_share: float | None = None,
) -> Assignment:
    """Decide the agent's channel: by the transcript's times, by what is given, by who says how much, or by
    who speaks first."""
    by_times = _by_times(runs, agent_times) if agent_times else None
    first = min((0, 1), key=lambda side: runs[side][0].start if runs[side] else float("inf"))
    if given is not None:
        return Assignment(given, "given", None if by_times is None else by_times != given)
    if by_times is not None:
        return Assignment(by_times, "times", None)
    by_words = _by_words(runs, agent_share) if agent_share is not None else None
    if by_words is not None:
        return Assignment(by_words, "words", None)
    return Assignment(first, "guessed", None)


def _by_times(runs: Sequence[Sequence[Run]], agent_times: Sequence[Span]) -> int | None:
    """The channel that speaks when the transcript says that the agent does; None where both or neither do.

    Transcript clocks are often shifted by seconds, so the best of a few shifts counts.
    """
    total = sum(end - start for start, end in agent_times)
    if total <= 0:
        return None
    best: list[float] = []
    for side in runs:
        speech = sum(r.secs for r in side) or 1.0
        hits = []
        for shift in np.arange(-3.0, 3.01, 0.25):
            hit = sum(spoken_secs(side, start + shift, end + shift) for start, end in agent_times)
            hits.append(2 * hit / (total + speech))
        best.append(max(hits))
    return None if abs(best[0] - best[1]) < 0.1 else int(np.argmax(best))


_EVEN = 0.1  # parties that say about as much as each other cannot be told apart by that


def _by_words(runs: Sequence[Sequence[Run]], agent_share: float) -> int | None:
    """The channel that talks as much as the agent has words; None where both say about as much."""
    spoken = [sum(r.secs for r in side) for side in runs]
    share = spoken[0] / (sum(spoken) or 1.0)
    if abs(share - 0.5) < _EVEN or abs(agent_share - 0.5) < _EVEN:
        return None
    return 0 if (share > 0.5) == (agent_share > 0.5) else 1

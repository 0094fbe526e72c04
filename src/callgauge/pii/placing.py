"""When in a recording something was said: by the times of the words where they are known, else by its place
in the turn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Protocol

from callgauge.domain.calls import Turn

from .lines import Line
from .redact import Hidden

WORD_MARGIN_SECS: Final = 0.15
"""Providers' word times are off by about a tenth of a second."""
TURN_MARGIN_SECS: Final = 0.6
"""Added at both ends where only the turn has times; people do not speak evenly."""
TURN_MARGIN_SHARE: Final = 0.15
"""Of the turn's length, added to that: the longer the turn, the less is known of the place within it."""
CHARS_A_SEC: Final = 12.0
"""Of English speech, somewhat slow: for turns without an end."""
NEAR_SECS: Final = 0.4
"""How far outside of its turn a word may begin or end."""

Span = tuple[float, float]


class TimedWord(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def start_secs(self) -> float: ...
    @property
    def end_secs(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Placed:
    spans: tuple[Span, ...]
    """Seconds from the start of the call, in order and apart from each other."""
    unplaced: int = 0
    """What was said in turns that have no time."""


def place(turns: Sequence[Turn], hidden: Sequence[Hidden], words: Sequence[TimedWord]) -> Placed:
    """`words` by start; empty where no word has a time. `hidden` counts characters of these turns."""
    spans: list[Span] = []
    unplaced = 0
    by_turn: dict[int, list[Hidden]] = {}
    for one in hidden:
        by_turn.setdefault(one.turn, []).append(one)
    starts = [word.start_secs for word in words]
    for number, ones in by_turn.items():
        bounds = _bounds(turns, number)
        if bounds is None:
            unplaced += len(ones)
            continue
        first = bisect_left(starts, bounds[0] - NEAR_SECS)
        last = bisect_left(starts, bounds[1] + NEAR_SECS)
        timed = _timed(turns[number].text, words[first:last])
        spans += [_by_words(one, timed) or _by_share(turns[number], one, bounds) for one in ones]
    return Placed(merged(spans), unplaced)


def merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple((round(max(start, 0.0), 3), round(end, 3)) for start, end in found)


def _bounds(turns: Sequence[Turn], number: int) -> Span | None:
    """Start and end of a turn. One without an end lasts to the next turn, or as long as its words take."""
    turn = turns[number]
    start = turn.start_secs
    if start is None:
        return None
    if turn.end_secs is not None and turn.end_secs > start:
        return start, turn.end_secs
    spoken = start + len(turn.text) / CHARS_A_SEC + 1.0
    following = next((one.start_secs for one in turns[number + 1 :] if one.start_secs is not None), None)
    return start, max(spoken, following) if following is not None and following > start else spoken


_Timed = Sequence[tuple[int, int, Span | None]]


def _timed(text: str, words: Sequence[TimedWord]) -> _Timed:
    """The words of a turn with their times; None where no word of the payload is the same."""
    own = Line(text).words
    if not words:
        return ()
    theirs: list[tuple[str, Span]] = []
    for word in words:
        theirs += [(part.low, (word.start_secs, word.end_secs)) for part in Line(word.text).words]
    times: list[Span | None] = [None] * len(own)
    matcher = SequenceMatcher(None, [word.low for word in own], [low for low, _ in theirs], autojunk=False)
    for here, there, size in matcher.get_matching_blocks():
        for offset in range(size):
            times[here + offset] = theirs[there + offset][1]
    return [(word.start, word.end, time) for word, time in zip(own, times, strict=True)]


def _by_words(one: Hidden, timed: _Timed) -> Span | None:
    """None unless each of the hidden words has a time."""
    times = [time for start, end, time in timed if start < one.end and one.start < end]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return None
    return (
        min(start for start, _ in known) - WORD_MARGIN_SECS,
        max(end for _, end in known) + WORD_MARGIN_SECS,
    )


def _by_share(turn: Turn, one: Hidden, bounds: Span) -> Span:
    start, end = bounds
    lasts, chars = end - start, max(len(turn.text), 1)
    margin = TURN_MARGIN_SECS + TURN_MARGIN_SHARE * lasts
    first, last = start + lasts * one.start / chars - margin, start + lasts * one.end / chars + margin
    return max(first, start - NEAR_SECS), min(last, end + NEAR_SECS)

"""Deepgram: a flat list of words with a speaker number each, grouped into turns; also whole responses."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from callgauge.domain.calls import Role
from callgauge.formats.errors import TranscriptError
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Format, peek
from callgauge.formats.roles import role_key, role_of
from callgauge.formats.rows import Draft, Row, as_row, find_rows, first, kind_of, moment
from callgauge.formats.text import text_of

MAX_WORDS = 500_000
"""Two days of talk at 150 words a minute."""

_WORD_KEYS = ("punctuated_word", "word", "text", "transcript")
_PATHS = ("words", "utterances", "results.utterances", "transcript")
_UNSPACED = (("\u3000", "\u30ff"), ("\u3400", "\u9fff"), ("\uff00", "\uffef"))
"""Blocks of CJK punctuation and kana, of Han characters, of full-width forms."""

_CHANNELS = ("results.channels", "channels")


def read(payload: Any, notes: Notes) -> list[Draft]:
    """One turn for each run of words by one speaker. The first speaker is the agent, others are the caller.

    Agents greet first on most calls; where they do not, the `agent_speaker` of `parse_transcript` tells.
    A word without a speaker belongs to the speaker before it.
    """
    words = _words(payload)
    if len(words) > MAX_WORDS:
        raise TranscriptError(f"{len(words):,} words are more than the {MAX_WORDS:,} that a call may have.")
    rows = [(number, as_row(word, number)) for number, word in enumerate(words, start=1)]
    named = [first(row, ("speaker", "channel")) for _, row in rows]
    speaker = next((name for name in named if name is not None), None)
    spoken: list[tuple[str, int, Row]] = []
    for name, (number, row) in zip(named, rows, strict=True):
        speaker = speaker if name is None else name
        spoken.append((role_key(speaker), number, row))
    drafts = [
        _turn(name, [(number, row) for _, number, row in run], notes)
        for name, run in groupby(spoken, key=lambda word: word[0])
    ]
    _give_sides(drafts, notes)
    return drafts


def _turn(speaker: str, run: list[tuple[int, Row]], notes: Notes) -> Draft:
    head, tail = run[0], run[-1]
    text = join_words([text_of(first(row, _WORD_KEYS), notes, number) for number, row in run])
    start, end = moment(head[1].get("start"), head[0], notes), moment(tail[1].get("end"), tail[0], notes)
    return Draft(head[0], speaker, role_of(speaker), text, start, end)


def _give_sides(drafts: list[Draft], notes: Notes) -> None:
    if any(draft.role for draft in drafts):
        return  # speakers have names that say who they are
    speakers = list(dict.fromkeys(draft.name for draft in drafts))
    agent = speakers[0] if speakers else ""
    for draft in drafts:
        draft.role = Role.AGENT if draft.name == agent else Role.CALLER
    if len(speakers) > 2:
        notes.add(f"{len(speakers)} speakers: the first is taken as the agent, all others as the caller")
    elif len(speakers) == 1:
        notes.add("only one speaker, taken as the agent")


def join_words(words: list[str]) -> str:
    """Words to a sentence; no space between two characters of Chinese or Japanese, which has none."""
    text = ""
    for word in words:
        if text and word and not (_unspaced(text[-1]) and _unspaced(word[0])):
            text += " "
        text += word
    return text


def _unspaced(character: str) -> bool:
    return any(low <= character <= high for low, high in _UNSPACED)


def _words(payload: Any) -> list[Any]:
    """Words or utterances in order; several channels are merged by start, each channel a speaker."""
    found = find_rows(payload, _PATHS)
    if found is not None:
        return found
    channels = find_rows(payload, _CHANNELS) if isinstance(payload, dict) else None
    if channels is None:
        raise TranscriptError(f"expected a list of words, found {kind_of(payload)}.")
    merged: list[Any] = []
    for index, channel in enumerate(channels):
        alternatives = find_rows(channel, ("alternatives",)) or [None]
        words = find_rows(alternatives[0], ("words",)) or []
        if len(channels) > 1:
            words = [{**as_row(word, number), "speaker": index} for number, word in enumerate(words, start=1)]
        merged += words
    if len(channels) > 1:
        merged.sort(key=_start_or_zero)
    return merged


def _start_or_zero(word: Row) -> float:
    start = moment(word.get("start"), 0, Notes())
    return start.secs if start else 0.0


def detects(payload: Any) -> bool:
    if isinstance(payload, dict) and find_rows(payload, (*_CHANNELS, "results.utterances")) is not None:
        return True
    return any(
        "role" not in row and ("word" in row or ("transcript" in row and "speaker" in row))
        for row in peek(payload, ("words",))
    )


FORMAT = Format("deepgram", "Deepgram words with start, end and speaker", read, detects)

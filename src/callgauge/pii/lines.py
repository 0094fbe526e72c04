"""What detectors read: the words of one turn with their places, and what they find there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .fields import Field

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SENTENCE_END = re.compile(r"[.!?…](?:\s|$)")


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` count characters of the turn; `low` is the word in lower case."""

    text: str
    low: str
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """A turn, or any other text. `speaker` tells the parties apart; empty where nobody speaks."""

    text: str
    speaker: str = ""

    @cached_property
    def low(self) -> str:
        """As long as the text, character by character, so that places agree."""
        low = self.text.lower()
        return (
            low
            if len(low) == len(self.text)
            else "".join(one.lower() if len(one.lower()) == 1 else one for one in self.text)
        )

    @cached_property
    def words(self) -> Sequence[Word]:
        low = self.low.replace("’", "'")
        return [
            Word(match[0], low[match.start() : match.end()], match.start(), match.end())
            for match in _WORD.finditer(self.text)
        ]

    @cached_property
    def _starts(self) -> Sequence[int]:
        return [word.start for word in self.words]

    def word_from(self, place: int) -> int:
        """The number of the first word that begins there or later; the count of words where none does."""
        return bisect_left(self._starts, place)

    @cached_property
    def cased(self) -> bool:
        """Whether capitals tell anything here: some transcripts have none, some have nothing else."""
        return self.text != self.low and self.text != self.text.upper()

    def gap(self, index: int) -> str:
        """What stands between word `index` and the next."""
        return self.text[self.words[index].end : self.words[index + 1].start]

    def ends_sentence(self, index: int) -> bool:
        """Whether a sentence ends between word `index` and the next."""
        if index + 1 >= len(self.words):
            return True
        gap = self.gap(index)
        return bool(SENTENCE_END.match(gap)) and not (gap[0] == "." and len(self.words[index].text) == 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something personal in line number `line`. `fields` is what it can be asked for as, the most telling
    first: a date of birth is a date too."""

    line: int
    start: int
    end: int
    fields: tuple[Field, ...]


def mask(places: Iterable[tuple[int, int]], length: int) -> bytearray:
    """A 1 for each of so many characters that lies in one of the places."""
    made = bytearray(length)
    for start, end in places:
        made[start:end] = b"\1" * (end - start)
    return made


def spans(pattern: re.Pattern[str], text: str, group: int | str = 0) -> Iterable[tuple[int, int]]:
    for match in pattern.finditer(text):
        if match[group]:
            yield match.span(group)

"""Two word lists side by side: what was misheard, left out or made up, and what each error weighs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from typing import Final

from rapidfuzz.distance import Levenshtein, Opcode

from callgauge.engine.transcription.words import Kind, Word, plain

WEIGHTS: Final = {
    Kind.NAME: 1.0,
    Kind.NOUN: 1.0,
    Kind.NUMBER: 1.0,
    Kind.NEGATION: 1.0,
    Kind.VERB: 0.5,
    Kind.MINOR: 0.0,
}
"""What an error in a word of that kind counts. Minor words lower the score by themselves, see `accuracy`."""


@dataclass(frozen=True, slots=True)
class Error:
    """One word that differs; `reference` is empty for a word that was made up, `heard` for one left out."""

    reference: str
    heard: str
    kind: Kind
    weight: float
    turn: int | None
    """Of the transcript: the one with the word, or that before the place where it is missing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    words: int
    """Of the reference."""
    heard_words: int
    hits: int
    substitutions: int
    deletions: int
    insertions: int
    errors: Sequence[Error] = field(default=())

    @property
    def wer(self) -> float | None:
        """Plain word error rate, every word alike; None where the reference has no words."""
        wrong = self.substitutions + self.deletions + self.insertions
        return wrong / self.words if self.words else None

    @property
    def key_errors(self) -> float:
        return sum(error.weight for error in self.errors)

    @property
    def minor_errors(self) -> int:
        return sum(error.kind is Kind.MINOR for error in self.errors)


def compare(reference: Sequence[Word], heard: Sequence[Word]) -> Comparison:
    """By the fewest edits (Levenshtein), word by word."""
    left, right = [word.text for word in reference], [word.text for word in heard]
    codes = Levenshtein.opcodes(left, right)
    counts = {"equal": 0, "replace": 0, "delete": 0, "insert": 0}
    for code in codes:
        counts[code.tag] += max(code.src_end - code.src_start, code.dest_end - code.dest_start)
    errors: list[Error] = []
    for region in _regions(codes):
        errors += _errors(region, reference, heard)
    return Comparison(
        len(left), len(right), counts["equal"], counts["replace"], counts["delete"], counts["insert"], errors
    )


def _regions(codes: Iterable[Opcode]) -> Iterator[list[Opcode]]:
    """Differences that stand next to each other."""
    for same, group in groupby(codes, key=lambda code: code.tag == "equal"):
        if not same:
            yield list(group)


def _errors(region: Sequence[Opcode], reference: Sequence[Word], heard: Sequence[Word]) -> Iterator[Error]:
    """None where only spaces or accents differ: "voice mail" was heard rightly as "voicemail"."""
    first, last = region[0], region[-1]
    said = "".join(word.text for word in reference[first.src_start : last.src_end])
    if plain(said) == plain("".join(word.text for word in heard[first.dest_start : last.dest_end])):
        return
    turn = heard[first.dest_start - 1].turn if first.dest_start else None
    counted = False
    for was, now in _pairs(region, reference, heard):
        kind, weight = _weighed(was, now)
        turn = now.turn if now is not None else turn
        if counted and all(word is None or word.unspaced for word in (was, now)):
            weight = 0.0  # characters that follow each other are one word that was misheard
        counted = counted or weight > 0
        yield Error(was.text if was else "", now.text if now else "", kind, weight, turn)


def _pairs(
    region: Iterable[Opcode], reference: Sequence[Word], heard: Sequence[Word]
) -> Iterator[tuple[Word | None, Word | None]]:
    for code in region:
        yield from zip_longest(
            reference[code.src_start : code.src_end], heard[code.dest_start : code.dest_end]
        )


def _weighed(was: Word | None, now: Word | None) -> tuple[Kind, float]:
    """By the word that was said, or that was made up. A negation on either side turns the meaning round."""
    if any(word is not None and word.kind is Kind.NEGATION for word in (was, now)):
        return Kind.NEGATION, WEIGHTS[Kind.NEGATION]
    word = was if was is not None else now
    assert word is not None
    if was is not None and now is not None and plain(was.text) == plain(now.text):
        return Kind.MINOR, WEIGHTS[Kind.MINOR]
    return word.kind, WEIGHTS[word.kind]

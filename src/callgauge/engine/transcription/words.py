"""A text as the words that transcripts are compared by.

Case, punctuation, contractions, number words, units, abbreviations, spelled letters and filler sounds make no
difference; docs/transcription-accuracy.md has the rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from callgauge.engine.transcription import english
from callgauge.engine.transcription.numbers import joined_numbers


class Kind(StrEnum):
    NAME = "name"
    NOUN = "noun"
    NUMBER = "number"
    NEGATION = "negation"
    VERB = "verb"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    """As it is compared."""
    kind: Kind
    turn: int | None = None
    unspaced: bool = False
    """A single character of a writing without spaces between words."""


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    capital: bool = False
    """Begins with a capital although no sentence begins there."""
    unspaced: bool = False


ENGLISH: Final = "en"
LONG_WORD: Final = 4
"""In languages without word lists, words of so many letters count as nouns."""
_UNSPACED: Final = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})
_CURRENCY: Final = {"$": "dollar", "€": "euro", "£": "pound"}

_HIDDEN = re.compile(r"<[A-Z][A-Z_]{2,}>")
"""What redaction puts in the place of personal data: a tone covers it in the recording."""
_MONEY = re.compile(r"([$€£])\s?(\d[\d.,]*)")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_FULL_HOUR = re.compile(r"\b(\d{1,2}):00\b")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE)
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_ADDRESS = re.compile(r"\S+@\S+|\b[\w-]+\.(?:com|org|net|edu|gov|io|co|ai|de|uk|eu)\b[\w./-]*", re.IGNORECASE)


def has_hidden(text: str) -> bool:
    """Whether personal data was taken out of it."""
    return _HIDDEN.search(text) is not None


def words_of(text: str, language: str = ENGLISH, turn: int | None = None) -> list[Word]:
    """`language`: a two-letter code, empty where it is not known."""
    pieces = list(_pieces(_prepared(text)))
    if language != ENGLISH:
        return [_foreign_word(piece, turn) for piece in pieces]
    pieces = [part for piece in pieces for part in _expanded(piece)]
    found: list[_Piece] = []
    for new, taken in joined_numbers([piece.text for piece in pieces]):
        capital = any(piece.capital for piece in pieces[taken])
        if new != "oh":  # a zero where it stands between numbers, else a sound
            found += [_Piece(part, capital) for part in english.SAME.get(new, new).split()]
    found = _joined_letters(found)
    return [
        Word(piece.text, kind_of(piece.text, piece.capital, found[at - 1].text if at else ""), turn)
        for at, piece in enumerate(found)
    ]


def kind_of(word: str, capital: bool, before: str) -> Kind:
    """Of an English word, by lists and endings; what is in no list is a noun."""
    if any(letter.isdigit() for letter in word):
        return Kind.NUMBER
    if word in english.NEGATIONS:
        return Kind.NEGATION
    if capital and word != "i":
        return Kind.NAME
    if word in english.FUNCTION:
        return Kind.MINOR
    if word in english.VERBS:
        either = word in english.NOUN_FORMS
        return Kind.NOUN if either and before not in english.VERB_BEFORE else Kind.VERB
    ending = word.endswith(english.ADVERB_OR_ADJECTIVE) and len(word) > LONG_WORD + 1
    return Kind.MINOR if ending and word not in english.ENDS_SO_BUT_NOUNS else Kind.NOUN


def plain(text: str) -> str:
    """Without accents: José and Jose are one name."""
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def _foreign_word(piece: _Piece, turn: int | None) -> Word:
    if any(letter.isdigit() for letter in piece.text):
        kind = Kind.NUMBER
    elif piece.capital:
        kind = Kind.NAME
    else:
        kind = Kind.NOUN if piece.unspaced or len(piece.text) >= LONG_WORD else Kind.MINOR
    return Word(piece.text, kind, turn, piece.unspaced)


def _prepared(text: str) -> str:
    text = _HIDDEN.sub(" ", text)
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    text = _ADDRESS.sub(lambda found: _spoken_address(found[0]), text)
    text = _MONEY.sub(lambda found: f"{found[2]} {_CURRENCY[found[1]]} ", text)
    text = _GROUPED.sub("", text)
    text = _FULL_HOUR.sub(r"\1", text)
    text = _ORDINAL.sub(" th ", text)
    text = _DOTTED.sub(lambda found: found[0].replace(".", ""), text)
    return text.replace("%", " percent ").replace("&", " and ")


def _spoken_address(address: str) -> str:
    bare = address.rstrip(".,;:!?)")
    return f" {bare.replace('@', ' at ').replace('.', ' dot ').replace('_', ' underscore ')} "


def _pieces(text: str) -> Iterator[_Piece]:
    """Runs of letters or of digits, casefolded; each character of an unspaced writing by itself."""
    shouted = text.isupper()
    run: list[str] = []
    digits, sentence, start = False, True, True

    def ended() -> Iterator[_Piece]:
        nonlocal run
        raw = "".join(run).strip("'.")
        run = []
        if raw:
            yield _Piece(raw.casefold(), raw[0].isupper() and not start and not shouted)

    for at, letter in enumerate(text):
        category = unicodedata.category(letter)[0]
        if category == "N" and letter.isdecimal():
            letter, is_digit, part = str(unicodedata.decimal(letter)), True, True
        elif category in "LM":
            is_digit, part = False, True
        else:
            inside = run and at + 1 < len(text)
            joins = (letter == "'" and not digits) or (
                letter == "." and digits and text[at + 1 : at + 2].isdigit()
            )
            is_digit, part = digits, bool(inside and joins)
        if run and (not part or is_digit != digits):
            ended_one = list(ended())
            yield from ended_one
            if ended_one:
                sentence = False
        if not part:
            sentence = sentence or letter in ".!?…。！？\n"
            continue
        if category == "L" and _is_unspaced(letter):
            yield from ended()
            yield _Piece(letter, unspaced=True)
            sentence = False
            continue
        if not run:
            start, digits = sentence, is_digit
        run.append(letter)
    yield from ended()


def _is_unspaced(letter: str) -> bool:
    return ord(letter) > 0xE00 and unicodedata.name(letter, "").startswith(_UNSPACED)


def _expanded(piece: _Piece) -> Sequence[_Piece]:
    """Contractions in full, without filler sounds, possessives without their apostrophe."""
    text = piece.text
    whole = english.CONTRACTIONS.get(text)
    if whole is None and "'" in text:
        whole = _opened(text)
    if whole is not None:
        parts = whole.replace("'", "").split()
        return [_Piece(part, piece.capital and at == 0) for at, part in enumerate(parts)]
    return () if text in english.FILLERS and not piece.capital else (piece,)


def _opened(text: str) -> str:
    for ending, word in english.ENDINGS.items():
        if text.endswith(ending) and len(text) > len(ending):
            return f"{text.removesuffix(ending)} {word}"
    base, _, rest = text.rpartition("'")
    return f"{base} is" if rest == "s" and base in english.IS_AFTER else text


def _joined_letters(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Spelled names: "j o h n" is one word, as "john" is."""
    found: list[_Piece] = []
    run: list[_Piece] = []
    for piece in (*pieces, _Piece("")):
        if len(piece.text) == 1 and piece.text.isalpha():
            run.append(piece)
            continue
        if len(run) > 1:
            found.append(_Piece("".join(one.text for one in run), any(one.capital for one in run)))
        else:
            found += run
        run = []
        if piece.text:
            found.append(piece)
    return found

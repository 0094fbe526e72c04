"""Runs of digits and letters as people write and say them: "415-555-0123", "four one five", "double seven",
"A B one two"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .lines import Line, Word, word_set

UNITS: Final[Mapping[str, str]] = {
    word: str(digit)
    for digit, said in enumerate(
        ("zero nought naught", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine niner")
    )
    for word in said.split()
}
TEENS: Final[Mapping[str, str]] = {
    word: str(10 + number)
    for number, word in enumerate(
        [
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
TENS: Final[Mapping[str, str]] = {
    word: str(2 + number)
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    )
}
REPEATS: Final[Mapping[str, int]] = {"double": 2, "triple": 3, "treble": 3}
LARGE: Final = frozenset({"thousand", "million", "billion", "grand"})
NATO: Final[Mapping[str, str]] = {
    word: word[0]
    for word in word_set(
        """
        alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november
        oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu
        """
    )
}
NUMBER_WORDS: Final = frozenset({*UNITS, *TEENS, *TENS, "hundred", *LARGE})
FILLERS: Final = frozenset({"uh", "um", "er", "erm", "ah", "hmm", "then", "dash", "hyphen", "space"})
_MAX_FILLERS: Final = 2
_JOINT = re.compile(r"[ \t\u00a0\-–.,()/…+#*]*")
"""What may stand between two parts of one number."""
_MIXED = re.compile(r"(?=[a-z]*\d)[a-z0-9]{3,34}", re.ASCII)

_ABBREVIATIONS: Final = word_set(
    """
    id pin ssn vin dob us usa uk am pm tv no iban nhs mrn ip cvv cvc ok usd eur
    """
)
_UNIT_AFTER = re.compile(
    r"[\s\-–]*(?:%|(?:percent|dollars?|bucks?|cents?|euros?|pounds?|quid|francs?|pesos|rupees|yen|people|"
    r"persons|"
    r"guests|adults|kids|children|minutes?|mins?|hours?|days?|nights?|weeks?|months?|years?|seconds?|"
    r"o['’]?clock|[ap]\.?m\b|miles?|kilometers?|km|kg|feet|foot|inch(?:es)?|degrees?|times|points|square|"
    r"items?|pieces|copies|tickets|bags|units|bedrooms?|rooms|gigs?|gigabytes?|megabytes?|mb|gb|milligrams?|"
    r"mg|grams|ml|liters?|st(?=\s+street)|star|stars|more|other|different|or|to)\b)"
)
_BEFORE = re.compile(r"[$€£¥]\s*$")


@dataclass(frozen=True, slots=True)
class Run:
    """A number, or a code with letters, in one line."""

    start: int
    end: int
    code: str
    """Digits and lower-case letters."""
    is_quantity: bool
    """It counts or prices something, as far as the words beside it tell."""
    grouped: tuple[int, ...]
    """How many digits each part has as written or said."""

    @property
    def digits(self) -> str:
        return "".join(one for one in self.code if one.isdecimal())

    @property
    def has_letters(self) -> bool:
        return not self.code.isdecimal()


@dataclass(slots=True)
class _Part:
    first: int
    """Word index, inclusive, as is `last`."""
    last: int
    code: str
    large: bool = False


def runs_in(line: Line, *, letters: bool) -> list[Run]:
    """In order. With `letters`, codes that mix letters in; else numbers alone."""
    runs: list[Run] = []
    for parts in _chains(line, letters):
        first, last = line.words[parts[0].first], line.words[parts[-1].last]
        quantity = (
            any(part.large for part in parts)
            or _BEFORE.search(line.text, 0, first.start) is not None
            or _UNIT_AFTER.match(line.low, last.end) is not None
        )
        code = "".join(part.code for part in parts)
        start = first.start
        while start and line.text[start - 1] in "+(#":
            start -= 1
        runs.append(Run(start, last.end, code, quantity, tuple(len(part.code) for part in parts)))
    return runs


def _chains(line: Line, letters: bool) -> Iterator[list[_Part]]:
    """Parts that stand together."""
    chain: list[_Part] = []
    index, count = 0, len(line.words)
    while index < count:
        part = _part(line, index, letters, after=bool(chain))
        if part is not None and (not chain or _joined(line, chain[-1].last, part.first)):
            chain.append(part)
            index = part.last + 1
            continue
        if chain and part is None and _is_filler(line, index, chain[-1]):
            index += 1
            continue
        if chain:
            yield from _trimmed(chain)
            chain = []
        if part is None:
            index += 1
        else:
            chain, index = [part], part.last + 1
    if chain:
        yield from _trimmed(chain)


def _trimmed(chain: list[_Part]) -> Iterator[list[_Part]]:
    """Nobody ends a code with the letters that begin the next sentence ("I", "a")."""
    while chain and chain[-1].code in ("a", "i"):
        chain = chain[:-1]
    while chain and chain[0].code in ("a", "i") and not (len(chain) > 2 and chain[1].code.isalpha()):
        chain = chain[1:]
    if any((part.code and part.code[0].isdecimal()) or part.code[-1:].isdecimal() for part in chain):
        yield chain


def _joined(line: Line, before: int, after: int) -> bool:
    """Whether only joints and fillers stand between the two words."""
    for index in range(before, after):
        if not _JOINT.fullmatch(line.gap(index)):
            return False
    gap = line.gap(before)
    # "It is 5. 3 people came", "7447). 2. Economy": a short written number joins none over a full stop.
    written = [word.text for word in (line.words[before], line.words[after]) if word.text.isdecimal()]
    return not ("." in gap and " " in gap and written and min(map(len, written)) < 2)


def _is_filler(line: Line, index: int, last: _Part) -> bool:
    low = line.words[index].low
    known = low in FILLERS or (low == "and" and (last.large or last.code == "00"))
    return known and index - last.last <= _MAX_FILLERS


def _part(line: Line, index: int, letters: bool, *, after: bool) -> _Part | None:
    word = line.words[index]
    if word.low.isdecimal() and word.low.isascii():
        return _Part(index, index, word.low)
    said = _said(line, index, after)
    if said is not None:
        return said
    if not letters:
        return None
    return _letters(line, index, word)


def _letters(line: Line, index: int, word: Word) -> _Part | None:
    if len(word.low) == 1 and word.low.isascii() and word.low.isalpha():
        known = word.text.isupper() if line.cased else word.low not in ("a", "i")
        return _Part(index, index, word.low) if known else None
    if _is_prefix(line, index):
        return _Part(index, index, word.low)
    if word.low in NATO and _spells(line, index):
        return _Part(index, index, NATO[word.low])
    if (
        _MIXED.fullmatch(word.low)
        and not word.low.startswith("0x")
        and not re.fullmatch(r"\d+(?:st|nd|rd|th|am|pm|k|s|x|h|m|min)", word.low)
    ):
        return _Part(index, index, word.low)
    return None


def _is_prefix(line: Line, index: int) -> bool:
    """ "XQH 449 201": capitals right before or after digits."""
    word = line.words[index]
    if not (line.cased and 2 <= len(word.text) <= 4 and word.text.isupper() and word.text.isalpha()):
        return False
    if word.low in _ABBREVIATIONS or not word.text.isascii():
        return False
    beside = [line.words[one].low for one in (index - 1, index + 1) if 0 <= one < len(line.words)]
    return any(low.isdecimal() for low in beside)


def _spells(line: Line, index: int) -> bool:
    """One word of a spelling alphabet is a word; two of them, or one beside a digit, spell."""
    for beside in (index - 1, index + 1):
        if 0 <= beside < len(line.words):
            low = line.words[beside].low
            if low in NATO or low in UNITS or low.isdecimal() or len(low) == 1:
                return True
    return False


def _said(line: Line, index: int, after: bool) -> _Part | None:
    words, word = line.words, line.words[index]
    following = words[index + 1].low if index + 1 < len(words) else ""
    if word.low in REPEATS:
        digit = UNITS.get(following) or ("0" if following in ("o", "oh") else None)
        if digit is None and len(following) == 1 and following.isascii() and following.isdecimal():
            digit = following
        return _Part(index, index + 1, digit * REPEATS[word.low]) if digit else None
    if word.low in ("o", "oh"):
        return _Part(index, index, "0") if _is_zero(line, index, after) else None
    if word.low in LARGE:
        return _Part(index, index, "", large=True) if after else None
    if word.low == "hundred":
        return _Part(index, index, "00") if after else None
    if word.low in UNITS:
        return _Part(index, index, UNITS[word.low])
    if word.low in TEENS:
        return _Part(index, index, TEENS[word.low])
    if word.low in TENS:
        unit = UNITS.get(following, "")
        if unit and unit != "0" and line.gap(index).strip() in ("", "-", "–"):
            return _Part(index, index + 1, TENS[word.low] + unit)
        return _Part(index, index, TENS[word.low] + "0")
    return None


def _is_zero(line: Line, index: int, after: bool) -> bool:
    """ "oh" is a zero beside another number, and an exclamation elsewhere."""
    if index + 1 < len(line.words):
        low = line.words[index + 1].low
        numeric = low in UNITS or low in TEENS or low in TENS or low in REPEATS or low in ("o", "oh")
        # "Oh, two of them": a comma after it, and nothing before it, is the exclamation.
        if (numeric or low.isdecimal()) and (after or "," not in line.gap(index)):
            return True
    return after


def luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(code: str) -> bool:
    """The check of ISO 13616: the rearranged code, letters as numbers from 10, is 1 modulo 97."""
    if not re.fullmatch(r"[a-z]{2}\d{2}[a-z0-9]{11,30}", code, re.ASCII):
        return False
    moved = code[4:] + code[:4]
    return int("".join(str(int(one, 36)) for one in moved)) % 97 == 1

"""Dates, dates of birth, times of day and ages, written and said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from . import cues
from .fields import Field
from .lines import Finding, Line, spans

_MONTHS: Final = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
)
_UNIT: Final = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TEEN: Final = r"(?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)"
_TENS: Final = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_ORDINAL: Final = (
    r"(?:(?:twenty|thirty)[ -](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|"
    r"first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|"
    r"fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)"
)
_BELOW_100: Final = rf"(?:{_TENS}(?:[ -]{_UNIT})?|{_TEEN}|(?:oh|o)[ -]{_UNIT}|{_UNIT})"
_YEAR: Final = (
    rf"(?:(?:19|20)\d\d|['’]\d\d|(?:nineteen|twenty)[ -](?:hundred|{_BELOW_100})|"
    rf"two thousand(?: and)?(?: {_BELOW_100})?)"
)
_DAY: Final = rf"(?:(?:[0-2]?\d|3[01])(?:st|nd|rd|th)?\b|{_ORDINAL}|{_BELOW_100})"
_WRITTEN_DAY: Final = rf"(?:(?:[0-2]?\d|3[01])(?:st|nd|rd|th)?\b|{_ORDINAL})"
_CERTAIN_DAY: Final = rf"(?:(?:[0-2]?\d|3[01])(?:st|nd|rd|th)\b|{_ORDINAL})"

_DATE: Final = re.compile(
    rf"(?<!\w)(?:"
    rf"{_MONTHS}[ ,]*(?:the )?{_DAY}(?:[ ,]+(?:of )?{_YEAR})?(?!\w)"
    rf"|(?:the )?{_WRITTEN_DAY}[ ,]+(?:of )?{_MONTHS}(?:[ ,]+{_YEAR})?(?!\w)"
    rf"|{_MONTHS}[ ,]+(?:of )?{_YEAR}(?!\w)"
    r"|\d{4}-\d{1,2}-\d{1,2}(?!\d)"
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)?\d{2}(?![\d/.-]\d)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day(?:,? (?:the )?" + _CERTAIN_DAY + r")?(?!\w)"
    rf"|the {_CERTAIN_DAY}(?= (?:at|of next|of this)\b)"
    rf"|(?<=in )(?:19|20)\d\d(?!\w)"
    rf"|(?<=in )nineteen[ -]{_BELOW_100}(?!\w)"
    r")"
)
_MAY: Final = re.compile(r"\bmay\b")
_VERB_FOLLOWS: Final = re.compile(
    r" (?:be|have|not|also|need|want|take|get|come|go|i|we|you|well|just|help|still|or)\b"
)

_HOUR: Final = rf"(?:1[0-2]|0?[1-9]|{_UNIT}|ten|eleven|twelve)"
_MINUTE: Final = (
    r"(?:(?:twenty|thirty|forty|fifty)(?:[ -]" + _UNIT + r")?|ten|fifteen|(?:oh|o)[ -](?:five|\w+))"
)
_HALF: Final = r"(?:[ap]\.?\s?m\b\.?|in the (?:morning|afternoon|evening)|at night)"
_TIME: Final = re.compile(
    rf"(?<![\w:.])(?:"
    rf"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\s?{_HALF})?"
    rf"|{_HOUR}(?: {_MINUTE})?\s?{_HALF}"
    rf"|{_HOUR} o['’]?clock(?: {_HALF})?"
    rf"|(?:half|quarter|{_MINUTE}) (?:past|to|after|before) {_HOUR}(?: {_HALF})?"
    rf"|(?<=at ){_HOUR} (?:thirty|fifteen|forty[ -]five)(?! (?:{_UNIT}|{_TEEN}|{_TENS}|oh|o|double)\b)"
    rf"|noon|midnight"
    rf")(?![\w:])"
)

_BELOW_130: Final = rf"(?:1?\d?\d|(?:one hundred(?: and)? )?{_BELOW_100})"
_AGE: Final = re.compile(
    rf"(?<![\w.])(?P<said>{_BELOW_130})[ -]years?[ -](?:old|of age)"
    rf"|(?<!\w)(?:aged?|age is|age of|turned|turning|turns) (?P<told>{_BELOW_130})(?![\w%:.]*\d| (?:dollars|"
    rf"percent))"
    rf"|(?<!\w)(?:i'm|i am|he's|she's|he is|she is) (?P<am>[1-9]\d|{_TENS}(?:[ -]{_UNIT})?)"
    r"(?=[.!]?$|[.!] |, and | and (?:i|he|she)\b)"
)
_ASKS_AGE: Final = re.compile(r"\bhow old\b|\b(?:your|his|her|patient's|the) age\b|\bage of the\b")
_NUMBER: Final = re.compile(rf"(?<![\w.]){_BELOW_130}(?![\w%]|[.:]\d)")
_SHORT_ANSWER: Final = 6
"""Words of an answer that holds the age and little else."""


_OTHERS: Final = (cues.PHONE, cues.CARD, cues.SSN, cues.BANK, cues.ACCOUNT, cues.HEALTH, cues.PASSPORT)
"""Numbers that may be grouped as dates are: "sort code 20-30-12"."""


def dates(lines: Sequence[Line]) -> Iterator[Finding]:
    """A date that a birth is spoken of before, or asked for, is one of birth."""
    asked = 0
    for index, line in enumerate(lines):
        low, at = line.low, 0
        for start, end in spans(_DATE, low):
            if _is_verb(line, start, end) or _is_clock_part(low, start, end):
                continue
            near = cues.before(low, at, start)
            at = end
            if near in _OTHERS and not any(one.isalpha() for one in low[start:end]):
                continue
            born = near is cues.BIRTH or (asked > 0 and near in (None, cues.OTHER))
            yield Finding(index, start, end, cues.BIRTH.fields if born else (Field.DATE,))
        asks = cues.asked(low, 0)
        asked = 3 if asks is cues.BIRTH else 0 if asks is not None else asked - 1


def _is_verb(line: Line, start: int, end: int) -> bool:
    """Whether the month is May and no month: "the second may be wrong", "may one ask"."""
    may = _MAY.search(line.low, start, end)
    if may is None:
        return False
    small = line.cased and line.text[may.start()].islower()
    return small or (may.end() == end and bool(_VERB_FOLLOWS.match(line.low, end)))


def _is_clock_part(low: str, start: int, end: int) -> bool:
    """ "the first of March" is a date; "second, March on" is none: an ordinal and month need their joint."""
    return low[start:end].startswith("second,") or low[start:end].startswith("one, ")


def times(lines: Sequence[Line]) -> Iterator[Finding]:
    for index, line in enumerate(lines):
        for start, end in spans(_TIME, line.low):
            yield Finding(index, start, end, (Field.TIME,))


def ages(lines: Sequence[Line]) -> Iterator[Finding]:
    asked = False
    for index, line in enumerate(lines):
        found = False
        for match in _AGE.finditer(line.low):
            for name in ("said", "told", "am"):
                if match[name]:
                    found = True
                    yield Finding(index, *match.span(name), (Field.AGE,))
        if asked and not found and len(line.words) <= _SHORT_ANSWER:
            for start, end in spans(_NUMBER, line.low):
                yield Finding(index, start, end, (Field.AGE,))
        asked = bool(_ASKS_AGE.search(line.low))

"""Addresses, and places that somebody lives at or names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .fields import Field
from .lines import Finding, Line, word_set
from .numbers import NUMBER_WORDS, REPEATS
from .place_lists import CITIES, COUNTRIES, STATES, STREET

PLACE: Final = (Field.LOCATION,)
_SAID: Final = rf"(?:{'|'.join(sorted(NUMBER_WORDS | {'oh'}))})"
_HOUSE: Final = rf"(?:\d{{1,6}}[a-z]?|{_SAID}(?:[ -]{_SAID}){{0,5}})"
_NAMED: Final = rf"(?:{CITIES}|{STATES}|{COUNTRIES})"
_TOWN: Final = r"[a-z][\w.'-]+(?: [a-z][\w.'-]+){0,2}"
_ZIP: Final = (
    rf"(?:\d{{5}}(?:-\d{{4}})?|{_SAID}(?:[ ,-]{{1,2}}{_SAID}){{4,5}}|[a-z]{{1,2}}\d[a-z\d]? ?\d[a-z]{{2}})"
)
_STREET: Final = re.compile(
    rf"(?<![\w$€£.,:]){_HOUSE},? (?:(?:north|south|east|west|n|s|e|w)\.? )?"
    rf"(?:(?!(?:of|is|at|on|in|to|a|by|people|minutes|hours|dollars|and|or|more)\b)(?:[\w'-]+|st\.) ){{1,3}}"
    rf"(?:{STREET})\b\.?(?!['’\w])"
    rf"(?:,? (?:(?:apt|apartment|unit|suite|flat|floor|number)\b\.?,? ?#?(?:[a-z]?\d+[a-z]?|"
    rf"{_SAID}(?: [a-z]\b)?|[a-z]\b)))?"
    rf"(?:,? (?:in )?{_NAMED})?(?:,? {_NAMED})?(?:,? [a-z]{{2}}(?=,? \d{{5}}))?(?:,? {_ZIP})?",
)
_BOX: Final = re.compile(rf"\bp\.? ?o\.? box (?:\d+|{_SAID}(?: {_SAID}){{0,6}})")
_LIVES: Final = re.compile(
    r"\b(?:i live (?:in|at|on|near)|we live (?:in|at|on|near)|i'm (?:based )?in|i am (?:based )?in|(?:i'm|"
    r"i am|we're) "
    r"calling from|address is|my address(?:'s)?|located (?:in|at)|i'm from|i am from|"
    r"deliver(?:ed)? (?:it )?to|"
    r"ship(?:ped)? (?:it )?to|send it to|moved to|moving to|born in|i grew up in)[ :]+"
)
_POST: Final = re.compile(r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)")
_STATE_ZIP: Final = re.compile(r"(?<!\w)[A-Z]{2},? \d{5}(?:-\d{4})?(?!\w)")
_KNOWN: Final = re.compile(rf"(?<![\w-]){_NAMED}(?:, (?:{STATES}|{COUNTRIES}))?(?!['’-]?\w)")
_STATE: Final = re.compile(r",? [A-Z]{2}(?!\w)")
_NOT_PLACES: Final = word_set(
    """
    queens phoenix rome orlando florence naples richmond wellington lima turkey perth
    """
)
"""Common as other things: capitals must tell."""
_TEAM: Final = re.compile(
    r"[ ]+(?:bank|airlines|airways|style|time|pizza|cheese|steak|roll|rolls|dressing|general|dental|clinic)\b"
)
_ASKS: Final = re.compile(
    r"\b(?:(?:your|the|home|mailing|billing|delivery|shipping|street|current|full) )+address\b(?! book)|"
    r"\bwhere (?:do you live|are you (?:calling from|located|based)|should (?:we|i) (?:send|deliver|ship))|"
    r"\bwhich (?:city|town|state)|\bwhat (?:city|town|state|street)\b"
)
_EMAIL: Final = re.compile(r"e-?mail address")
_SHORT_ANSWER: Final = 18
_LEAD: Final = word_set(
    """
    yes yeah yep sure okay ok uh um er oh it's its it is that's that the my our address at number i live
    we of course well so right send to please home new current
    """
)
"""What may stand before the house number of an answer."""
_UNIT: Final = re.compile(
    r"\b(?:dollars?|euros?|pounds?|people|minutes?|hours?|days?|weeks?|months?|years?|percent|of us)\b"
)


def find(lines: Sequence[Line]) -> Iterator[Finding]:
    asked = 0
    for index, line in enumerate(lines):
        yield from _in_line(index, line)
        if asked > 0:
            found = [*_answer(index, line)]
            yield from found
            asked = 0 if found else asked
        asks = _ASKS.search(line.low) and not _EMAIL.search(line.low)
        asked = 2 if asks else asked - 1


def _in_line(index: int, line: Line) -> Iterator[Finding]:
    low = line.low
    for pattern in (_STREET, _BOX):
        for match in pattern.finditer(low):
            yield Finding(index, match.start(), match.start() + len(match[0].rstrip(" .,")), PLACE)
    for pattern in (_POST, _STATE_ZIP):
        for match in pattern.finditer(line.text):
            yield Finding(index, *match.span(), PLACE)
    for match in _KNOWN.finditer(low):
        capital = line.text[match.start()].isupper()
        if (capital if line.cased else match[0] not in _NOT_PLACES) and not _TEAM.match(low, match.end()):
            state = _STATE.match(line.text, match.end()) if line.cased else None
            yield Finding(index, match.start(), state.end() if state else match.end(), PLACE)
    for match in _LIVES.finditer(low):
        yield from _town(index, line, match.end())


def _town(index: int, line: Line, start: int) -> Iterator[Finding]:
    """Capitalised words behind "I live in"."""
    if not line.cased:
        return
    first = line.word_from(start)
    last = None
    for number in range(first, min(first + 4, len(line.words))):
        word = line.words[number]
        if (
            not word.text[0].isupper()
            or word.low in ("i", "i'm")
            or (last is not None and line.gap(number - 1) not in (" ", ", ", "-"))
        ):
            break
        last = number
    if last is not None and line.words[first].start <= start + 1:
        yield Finding(index, line.words[first].start, line.words[last].end, PLACE)


def _answer(index: int, line: Line) -> Iterator[Finding]:
    """The answer to "what's your address?" from its house number on, where the turn is little else."""
    if not line.words or len(line.words) > _SHORT_ANSWER or line.text.rstrip().endswith("?"):
        return
    first = next(
        (
            number
            for number, word in enumerate(line.words)
            if word.low.isdecimal() or word.low in NUMBER_WORDS or word.low in REPEATS
        ),
        None,
    )
    if first is None or any(word.low not in _LEAD for word in line.words[:first]):
        return
    last = next(number for number in range(first, len(line.words)) if line.ends_sentence(number))
    start, end = line.words[first].start, line.words[last].end
    if last - first >= 2 and not _UNIT.search(line.low, start, end):
        yield Finding(index, start, end, PLACE)

"""E-mail and web addresses, IP addresses, file and user names, passwords: written, and said, as in
"john dot smith at gmail dot com"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from .fields import Field
from .lines import Finding, Line, word_set
from .numbers import NATO, NUMBER_WORDS, REPEATS

_TLDS: Final = word_set(
    """
    com org net edu gov io co uk us de fr es it ch at nl be eu ca au nz ie in jp cn br mx se no dk fi pl
    pt info biz me app dev ai tv health bank shop store online site tech cloud care
    """
)
_PROVIDERS: Final = word_set(
    """
    gmail googlemail yahoo hotmail outlook icloud aol proton protonmail gmx msn live comcast verizon
    fastmail zoho yandex att btinternet
    """
)
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+%'-]{1,64}\s?@\s?[\w-]+(?:\.[\w-]+)+(?!\w)")
_SITES: Final = "|".join(sorted(_TLDS - {"in", "it", "me", "at", "no", "us"}))
"""Those that are no words of their own."""
_URL: Final = re.compile(
    r"(?<!\w)(?:https?://[^\s<>\"']+|www\.[^\s<>\"']+|"
    rf"(?<![@\w.-])(?:[a-z0-9][a-z0-9-]*\.)+(?:{_SITES})"
    r"(?![\w@]|\.\w)(?:/[^\s<>\"']*)?)"
)
_URL_END: Final = ".,;:!?)"
_FILE: Final = re.compile(
    r"(?<![\w./])[\w][\w.-]*\.(?:pdf|docx?|xlsx?|pptx?|csv|txt|jpe?g|png|gif|zip|mp[34]|wav|html?|json|xml|"
    r"exe|heic)"
    r"(?!\w|\.\w)",
    re.IGNORECASE,
)
_SPOKEN_FILE: Final = re.compile(
    r"(?<!\w)(?:[\w-]+(?: (?:underscore|dash) [\w-]+)*) dot (?:pdf|docx?|xlsx?|csv|txt|jpe?g|png|zip)(?!\w)"
)
_IP4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IP6: Final = re.compile(r"(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])")
_SAID: Final = rf"(?:{'|'.join(sorted(NUMBER_WORDS | {'oh'}))}|\d{{1,3}})"
_NUMBER: Final = rf"{_SAID}(?:[ -]{_SAID}){{0,3}}"
_SPOKEN_IP: Final = re.compile(
    rf"(?<!\w){_NUMBER} (?:dot|point|period) {_NUMBER} (?:dot|point|period) {_NUMBER} (?:dot|point|period) "
    rf"{_NUMBER}(?!\w)"
)
_USER: Final = re.compile(
    r"\b(?:user ?name|user id|log ?in(?: name| id)?|screen name|handle|gamertag)\b(?: \w+){0,3}? (?:is|was|"
    r"it's)"
    r"[ :]+(?P<name>[^\s,;?!]+(?:(?: (?:underscore|dash|dot)) [^\s,;?!]+)*)"
    r"|\b(?:user ?name|login): ?(?P<noted>[^\s,;?!]+)"
    r"|(?<![\w.@])(?P<at>@[a-z_][\w.]{2,29})(?![\w@])"
)
_PASSWORD: Final = re.compile(
    r"\b(?:pass ?word|pass ?phrase|pass ?code|pin|security (?:word|answer))\b(?: \w+){0,3}? (?:is|was|it's|"
    r"to)[ :]+"
    r"(?P<word>[^\s,;?!]+)"
    r"|\b(?:password|passcode|pin): ?(?P<noted>[^\s,;?!]+)"
)
_NOT_SAID: Final = word_set(
    """
    a an the not wrong incorrect correct right it that this what so too my your in on by be case at for to
    no expired invalid reset required being still now always very and or with locked something same sent
    fine different important working also already longer only weak strong secure case-sensitive is was
    incorrect. wrong. correct. expired. invalid. required. you we they i please
    """
)
_JOINTS: Final = frozenset({"dot", "underscore", "dash", "hyphen", "period", "plus", "point"})
_NOT_LOCAL: Final = word_set(
    """
    is it's its that's email e-mail mail address my to me the a an and or yes yeah yep sure so uh um okay
    ok look see find us visit go check shop buy available online right here there arrive order meet be was
    at on in for of send reach contact write sent it this that your our his her get with email's please
    work works now website site page book sign signed
    """
)
_ASKS_USER: Final = re.compile(r"\b(?:user ?name|user id|log ?in name|screen name|handle)\b")
_HANDLE: Final = re.compile(r"(?<![\w.@])[a-z][a-z0-9]*(?:[_.-][a-z0-9]+)*(?:[_.-][a-z0-9]+|\d+)(?![\w@])")
_ASKS_EMAIL: Final = re.compile(r"\be-?mail\b")


def find(lines: Sequence[Line]) -> Iterator[Finding]:
    expects_email = expects_user = 0
    for index, line in enumerate(lines):
        yield from _written(index, line)
        yield from _spoken(index, line, expects=expects_email > 0)
        yield from _credentials(index, line)
        if expects_user > 0:
            for match in _HANDLE.finditer(line.low):
                yield Finding(index, *match.span(), (Field.USERNAME,))
        expects_email = 3 if _ASKS_EMAIL.search(line.low) else expects_email - 1
        expects_user = 2 if _ASKS_USER.search(line.low) else expects_user - 1


def _written(index: int, line: Line) -> Iterator[Finding]:
    low = line.low
    for match in _EMAIL.finditer(low):
        yield Finding(index, *match.span(), (Field.EMAIL_ADDRESS,))
    for match in _URL.finditer(low):
        end = match.start() + len(match[0].rstrip(_URL_END))
        yield Finding(index, match.start(), end, (Field.URL,))
    for pattern in (_FILE, _SPOKEN_FILE):
        for match in pattern.finditer(low):
            yield Finding(index, *match.span(), (Field.FILENAME,))
    for match in (*_IP4.finditer(low), *_IP6.finditer(low)):
        if _is_ip(match[0]):
            yield Finding(index, *match.span(), (Field.IP_ADDRESS,))
    for match in _SPOKEN_IP.finditer(low):
        yield Finding(index, *match.span(), (Field.IP_ADDRESS,))


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return len(text) > 4


# --- said ------------------------------------------------------------------------------------------------


def _spoken(index: int, line: Line, *, expects: bool) -> Iterator[Finding]:
    """Whatever ends in "dot com", and what stands before its "at"."""
    words = line.words
    expects_here = expects or bool(_ASKS_EMAIL.search(line.low))
    at_end = 0
    for number, word in enumerate(words):
        if number < at_end:
            continue
        provider = word.low in _PROVIDERS and number and words[number - 1].low == "at"
        if not provider and not (word.low == "dot" and _tld(line, number + 1)):
            continue
        first, last = _domain(line, number, provider=bool(provider))
        at_end = last + 1
        at = first - 1
        if at >= 0 and words[at].low == "at":
            start = _local(line, at, expects=expects_here)
            if start is not None:
                yield Finding(index, words[start].start, words[last].end, (Field.EMAIL_ADDRESS,))
                continue
        if not provider:
            first, last = _www(line, first), _path(line, last)
            yield Finding(index, words[first].start, words[last].end, (Field.URL,))
    if expects and not at_end:
        yield from _begun(index, line)


def _tld(line: Line, number: int) -> bool:
    return number < len(line.words) and line.words[number].low in _TLDS


def _domain(line: Line, number: int, *, provider: bool) -> tuple[int, int]:
    """First and last word around a "dot" before a top level domain, or around a provider's name."""
    words = line.words
    last = number
    while last + 2 < len(words) and words[last + 1].low == "dot" and _tld(line, last + 2):
        last += 2
    if not provider:
        last = number + 1
        while last + 2 < len(words) and words[last + 1].low == "dot" and _tld(line, last + 2):
            last += 2
        first = number - 1
        for _ in range(3):  # "at my company dot com"
            if first > 0 and words[first - 1].low == "at":
                return first, last
            if first > 1 and words[first - 1].low in _JOINTS:
                first -= 2
            elif first > 0 and _near_at(line, first):
                first -= 1
        return max(first, 0), last
    return number, last


def _near_at(line: Line, first: int) -> bool:
    """Whether "at" stands up to two words before."""
    return any(line.words[place].low == "at" for place in range(max(first - 3, 0), first))


def _local(line: Line, at: int, *, expects: bool) -> int | None:
    """The word that the part before "at" begins with; None where it is no such part."""
    words = line.words
    start, joined = at, False
    place = at - 1
    while place >= 0 and at - place < 24:
        if place < at - 1 and line.ends_sentence(place):
            break
        low = words[place].low
        atom = low not in _NOT_LOCAL or (len(low) == 1 and _is_spelled(line, place))
        if low in _JOINTS:
            joined = True
        elif (start < at and words[start].low not in _JOINTS and not _goes_on(line, place)) or not atom:
            break
        start, place = place, place - 1
    while start < at and words[start].low in _JOINTS:
        start += 1
    if start < at:
        return start
    return at if expects or joined else None


def _is_spelled(line: Line, place: int) -> bool:
    beside = [line.words[one].low for one in (place - 1, place + 1) if 0 <= one < len(line.words)]
    return any(len(low) == 1 or low in NUMBER_WORDS or low == "at" for low in beside)


def _goes_on(line: Line, place: int) -> bool:
    """Whether the word before belongs to the same name: spelled letters, digits, or a name before digits."""
    low, following = line.words[place].low, line.words[place + 1].low
    short = len(low) == 1 or low in NUMBER_WORDS or low.isdecimal() or low in REPEATS or low in NATO
    after = len(following) == 1 or following in NUMBER_WORDS or following.isdecimal() or following in REPEATS
    return short or after or (low == "oh" or following == "oh")


def _www(line: Line, first: int) -> int:
    """The first word where "www dot" stands some words before, in one or three."""
    words = line.words
    for place in range(first, max(first - 5, -1), -1):
        if words[place].low == "www" or (words[place].low == "w" and place > 1):
            return place if words[place].low == "www" else place - 2
    return first


def _path(line: Line, last: int) -> int:
    """With "slash menu" behind it."""
    words = line.words
    while last + 2 < len(words) and words[last + 1].low == "slash":
        last += 2
    return last


def _begun(index: int, line: Line) -> Iterator[Finding]:
    """An answer to the question for an address that goes on in the next turn: "jane underscore doe"."""
    words = line.words
    places = [n for n, word in enumerate(words) if word.low in _JOINTS and 0 < n < len(words) - 1]
    if places:
        start, end = places[0] - 1, places[-1] + 1
        while start > 0 and len(words[start - 1].low) == 1 and len(words[start].low) == 1:
            start -= 1
        yield Finding(index, words[start].start, words[end].end, (Field.EMAIL_ADDRESS,))
        return
    letters = [n for n, word in enumerate(words) if len(word.low) == 1 and word.low.isalpha()]
    if len(letters) >= 3 and letters[-1] - letters[0] == len(letters) - 1:
        yield Finding(
            index, words[letters[0]].start, words[letters[-1]].end, (Field.EMAIL_ADDRESS, Field.PERSON_NAME)
        )


def _is_number(said: str) -> bool:
    """Left to those who read numbers to their end."""
    return said.isdecimal() or said in NUMBER_WORDS or said in REPEATS or len(said) == 1


def _credentials(index: int, line: Line) -> Iterator[Finding]:
    for pattern, field in ((_USER, Field.USERNAME), (_PASSWORD, Field.PASSWORD)):
        for match in pattern.finditer(line.low):
            for name in match.groupdict():
                said = match[name]
                if said and said.rstrip(".") not in _NOT_SAID and not _is_number(said.rstrip(".")):
                    end = match.start(name) + len(said.rstrip(".:"))
                    yield Finding(index, match.start(name), end, (field,))

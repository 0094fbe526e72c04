"""Names of people: by what is said around them, by the question they answer, by a list of first names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .fields import Field
from .lines import Finding, Line, word_set
from .name_lists import COMMON, COMPANY, FIRST_NAMES, MEDICAL_TITLES, TITLES, WORDS_FIRST, WORDS_TOO
from .numbers import NATO, NUMBER_WORDS

PERSON: Final = (Field.PERSON_NAME,)
MEDICAL: Final = (Field.MEDICAL_PROFESSIONAL, Field.PERSON_NAME)
MAX_WORDS: Final = 4
_PARTICLES: Final = word_set(
    """
    de la van von der den del da di bin al el st mc le du dos o'
    """
)

_CERTAIN: Final = re.compile(
    r"\b(?:(?:first|last|middle|full|maiden|sur|family|given|her|his|my|the|your|patient'?s?|wife'?s?|"
    r"husband'?s?|son'?s?|daughter'?s?|passenger'?s?|guest'?s?|\w+'s)\s?names? ?(?:is|was|'s|would be|:)|"
    r"name's|(?:it's|it is|booked|reservation|reserved|booking|put it|put that|account is|listed|registered) "
    r"(?:is )?under(?: the name)?(?: of)?|under the name(?: of)?|in the name of|name of the \w+ is|"
    r"call(?:ed)? me|i go by|(?:also )?known as|spelled)[ ,:]+(?:uh,? |um,? |it's |is |that's )*"
)
"""Words that a name follows, whatever it looks like."""
_LIKELY: Final = re.compile(
    r"\b(?:this is|i'm|i am|it's|it is|here is|here's|that's|am i speaking (?:with|to)|speaking (?:with|to)|"
    r"speak (?:with|to)|talk to|talking to|is this|are you|ask for|asking for|thank you,?|thanks,?|"
    r"thanks so much,?|"
    r"thank you so much,?|thank you very much,?|hi,?|hello,?|hey,?|bye,?|goodbye,?|dear|good (?:morning|"
    r"afternoon|"
    r"evening),?|okay,?|sure,?|sorry,?|perfect,?|great,?|welcome,?|(?:my|his|her|their|your) (?:wife|"
    r"husband|son|"
    r"daughter|mother|father|mom|dad|sister|brother|partner|boss|colleague|friend|manager|assistant),?|"
    r"appointment for|reservation for|booking for|message for|calling for|on behalf of|from|with|by|and|see|"
    r"reach)[ ]+"
)
"""Words that a name may follow where it looks like one."""
_ADDRESSED: Final = re.compile(
    r"\b(?:yes|no|okay|ok|sure|will|thanks|much|thank you|great|perfect|right|there|bye|welcome|well|"
    r"understood|understand|course|problem|sorry|please|(?:my|his|her|their|your) (?:wife|husband|son|"
    r"daughter|mother|father|mom|dad|sister|brother|partner|boss|colleague|friend)), (?=[^\W\d_])"
)
"""Words before a comma and the name of whoever is spoken to, or of."""
_INTRODUCES: Final = ("this is", "i'm", "i am", "am i speaking with", "am i speaking to", "is this")
_BOOKED: Final = ("reservation for", "booking for", "appointment for", "message for", "behalf of")
_SPEAKING: Final = re.compile(r"(?:(?<=[A-Za-z], )|^)[^\W\d_]+(?: [^\W\d_]+)? speaking\b")
_SAYS_WHO: Final = re.compile(r"[, ]+(?:speaking|here|calling|from|with|and i|i'm|how|your|at|again)\b")
_ASKS: Final = re.compile(
    r"\b(?:your|the|full|first|last|middle|maiden|family|patient'?s?|caller'?s?|cardholder'?s?|his|her|sur) ?"
    r"(?:full |first |last |and |or )*names?\b|\bwho (?:am i|is this|'s this|do i have|is calling|"
    r"'s calling)|"
    r"\bwho(?:'s| is| am i| was) (?:this|calling|speaking)|\bname (?:on|for) (?:the|your|that|this)\b|"
    r"\bspell (?:that|it|your|the)|\b(?:may|can|could) i (?:have|get|ask|take) (?:your|a|the) "
    r"(?:\w+ )?name|\bwhat (?:should|can|do) i call you|\bwhat name\b|\bwho should i\b|"
    r"\bwho(?:'s| is) (?:it|this|that|the \w+|your \w+) for\b"
)
_LEAD: Final = word_set(
    """
    yes yeah yep sure okay ok uh um er oh it's its is that's thats this my name the i'm am i of course so
    well hi hello right alright please certainly first last and surname full it that would be and's name's
    """
)
_SHORT_ANSWER: Final = 10


def find(lines: Sequence[Line]) -> Iterator[Finding]:
    """Names. One that is found with certainty is found wherever else it is said."""
    certain: dict[str, tuple[Field, ...]] = {}
    found: list[Finding] = []
    asked = 0
    for index, line in enumerate(lines):
        here = [*_in_line(index, line)]
        if asked > 0:
            here += _answer(index, line)
        for finding in here:
            for low in _words_of(line, finding):
                if len(low) > 2 and low not in COMMON and low not in WORDS_TOO:
                    certain.setdefault(low, finding.fields)
        found += here
        asked = 2 if _ASKS.search(line.low) else asked - 1
    yield from found
    for index, line in enumerate(lines):
        for word in line.words:
            low = word.low.removesuffix("'s")
            if low in certain and (not line.cased or word.text[0].isupper()):
                yield Finding(index, word.start, word.start + len(low), certain[low])


def _words_of(line: Line, finding: Finding) -> list[str]:
    inside = line.words[line.word_from(finding.start) : line.word_from(finding.end)]
    return [word.low.removesuffix("'s") for word in inside if word.low not in _PARTICLES]


def _in_line(index: int, line: Line) -> Iterator[Finding]:
    for match in _CERTAIN.finditer(line.low):
        yield from _from(index, line, match.end(), certain=True)
    for match in _LIKELY.finditer(line.low):
        yield from _likely(index, line, match)
    for match in _ADDRESSED.finditer(line.low) if line.cased else ():
        yield from _addressed(index, line, match.end())
    for match in _SPEAKING.finditer(line.text):
        yield from _from(index, line, match.start(), certain=False)
    for number, word in enumerate(line.words):
        titled = word.low in TITLES or word.low in MEDICAL_TITLES
        if titled and number + 1 < len(line.words) and line.gap(number).strip() in ("", "."):
            fields = MEDICAL if word.low in MEDICAL_TITLES else PERSON
            last = _name_end(line, number + 1, certain=_names_follow(line, number))
            if last is not None and _is_titled(line, number + 1):
                yield Finding(index, line.words[number + 1].start, line.words[last].end, fields)
    yield from _listed(index, line)


_SURE_TITLES: Final = frozenset(["mr", "mrs", "ms", "mister", "dr"])
_VERB: Final = re.compile(r".*(?:ed|ing|s)")


def _names_follow(line: Line, number: int) -> bool:
    """Whether what stands behind a title can hardly be anything but a name. Without capitals, a doctor may be
    one who "prescribed" something."""
    title, word = line.words[number].low, line.words[number + 1]
    if line.cased:
        return title not in ("sir", "miss")
    return title in _SURE_TITLES or (title in MEDICAL_TITLES and not _VERB.fullmatch(word.low))


def _is_titled(line: Line, number: int) -> bool:
    word = line.words[number]
    return word.text[0].isupper() if line.cased else word.low not in COMMON


def _from(index: int, line: Line, start: int, *, certain: bool) -> Iterator[Finding]:
    first = line.word_from(start)
    if first == len(line.words):
        return
    letters = _letters_end(line, first)
    if letters is not None:
        yield Finding(index, line.words[first].start, line.words[letters].end, PERSON)
        return
    last = _name_end(line, first, certain=certain)
    if last is not None:
        yield Finding(index, line.words[first].start, line.words[last].end, PERSON)
        if last + 1 < len(line.words):
            spelled = _letters_end(line, last + 1)
            if spelled is not None:
                yield Finding(index, line.words[last + 1].start, line.words[spelled].end, PERSON)


def _likely(index: int, line: Line, match: re.Match[str]) -> Iterator[Finding]:
    """A name behind words that much else may follow: it must be capitalised or a known first name."""
    first = line.word_from(match.end())
    if first == len(line.words) or line.words[first].start > match.end() + 2:
        return
    last = _name_end(line, first, certain=False)
    if last is None and _is_word_as_name(line, first):
        yield Finding(index, line.words[first].start, line.words[first].end, PERSON)
    if last is None or _is_company(line, last):
        return
    known = line.words[first].low in FIRST_NAMES or _is_word_as_name(line, first)
    introduces = match[0].strip().startswith(_INTRODUCES)
    several = last > first
    says_who = _SAYS_WHO.match(line.low, line.words[last].end) is not None
    certain = introduces and (several or says_who or line.ends_sentence(last))
    if known or (line.cased and (certain or (several and match[0].strip().endswith(_BOOKED)))):
        yield Finding(index, line.words[first].start, line.words[last].end, PERSON)


def _is_word_as_name(line: Line, first: int) -> bool:
    """ "Thanks, Bill." and "Hi Grace," but no bill and no grace period."""
    word = line.words[first]
    ends = first + 1 == len(line.words) or line.gap(first)[0] in ",.!?"
    return ends and line.cased and word.low in WORDS_FIRST and word.text[0].isupper()


def _addressed(index: int, line: Line, start: int) -> Iterator[Finding]:
    """A capitalised word that a comma and a stop enclose."""
    first = line.word_from(start)
    if first == len(line.words) or not line.text[start].isupper():
        return
    last = _name_end(line, first, certain=False)
    if (
        last is not None
        and not _is_company(line, last)
        and (last + 1 == len(line.words) or line.gap(last).strip())
    ):
        yield Finding(index, line.words[first].start, line.words[last].end, PERSON)


def _is_company(line: Line, last: int) -> bool:
    following = line.words[last + 1].low if last + 1 < len(line.words) else ""
    return line.words[last].low in COMPANY or (following in COMPANY and line.gap(last) == " ")


def _listed(index: int, line: Line) -> Iterator[Finding]:
    """First names that the list knows, capitalised, with what follows them."""
    if not line.cased:
        return
    number = 0
    while number < len(line.words):
        word = line.words[number]
        low = word.low.removesuffix("'s")
        if word.text[0].isupper() and low in FIRST_NAMES and (low not in WORDS_TOO or _goes_on(line, number)):
            last = _name_end(line, number, certain=False)
            if last is not None and not _is_company(line, last):
                end = line.words[last].end
                yield Finding(
                    index, word.start, end - (2 if line.words[last].low.endswith("'s") else 0), PERSON
                )
                number = last
        number += 1


def _goes_on(line: Line, number: int) -> bool:
    """Whether a capitalised word that is no common one follows."""
    if number + 1 >= len(line.words) or line.gap(number) != " ":
        return False
    following = line.words[number + 1]
    return following.text[0].isupper() and following.low not in COMMON and following.low not in COMPANY


def _name_end(line: Line, first: int, *, certain: bool) -> int | None:
    """The last word of a name that begins at word `first`; None where no name does. `certain`: the words
    before leave no other choice, so that it need not look like one."""
    words = line.words
    last = None
    for number in range(first, min(first + MAX_WORDS, len(words))):
        word = words[number]
        if number > first and (line.gap(number - 1) not in (" ", "-", ". ") or _ends(line, number - 1)):
            break
        low = word.low.removesuffix("'s")
        if low in _PARTICLES and last is not None:
            continue
        if not _may_be_name(line, number, certain=certain, begins=number == first):
            break
        last = number
        if low != word.low:
            break
    return last


def _ends(line: Line, number: int) -> bool:
    """A full stop ends a name, but not an initial."""
    return "." in line.gap(number) and len(line.words[number].text) > 1


def _may_be_name(line: Line, number: int, *, certain: bool, begins: bool) -> bool:
    word = line.words[number]
    low = word.low.removesuffix("'s")
    if low in COMMON or low in NUMBER_WORDS or not low.replace("'", "").replace("’", "").isalpha():
        return False
    if line.cased:
        if not word.text[0].isupper():
            return certain and begins and low in FIRST_NAMES
        return len(low) > 1 or not begins
    if len(low) < 2:
        return False
    if begins:
        return certain or (low in FIRST_NAMES and low not in WORDS_TOO)
    return certain or line.words[number - 1].low in FIRST_NAMES


def _letters_end(line: Line, first: int) -> int | None:
    """The last word of a name spelled from word `first`: "S M I T H", "s as in sam m as in mike"."""
    words, number, letters, last = line.words, first, 0, None
    while number < len(words):
        low = words[number].low
        if len(low) == 1 and low.isalpha() and low.isascii():
            letters += 1
            last = number
            if (
                number + 3 < len(words)
                and words[number + 1].low in ("as", "for")
                and words[number + 2].low == "in"
            ):
                number += 3
                last = number
            elif number + 2 < len(words) and words[number + 1].low == "for":
                number += 2
                last = number
        elif low in NATO:
            letters += 1
            last = number
        elif low == "double" and number + 1 < len(words) and len(words[number + 1].low) == 1:
            letters += 1
        else:
            break
        number += 1
    return last if letters >= 3 else None


_BEHIND: Final = word_set(
    """
    here speaking please with from thanks thank spelled and but
    """
)


def _is_all(line: Line, last: int) -> bool:
    """Whether a name's sentence ends with it: "Stopped working" is no answer to who is calling."""
    return (
        last + 1 == len(line.words)
        or bool(line.gap(last).strip())
        or line.words[last + 1].low in _BEHIND
        or _letters_end(line, last + 1) is not None
    )


def _answer(index: int, line: Line) -> Iterator[Finding]:
    """What answers the question for a name: all of a short turn but its polite beginning."""
    for number, word in enumerate(line.words):
        spelled = (
            len(word.low) == 1 and word.low.isalpha() and (number == 0 or len(line.words[number - 1].low) > 1)
        )
        end = _letters_end(line, number) if spelled else None
        if end is not None:
            yield Finding(index, word.start, line.words[end].end, PERSON)
    if not line.words or len(line.words) > _SHORT_ANSWER or line.text.rstrip().endswith("?"):
        return
    first = 0
    while first < len(line.words) and line.words[first].low in _LEAD:
        first += 1
    if first == len(line.words):
        return
    letters = _letters_end(line, first)
    last = letters if letters is not None else _name_end(line, first, certain=True)
    if last is not None and (letters is not None or _is_all(line, last)):
        yield Finding(index, line.words[first].start, line.words[last].end, PERSON)

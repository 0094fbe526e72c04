"""Prices, and what is said of a person: origin, gender, looks, occupation; and events."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .fields import Field
from .lines import Finding, Line, spans
from .numbers import NUMBER_WORDS

_SAID: Final = rf"(?:{'|'.join(sorted(NUMBER_WORDS))})"
_WORDS: Final = rf"(?:an? )?{_SAID}(?:(?:[ -]|,? and ){_SAID}){{0,8}}"
_NUMBER: Final = rf"(?:\d[\d,]*(?:\.\d+)?|{_WORDS}(?: point {_SAID}(?: {_SAID}){{0,3}})?)"
_COIN: Final = (
    r"(?:dollars?|bucks?|cents?|euros?|quid|pence|pounds? sterling|(?:swiss )?francs?|yen|rupees?|pesos?|"
    r"usd|eur|gbp|chf)"
)
_MONEY: Final = re.compile(
    rf"(?<![\w.])(?:[$€£¥]\s?\d[\d,]*(?:\.\d+)?(?:\s?(?:k|m|thousand|million|billion|grand)\b)?"
    rf"|{_NUMBER}(?: (?:thousand|million|billion))? ?{_COIN}(?: and {_NUMBER} cents?)?"
    rf"|{_NUMBER} ?[$€£]"
    rf"|(?:usd|eur|gbp|chf) ?\d[\d,]*(?:\.\d+)?)(?!\w)"
)
_POUNDS: Final = re.compile(rf"(?<![\w.]){_NUMBER} pounds?(?: {_NUMBER})?(?!\w)")
_WEIGHS: Final = re.compile(r"\b(?:weigh|weight|lost|gained|lift|heavy|baby)")

_PEOPLES: Final = (
    "american|mexican|canadian|british|irish|scottish|welsh|australian|indian|pakistani|bangladeshi|"
    "nigerian|kenyan|ghanaian|ethiopian|egyptian|moroccan|brazilian|argentinian|colombian|cuban|"
    "puerto rican|dominican|jamaican|haitian|korean|vietnamese|filipino|filipina|thai|indonesian|"
    "malaysian|turkish|iranian|persian|iraqi|syrian|lebanese|israeli|palestinian|ukrainian|romanian|"
    "hungarian|"
    "austrian|swedish|norwegian|danish|finnish|latino|latina|hispanic|caucasian|asian|african american|"
    "black|white|"
    "native american|jewish|arab|chinese|japanese|french|german|italian|spanish|polish|russian|portuguese|"
    "greek|dutch|swiss|english"
)
_ORIGIN: Final = re.compile(
    rf"\b(?:i'm|i am|we're|we are|he's|she's|he is|she is|my (?:family|parents|husband|wife) (?:is|are)|born|"
    rf"nationality is|ethnicity is|originally|identify as|as an?)(?: also| originally| actually)?(?: an?)? "
    rf"(?P<said>(?:{_PEOPLES})(?:[ -](?:{_PEOPLES}))?)\b(?! (?:food|restaurant|dish|lessons?|class|speaking|"
    rf"teacher))"
    rf"|\b(?P<citizen>{_PEOPLES})(?= (?:citizen|national|immigrant|passport|descent|heritage|origin|"
    rf"background))"
)
_GENDER: Final = re.compile(
    r"\b(?:transgender|trans (?:man|woman)|non-?binary|cisgender|bisexual|homosexual|heterosexual|lesbian|"
    r"gay|pansexual|asexual|queer|genderfluid)\b"
    r"|(?<=gender is )(?:male|female|man|woman)\b|(?<=sex is )(?:male|female)\b"
    r"|\b(?:i'm|i am|patient is|he is|she is) (?:an? )?(?:\d+[ -]year[ -]old )?(?P<sex>male|female|woman|"
    r"man)\b"
)
_BODY: Final = re.compile(
    rf"(?<!\w)(?:{_NUMBER} (?:foot|feet)(?: {_NUMBER})?(?: inch(?:es)?)?|\d['’]\d{{1,2}}[\"”]?|"
    rf"{_NUMBER} (?:cm|centimeters?|centimetres?)|{_NUMBER} (?:pounds|kilos?|kilograms?|kg|lbs?|stone))(?!\w)"
)
_TALL: Final = re.compile(
    rf"(?<!\w)(?:four|five|six|seven|[4-7]) (?:foot|feet) {_NUMBER}(?: inch(?:es)?)?(?!\w| (?:by|wide|long|"
    rf"high))"
)
_BODY_NEAR: Final = re.compile(
    r"\b(?:tall|height|(?:i|he|she|who|patient) (?:\w+ )?weighs?|(?:my|your|his|her) weight|i'm|i am|he's|"
    r"she's)\b"
)
_LOOKS: Final = re.compile(
    r"\b(?:blue|brown|green|hazel|grey|gray|dark|light|black|blonde?|red|auburn|curly|long|short|straight|"
    r"white)"
    r"(?:,? (?:and )?(?:blue|brown|black|blonde?|red|curly|long|short|wavy))? (?:eyes|hair|beard|skin|"
    r"complexion)\b"
    r"|\b(?:bald|left[- ]handed|a wheelchair user)\b|\b(?:tattoo|scar|birthmark) on (?:my|his|her|"
    r"the) (?:\w+ )?\w+"
)
_JOBS: Final = (
    "accountant|actor|actress|architect|artist|attorney|baker|barber|bartender|bookkeeper|builder|bus driver|"
    "butcher|carpenter|cashier|chef|cleaner|consultant|contractor|cook|counselor|data scientist|dentist|"
    "designer|"
    "developer|doctor|driver|economist|electrician|engineer|farmer|firefighter|fisherman|flight attendant|"
    "florist|"
    "gardener|graphic designer|hairdresser|housekeeper|janitor|journalist|judge|lawyer|lecturer|librarian|"
    "lifeguard|"
    "mechanic|midwife|musician|nurse|optician|painter|paralegal|paramedic|pharmacist|photographer|"
    "physicist|pilot|"
    "plumber|police officer|politician|postman|principal|professor|programmer|psychologist|real estate agent|"
    "receptionist|researcher|sailor|salesman|scientist|secretary|security guard|social worker|"
    "software engineer|"
    "soldier|student|surgeon|surveyor|tailor|teacher|technician|therapist|translator|truck driver|"
    "veterinarian|vet|waiter|waitress|welder|writer"
)
_OCCUPATION: Final = re.compile(
    rf"\b(?:i'm|i am|i was|he's|she's|he is|she is|husband is|wife is|i work as|works as|working as|"
    rf"worked as|"
    rf"(?:job|occupation|profession) is|employed as|retired)(?: currently| now| actually)?(?: an?| the)? "
    rf"(?P<job>(?:(?!not|calling|looking)\w+ ){{0,2}}?(?:{_JOBS}))s?\b"
    r"|\b(?:work|works|working|worked|employed) as an? (?P<work>\w+(?: (?:manager|assistant|officer|"
    r"engineer|worker|driver|teacher|analyst|agent|director|technician|operator|specialist))?)"
    r"|\b(?:my|his|her) (?:job|occupation|profession) is (?:an? )?(?P<is>\w+(?: \w+)?)"
)
_EVENT: Final = re.compile(
    r"\b(?:christmas(?: eve| day)?|thanksgiving|easter(?: sunday| monday)?|hanukkah|diwali|ramadan|eid|"
    r"passover|"
    r"yom kippur|new year'?s(?: eve| day)?|halloween|valentine'?s day|mother'?s day|father'?s day|"
    r"memorial day|"
    r"labor day|independence day|fourth of july|super bowl|world cup|olympics|olympic games|oktoberfest|"
    r"coachella|"
    r"burning man|mardi gras|world war (?:one|two|i{1,2})|comic[- ]con|wimbledon|tour de france)\b"
)


def find(lines: Sequence[Line]) -> Iterator[Finding]:
    for index, line in enumerate(lines):
        for start, end in money(line):
            yield Finding(index, start, end, (Field.MONEY,))
        yield from _of_person(index, line)


def money(line: Line) -> Iterator[tuple[int, int]]:
    yield from spans(_MONEY, line.low)
    if not _WEIGHS.search(line.low):
        yield from spans(_POUNDS, line.low)


def _of_person(index: int, line: Line) -> Iterator[Finding]:
    low = line.low
    for match in _ORIGIN.finditer(low):
        name = "said" if match["said"] else "citizen"
        yield Finding(index, *match.span(name), (Field.ORIGIN,))
    for match in _GENDER.finditer(low):
        yield Finding(index, *match.span("sex" if match["sex"] else 0), (Field.GENDER_SEXUALITY,))
    for start, end in spans(_TALL, low):
        yield Finding(index, start, end, (Field.PHYSICAL_ATTRIBUTE,))
    if _BODY_NEAR.search(low):
        for start, end in spans(_BODY, low):
            yield Finding(index, start, end, (Field.PHYSICAL_ATTRIBUTE,))
    for start, end in spans(_LOOKS, low):
        yield Finding(index, start, end, (Field.PHYSICAL_ATTRIBUTE,))
    for match in _OCCUPATION.finditer(low):
        name = next(name for name, said in match.groupdict().items() if said)
        yield Finding(index, *match.span(name), (Field.OCCUPATION,))
    for start, end in spans(_EVENT, low):
        yield Finding(index, start, end, (Field.EVENT,))

"""Words that say what a number is: "my phone number is", "last four of your social"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .fields import Field

NUMERIC = Field.NUMERICAL_PII


@dataclass(frozen=True, slots=True)
class Kind:
    """What a number turns out to be. `fewest` and `most` count its digits, `part` those of a fragment that is
    still worth hiding, as the last four of a card are."""

    name: str
    fields: tuple[Field, ...]
    fewest: int
    most: int
    part: int
    letters: bool = False


PHONE = Kind("phone", (Field.PHONE_NUMBER, NUMERIC), 7, 15, 3)
CARD = Kind("card", (Field.CREDIT_CARD, NUMERIC), 12, 19, 3)
SSN = Kind("ssn", (Field.SSN, NUMERIC), 9, 9, 3)
BANK = Kind("bank", (Field.BANK_ACCOUNT, Field.ACCOUNT_NUMBER, NUMERIC), 6, 34, 3, letters=True)
HEALTH = Kind("health", (Field.HEALTHCARE_NUMBER, NUMERIC), 5, 20, 3, letters=True)
PASSPORT = Kind("passport", (Field.PASSPORT_NUMBER, NUMERIC), 6, 12, 3, letters=True)
LICENSE = Kind("license", (Field.DRIVER_LICENSE, NUMERIC), 5, 20, 3, letters=True)
VEHICLE = Kind("vehicle", (Field.VEHICLE_ID, NUMERIC), 2, 17, 2, letters=True)
ACCOUNT = Kind("account", (Field.ACCOUNT_NUMBER, NUMERIC), 4, 24, 3, letters=True)
ZIP = Kind("zip", (Field.LOCATION, NUMERIC), 4, 9, 4, letters=True)
PIN = Kind("pin", (Field.PASSWORD, NUMERIC), 3, 12, 3, letters=True)
BIRTH = Kind("birth", (Field.DOB, Field.DATE, NUMERIC), 4, 8, 4)
EXPIRY = Kind("expiry", (Field.CREDIT_CARD, Field.DATE, NUMERIC), 3, 6, 3)
CODE = Kind("code", (NUMERIC,), 4, 34, 4, letters=True)
OTHER = Kind("other", (), 0, 0, 0)
"""A question for something that is no number: it ends the wait for one."""
NONE = Kind("none", (), 0, 0, 0)
"""The words say that it is nothing personal."""

_CUES: Final[Mapping[Kind, str]] = {
    PHONE: r"(?:tele)?phone(?: number)?|mobile|cell(?:phone)?|call(?:ing|ed)?(?: (?:me|you|us|him|her|them))?"
    r"(?: back)? (?:at|on|from)|call ?back|"
    r"reach(?:ed)?(?: (?:me|you|him|her))?(?: \w+)? (?:at|on|by)|contact number|"
    r"text (?:me|you)(?: (?:at|on))?|fax|(?:best|good|right) number|whatsapp|ring (?:me|you)|my number|"
    r"(?:what(?:'s| is)|have|got) your number|area code|number (?:on file|to reach)|caller id",
    CARD: r"(?:credit|debit|bank|payment|charge)[ -]?card|card number|card ending|(?:my|your|the|a) card|"
    r"(?<!gift )\bcard\b(?! key)|visa|master ?card|amex|american express|long number|"
    r"(?:16|sixteen)[ -]digit|cvv2?|cvc|security code|(?:digits|code|number) on the (?:back|front)",
    EXPIRY: r"expir(?:y|es|ation|ing)(?: date)?|valid (?:thru|through|until)",
    SSN: r"social(?: security)?(?: number)?|ssn|s\.s\.n\.?",
    BANK: r"routing(?: number)?|sort code|iban|(?:bank|checking|chequing|savings|"
    r"current) account(?: number)?|swift(?: code)?|bic\b",
    HEALTH: r"medicare|medicaid|(?:health|medical|dental) insurance(?: (?:id|number|card|policy|"
    r"member)\w*)*|(?<!travel )insurance(?: (?:id|number|card|policy|member|group)\w*)+|nhs(?: number)?|"
    r"health (?:card|plan|care|id)(?: number)?|medical record(?: number)?|mrn\b|patient (?:id|number)|"
    r"blue cross|group number|subscriber (?:id|number)|member id(?: number)?|prescription number|"
    r"healthcare (?:id|number)",
    PASSPORT: r"passport(?: number)?",
    LICENSE: r"driv(?:er'?s?|ing|ers') licen[cs]e(?: number)?|licen[cs]e number|dl number",
    VEHICLE: r"licen[cs]e plate(?: number)?|number plate|plate(?: number)?|tag number|\bvin\b(?: number)?|"
    r"vehicle identification(?: number)?|(?:car|vehicle)(?:'s)? registration(?: number)?|registration number",
    ACCOUNT: r"account(?: number| id)?|customer (?:id|number)|client (?:id|number)|policy(?: number)?|"
    r"member(?:ship)?(?: number)|loyalty(?: number| card)?|frequent fl[iy]er(?: number)?|"
    r"meter number|contract number|rewards? number",
    ZIP: r"zip(?: ?code)?|post(?:al)? ?code",
    PIN: r"\bpin\b(?: code| number)?|pass ?code|password|pass ?phrase|security (?:word|answer)",
    BIRTH: r"date of birth|birth ?da(?:y|te)|\bborn\b|\bd\.?o\.?b\b|year of birth",
    CODE: r"confirmation(?: number| code)?|reference(?: number)?|ticket(?: number)|case(?: number)|"
    r"tracking(?: number)?|verification(?: code)?|order(?: number)|booking(?: number| reference)|"
    r"reservation(?: number)|invoice(?: number)|claim(?: number)|serial(?: number)?|one[- ]time|"
    r"employee (?:id|number)|student (?:id|number)|id number|identification(?: number)?|tax(?:payer)? id|"
    r"\bein\b|national id|(?:my|your|the) id",
    NONE: r"flight|\broom\b|gate|table|floor|suite|chapter|page|version|model|route|highway|interstate|exit|"
    r"platform|channel|step|option|press|extension|windows|size|bus|total|price|costs?|balance|amount|"
    r"temperature|speed|order|queue|error|number \d",
    OTHER: r"(?:home|mailing|billing|delivery|shipping|street|your|the|e-?mail) address|your (?:full |"
    r"first |last )?name|e-?mail|how (?:old|many|much|long)|anything else",
}
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _CUES}
_ANY: Final = re.compile("|".join(rf"(?P<{kind.name}>\b(?:{words})(?!\w))" for kind, words in _CUES.items()))
NEAR_CHARS: Final = 80
"""How far before a number its name may stand: "my phone number, if you really need to have it, is …"."""
AFTER_CHARS: Final = 36
_NAMED_AFTER: Final = re.compile(r"[\s,.!-]*(?:is|are|was|for|'s|that(?:'s| is| was)?|would be|it's)\b[\s,]*")
_QUESTION: Final = re.compile(
    r"\?|\b(?:what(?:'s| is)|can i (?:get|have)|could (?:you|i)|may i|give me|provide|confirm|verify|tell me|"
    r"need|go ahead|read|your|enter|please)\b"
)


SHORT_CHARS: Final = 60
"""A turn that is not longer and names a number announces it, question or not: "my number has changed"."""
TAIL_CHARS: Final = 12


def before(low: str, start: int, end: int) -> Kind | None:
    """What the text before a number (from `start`, where it ends at `end`) says that it is."""
    found: Kind | None = None
    at = -1
    for match in _ANY.finditer(low, max(start, end - NEAR_CHARS), end):
        kind = KINDS[match.lastgroup or ""]
        # "the card's expiry", "my bank account's routing number": the last word counts, but a longer name
        # around it, such as "member id" in "insurance member id", does not undo a medical one.
        if found is HEALTH and kind in (ACCOUNT, CARD, CODE) and match.start() - at < 24:
            continue
        found, at = kind, match.end()
    return found


def after(low: str, start: int) -> Kind | None:
    """The same of the words behind it: "1234 is my PIN"."""
    said = _NAMED_AFTER.match(low, start)
    if said is None:
        return None
    match = _ANY.search(low, said.end(), said.end() + AFTER_CHARS)
    return None if match is None else KINDS[match.lastgroup or ""]


def asked(low: str, start: int) -> Kind | None:
    """What the rest of a turn asks for or is about to say, from `start`."""
    found: Kind | None = None
    end = start
    for match in _ANY.finditer(low, start):
        kind = KINDS[match.lastgroup or ""]
        if kind is not NONE:
            found, end = kind, match.end()
    if found is None:
        return None
    short = len(low) - start <= SHORT_CHARS or len(low) - end <= TAIL_CHARS
    return found if short or _QUESTION.search(low, start) else None

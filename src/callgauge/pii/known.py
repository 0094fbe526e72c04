"""What the names of metadata fields say of their values, and those values wherever they are said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .fields import Field
from .lines import Finding, Line

NUMERIC = Field.NUMERICAL_PII
_WHO: Final = (
    "first|last|full|middle|family|given|customer|caller|client|patient|guest|contact|person|member|passenger|lead|"
    "cardholder|spouse|recipient|account_holder|owner|subscriber|borrower|tenant|student|employee"
)
_KEYS: Final[Sequence[tuple[re.Pattern[str], tuple[Field, ...]]]] = [
    (re.compile(pattern), fields)
    for pattern, fields in (
        (r"e_?mail", (Field.EMAIL_ADDRESS,)),
        (r"(?:^|_)ip(?:_?address)?$", (Field.IP_ADDRESS,)),
        (r"password|passcode|passphrase|(?:^|_)pin(?:_code)?$", (Field.PASSWORD,)),
        (r"user_?name|(?:^|_)login(?:_name)?$", (Field.USERNAME,)),
        (rf"^name$|(?:{_WHO})_?name$|^surname$", (Field.PERSON_NAME,)),
        (
            r"(?:doctor|physician|provider|dentist)_?name$|^doctor$",
            (Field.MEDICAL_PROFESSIONAL, Field.PERSON_NAME),
        ),
        (
            r"phone|mobile|(?:^|_)cell|msisdn|whatsapp|(?:from|to|caller|customer|user|contact)_?number$|caller_?id|"
            r"callback_number",
            (Field.PHONE_NUMBER, NUMERIC),
        ),
        (r"(?:^|_)dob$|birth", (Field.DOB, Field.DATE)),
        (r"(?:^|_)ssn|social_security", (Field.SSN, NUMERIC)),
        (r"card_?(?:number|no)|credit_?card|debit_?card|(?:^|_)pan$|cvv|cvc", (Field.CREDIT_CARD, NUMERIC)),
        (r"iban|routing|bank_?account|sort_?code", (Field.BANK_ACCOUNT, Field.ACCOUNT_NUMBER, NUMERIC)),
        (r"passport", (Field.PASSPORT_NUMBER, NUMERIC)),
        (r"driv\w*_?licen[cs]e", (Field.DRIVER_LICENSE, NUMERIC)),
        (
            r"(?:^|_)vin$|licen[cs]e_?plate|plate_?number|vehicle_?(?:id|registration)",
            (Field.VEHICLE_ID, NUMERIC),
        ),
        (
            r"medicare|medicaid|(?:^|_)mrn$|medical_?record|insurance_?(?:id|number|member)|nhs|health_?(?:card|id|"
            r"plan)|patient_?(?:id|number)",
            (Field.HEALTHCARE_NUMBER, NUMERIC),
        ),
        (
            r"account_?(?:number|no|num)$|customer_?(?:id|number)$|policy_?number|member(?:ship)?_?(?:id|number)$|"
            r"loyalty_?(?:id|number)",
            (Field.ACCOUNT_NUMBER, NUMERIC),
        ),
        (
            r"(?:^|_)address(?:_?line)?_?\d?$|street|(?:^|_)city$|zip(?:_?code)?$|post(?:al)?_?code$|home_address",
            (Field.LOCATION,),
        ),
        (r"(?:^|_)age$", (Field.AGE,)),
        (r"(?:^|_)(?:gender|sex|sexual_orientation)$", (Field.GENDER_SEXUALITY,)),
        (r"ethnicity|nationality|(?:^|_)race$", (Field.ORIGIN,)),
        (r"occupation|job_?title|profession$", (Field.OCCUPATION,)),
    )
]
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+")
MIN_CHARS: Final = 3
"""Shorter values ("Al", "34") stand in too many other words and numbers to be looked for."""
MAX_CHARS: Final = 200
MAX_VALUES: Final = 200


def fields_of_key(key: str) -> tuple[Field, ...]:
    """What a value under this key is; empty where the key does not tell."""
    name = _CAMEL.sub("_", key).lower()[:100]
    return next((fields for pattern, fields in _KEYS if pattern.search(name)), ())


Known = Mapping[str, tuple[Field, ...]]
"""Values in lower case, and what they are."""


def known_values(*objects: Any) -> dict[str, tuple[Field, ...]]:
    """The values of objects whose keys tell what they are."""
    found: dict[str, tuple[Field, ...]] = {}
    for value in objects:
        for text, fields in _told(value, (), 0):
            if MIN_CHARS <= len(text) <= MAX_CHARS and len(found) < MAX_VALUES:
                found.setdefault(text.lower(), fields)
    return found


def _told(value: Any, fields: tuple[Field, ...], level: int) -> Iterator[tuple[str, tuple[Field, ...]]]:
    if isinstance(value, dict) and level < 20:
        for key, inner in value.items():
            yield from _told(inner, fields_of_key(str(key)), level + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _told(inner, fields, level + 1)
    elif fields and isinstance(value, (str, int)) and not isinstance(value, bool):
        yield str(value).strip(), fields


_LOOKED_FOR: Final = frozenset(
    {
        Field.PERSON_NAME,
        Field.MEDICAL_PROFESSIONAL,
        Field.PHONE_NUMBER,
        Field.EMAIL_ADDRESS,
        Field.SSN,
        Field.CREDIT_CARD,
        Field.BANK_ACCOUNT,
        Field.PASSPORT_NUMBER,
        Field.DRIVER_LICENSE,
        Field.VEHICLE_ID,
        Field.HEALTHCARE_NUMBER,
        Field.ACCOUNT_NUMBER,
        Field.LOCATION,
        Field.USERNAME,
        Field.PASSWORD,
        Field.DOB,
    }
)
"""A gender or an age from metadata is an everyday word in the talk: not looked for there."""


def find(lines: Sequence[Line], known: Known) -> Iterator[Finding]:
    """Known values where they are said as they are written; of a name, its single words too."""
    wanted: dict[str, tuple[Field, ...]] = {}
    for text, fields in known.items():
        if fields[0] not in _LOOKED_FOR:
            continue
        wanted[text] = fields
        if fields[-1] is Field.PERSON_NAME:
            wanted |= {word: fields for word in text.split() if len(word) >= MIN_CHARS}
    if not wanted:
        return
    longest = sorted(wanted, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")
    for index, line in enumerate(lines):
        for match in pattern.finditer(line.low):
            fields = wanted[match[0]]
            if fields[-1] is Field.PERSON_NAME and line.cased and line.text[match.start()].islower():
                continue  # a customer of the name Rose does not hide a rose
            yield Finding(index, *match.span(), fields)

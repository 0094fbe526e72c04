"""Seeded dialogues: values drawn at random, said in the ways that people say them."""

from __future__ import annotations

import random
from collections.abc import Callable

from benchmarks.pii.labelled import Dialogue, dialogue

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
FIRST = [
    "Amara",
    "Bjorn",
    "Chidi",
    "Dolores",
    "Ewa",
    "Farid",
    "Gwen",
    "Hiroko",
    "Imran",
    "Joanna",
    "Kofi",
    "Leila",
    "Magnus",
    "Nadia",
    "Oskar",
    "Paloma",
]
LAST = [
    "Abara",
    "Brandt",
    "Castellanos",
    "Dube",
    "Eriksen",
    "Fontaine",
    "Grabowski",
    "Hussein",
    "Ito",
    "Jankowski",
    "Kaplan",
    "Lindholm",
]
FILLER = (
    "C: I have been a customer for about ten years.",
    "A: Thank you for waiting, that took two minutes.",
    "C: There are four of us and one dog.",
    "A: The plan has three levels, and most people take the second.",
    "C: I called twice and waited for half an hour.",
    "A: Is there anything else I can do for you?",
    "C: It stopped working on the third try.",
    "A: That comes to six items, shipped in one box.",
)


def generate(seed: int, count: int) -> list[Dialogue]:
    chance = random.Random(seed)
    return [_dialogue(chance) for _ in range(count)]


def _dialogue(chance: random.Random) -> Dialogue:
    lines = [chance.choice(FILLER)]
    for make in chance.sample(SCENES, 3):
        lines += make(chance)
        lines.append(chance.choice(FILLER))
    if chance.random() < 0.3:  # transcripts without capitals and stops are common
        lines = [_flat(line) for line in lines]
    return dialogue(lines)


def _flat(line: str) -> str:
    head, _, said = line.partition(": ")
    kept = "".join(one for one in said if one not in ",?!.") if "@" not in said and "/" not in said else said
    return f"{head}: {kept.lower()}"


def _digits(chance: random.Random, digits: str) -> str:
    """Digit by digit, with "oh" and "double" where people say so."""
    zero = chance.choice(("zero", "oh"))
    words, place = [], 0
    doubles = chance.random() < 0.4
    while place < len(digits):
        word = zero if digits[place] == "0" else DIGITS[int(digits[place])]
        if doubles and digits[place : place + 2] == digits[place] * 2:
            words.append(f"double {word}")
            place += 2
        else:
            words.append(word)
            place += 1
    return " ".join(words)


def _phone(chance: random.Random) -> list[str]:
    digits = f"{chance.randint(2, 9)}{chance.randint(10, 99)}555{chance.randint(0, 9999):04d}"
    parts = [digits[:3], digits[3:6], digits[6:]]
    ask = chance.choice(
        (
            "What's the best number to reach you?",
            "Can I get your phone number?",
            "And a callback number?",
            "What's your cell?",
        )
    )
    way = chance.randrange(4)
    if way == 0:
        return [f"A: {ask}", f"C: {{phone_number|{'-'.join(parts)}}}."]
    if way == 1:
        return [
            f"A: {ask}",
            "C: It's {phone_number|" + ", ".join(_digits(chance, part) for part in parts) + "}.",
        ]
    if way == 2:
        said = [f"C: {{phone_number|{_digits(chance, part)}}}" for part in parts]
        return [f"A: {ask}", said[0], "A: Uh-huh.", said[1], "A: Okay.", said[2]]
    return [f"C: You can call me at {{phone_number|{_digits(chance, digits)}}}."]


def _email(chance: random.Random) -> list[str]:
    first, last = chance.choice(FIRST).lower(), chance.choice(LAST).lower()
    host = chance.choice(("gmail", "outlook", "fastmail", "my company"))
    name = chance.choice(
        (
            f"{first} dot {last}",
            f"{first} underscore {last}",
            f"{first}{last} {_digits(chance, str(chance.randint(10, 99)))}",
        )
    )
    spoken = f"{name} at {host} dot com"
    written = f"{first}.{last}@example.com"
    said = chance.choice((spoken, spoken, written))
    return [
        "A: What's your email address?",
        f"C: {chance.choice(('It is ', 'Sure, ', ''))}{{email_address|{said}}}.",
    ]


def _card(chance: random.Random) -> list[str]:
    digits = "4" + "".join(str(chance.randint(0, 9)) for _ in range(14))
    total = sum(
        _doubled(int(one)) if place % 2 == 0 else int(one) for place, one in enumerate(reversed(digits))
    )
    digits += str(-total % 10)
    parts = [digits[place : place + 4] for place in range(0, 16, 4)]
    lines = ["A: Please read me the card number."]
    if chance.random() < 0.5:
        said = ", ".join(_digits(chance, part) for part in parts)
        lines.append(f"C: Okay, {{credit_card|{said}}}.")
    else:
        lines += [f"C: {{credit_card|{_digits(chance, part)}}}" for part in parts]
    code = f"{chance.randint(100, 999)}"
    return [*lines, "A: And the security code?", f"C: {{credit_card|{_digits(chance, code)}}}."]


def _doubled(digit: int) -> int:
    return 2 * digit - 9 if digit > 4 else 2 * digit


def _ssn(chance: random.Random) -> list[str]:
    digits = f"{chance.randint(100, 599)}{chance.randint(10, 99)}{chance.randint(1000, 9999)}"
    parts = digits[:3], digits[3:5], digits[5:]
    said = chance.choice(("-".join(parts), ", ".join(_digits(chance, part) for part in parts)))
    return ["A: What is your social security number?", f"C: {{ssn|{said}}}."]


def _birth(chance: random.Random) -> list[str]:
    month, day, year = chance.choice(MONTHS), chance.randint(1, 20), chance.randint(50, 99)
    spoken = f"{month} {ORDINALS[day - 1]} nineteen {TENS[year // 10]}"
    spoken += f" {DIGITS[year % 10]}" if year % 10 else ""
    said = chance.choice(
        (spoken, f"{month} {day}, 19{year}", f"{MONTHS.index(month) + 1:02d}/{day:02d}/19{year}")
    )
    return ["A: And your date of birth?", f"C: {{dob|{said}}}."]


def _name(chance: random.Random) -> list[str]:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    way = chance.randrange(3)
    if way == 0:
        return [
            f"C: Hi, my name is {{person_name|{first} {last}}}.",
            f"A: Thank you, {{person_name|{first}}}.",
        ]
    if way == 1:
        return ["A: Who am I speaking with?", f"C: This is {{person_name|{first} {last}}}."]
    spelled = " ".join(last.upper())
    return [
        "A: Can I have your last name?",
        f"C: {{person_name|{last}}}.",
        "A: Could you spell that?",
        f"C: {{person_name|{spelled}}}.",
    ]


def _address(chance: random.Random) -> list[str]:
    house, street = chance.randint(11, 999), chance.choice(("Maple", "Cedar", "Hillcrest", "Bishop"))
    kind = chance.choice(("Street", "Avenue", "Drive", "Lane"))
    zipped = f"{chance.randint(10_000, 99_999)}"
    return [
        "A: What's your address?",
        f"C: {{location|{house} {street} {kind}}}.",
        "A: And the zip code?",
        f"C: {{location|{chance.choice((zipped, _digits(chance, zipped)))}}}.",
    ]


def _nothing(chance: random.Random) -> list[str]:
    price, room = chance.randint(5, 90), chance.randint(100, 999)
    day = f"{chance.choice(MONTHS)} {chance.randint(1, 28)}"
    return [
        "A: How many do you need?",
        f"C: {chance.choice(DIGITS[2:]).capitalize()} of them, please, in size {chance.randint(30, 50)}.",
        f"A: That is {{money|{price} dollars}}, and it ships on {{date|{day}}}.",
        f"C: Then I take {chance.choice(DIGITS[2:])} more. Room {room} if you bring them up.",
    ]


SCENES: list[Callable[[random.Random], list[str]]] = [
    _phone,
    _email,
    _card,
    _ssn,
    _birth,
    _name,
    _address,
    _nothing,
]

"""What is found in what people say, and what is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.pii import TOKENS, Field, Redactor, known_values
from callgauge.pii.numbers import iban, luhn

ALL = tuple(Field)


def said(*lines: str) -> list[Turn]:
    """`A: …` is the agent, `C: …` the caller."""
    return [Turn(Role.AGENT if line[0] == "A" else Role.CALLER, line[3:]) for line in lines]


def after(*lines: str, fields: tuple[Field, ...] = ALL) -> list[str]:
    return [turn.text for turn in Redactor(fields).turns(said(*lines)).turns]


def test_the_tokens_are_those_of_the_contract() -> None:
    assert [TOKENS[Field(name)] for name in ("person_name", "location", "email_address", "phone_number")] == [
        "<PERSON>",
        "<LOCATION>",
        "<EMAIL>",
        "<PHONE>",
    ]
    assert (TOKENS[Field.SSN], TOKENS[Field.CREDIT_CARD]) == ("<SSN>", "<CREDIT_CARD>")
    assert len(set(TOKENS.values())) == len(Field) == 29


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call me at 415-555-0123.", "Call me at <PHONE>."),
        ("Call me at four one five, five five five, oh one two three.", "Call me at <PHONE>."),
        ("My number is double seven oh, four one two, triple nine one.", "My number is <PHONE>."),
        ("It's john dot smith at gmail dot com.", "It's <EMAIL>."),
        ("my email is j underscore doe ninety nine at proton dot me", "my email is <EMAIL>"),
        ("Write to ann.lee@example.org please.", "Write to <EMAIL> please."),
        ("My social is 519-44-2271.", "My social is <SSN>."),
        ("My social is five one nine, four four, two two seven one.", "My social is <SSN>."),
        ("The card is 4111 1111 1111 1111.", "The card is <CREDIT_CARD>."),
        ("IBAN DE89 3702 0400 4405 3201 30 please", "IBAN <BANK_ACCOUNT> please"),
        ("Born on March third, nineteen eighty five.", "Born on <DOB>."),
        ("See you on March 3rd at 3:30 pm.", "See you on <DATE> at <TIME>."),
        ("I'm at 192.168.1.10 now.", "I'm at <IP_ADDRESS> now."),
        ("My name is Priya Raghunathan.", "My name is <PERSON>."),
        ("hi this is maria gonzalez", "hi this is <PERSON>"),
        ("I live at 123 Main Street, Springfield.", "I live at <LOCATION>."),
        ("Dr. Patel is in.", "Dr. <MEDICAL_PROFESSIONAL> is in."),
        ("That is forty five dollars.", "That is <MONEY>."),
        ("I'm thirty four years old.", "I'm <AGE> years old."),
        ("See https://example.com/a?b=1.", "See <URL>."),
        ("Open report.pdf.", "Open <FILENAME>."),
        ("My password is hunter2.", "My password is <PASSWORD>."),
        ("The VIN is 1HGCM82633A004352.", "The VIN is <VEHICLE_ID>."),
        ("My passport number is X 1 2 3 4 5 6 7.", "My passport number is <PASSPORT_NUMBER>."),
    ],
)
def test_one_turn(text: str, expected: str) -> None:
    assert after(f"C: {text}") == [expected]


def test_an_answer_may_take_several_turns_and_is_known_when_it_is_repeated() -> None:
    assert after(
        "A: What's your phone number?",
        "C: It's four one five,",
        "A: Mm-hm.",
        "C: five five five",
        "C: oh one two three.",
        "A: So 415 555 0123, ending in 0123?",
        "C: Yes, and I have two kids.",
    ) == [
        "A: What's your phone number?"[3:],
        "It's <PHONE>,",
        "Mm-hm.",
        "<PHONE>",
        "<PHONE>.",
        "So <PHONE>, ending in <PHONE>?",
        "Yes, and I have two kids.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "I called two or three times in ten minutes.",
        "That's four people, two of them kids.",
        "Press one for sales, two for support.",
        "One moment, I may need to look that up.",
        "Room 1204, third floor, second door.",
        "It rose from a hundred to a hundred and fifty percent.",
        "Will you mark it as paid, and may I have a receipt?",
        "This is the last one in stock, I'm sure.",
        "I'm calling about version 2.10.4 of model 4410.",
        "The second one may be wrong.",
        "Oh, two would be fine. Thanks for your help.",
    ],
)
def test_what_is_nothing_personal_stays(text: str) -> None:
    assert after(f"C: {text}") == [text]


def test_only_what_is_asked_for_is_hidden() -> None:
    text = "My name is John Smith, born on March 3rd, 1985, see you on May 5th, call 415-555-0123."
    assert after(f"C: {text}", fields=(Field.DOB,)) == [text.replace("March 3rd, 1985", "<DOB>")]
    assert after(f"C: {text}", fields=(Field.DATE,)) == [
        text.replace("March 3rd, 1985", "<DATE>").replace("May 5th", "<DATE>")
    ]
    assert after(f"C: {text}", fields=(Field.NUMERICAL_PII,))[0].count("<NUMERICAL_PII>") == 2
    assert after(f"C: {text}", fields=()) == [text]


def test_values_of_the_callers_own_data_are_found_in_the_talk() -> None:
    values = known_values(
        {"customer": {"firstName": "Zbigniew", "account_number": "QX-77"}, "tier": "gold"}, {"age": 4}
    )
    redactor = Redactor(ALL, values)
    made = redactor.turns(said("A: Thanks, Zbigniew, account QX-77 is gold.", "C: I have 4 of them.")).turns
    assert [turn.text for turn in made] == [
        "Thanks, <PERSON>, account <ACCOUNT_NUMBER> is gold.",
        "I have 4 of them.",
    ]


def test_objects_are_hidden_by_key_and_by_text_and_keep_their_shape() -> None:
    redactor = Redactor((Field.PERSON_NAME, Field.PHONE_NUMBER, Field.EMAIL_ADDRESS))
    given = {
        "customer_name": "Ann Lee",
        "phoneNumber": 4155550123,
        "file_name": "a.wav",
        "notes": ["write to ann@example.com", {"deep": [1, None, True]}],
        "id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "count": 3,
    }
    assert redactor.json(given) == {
        "customer_name": "<PERSON>",
        "phoneNumber": "<PHONE>",
        "file_name": "a.wav",
        "notes": ["write to <EMAIL>", {"deep": [1, None, True]}],
        "id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "count": 3,
    }


def test_tool_events_are_redacted_and_teach_what_to_look_for() -> None:
    call = Tool("1", "book", json.dumps({"name": "Oyelaran", "guests": 4}))
    done = Tool("1", "book", result="booked for Oyelaran, 4 guests")
    made = Redactor(ALL).turns(
        [
            Turn(Role.CALLER, "It's Oyelaran."),
            Turn(Role.TOOL_CALL, "", tool=call),
            Turn(Role.TOOL_RESULT, "", tool=done),
        ]
    )
    assert made.turns[0].text == "It's <PERSON>."
    assert made.turns[1].tool is not None
    assert json.loads(made.turns[1].tool.arguments) == {"name": "<PERSON>", "guests": 4}
    assert made.turns[2].tool is not None
    assert made.turns[2].tool.result == "booked for <PERSON>, 4 guests"
    assert made.tools == 2


def test_redacting_again_changes_nothing() -> None:
    once = after("A: Your phone number?", "C: 415-555-0123, and I'm John Smith.", "A: Thanks, John.")
    assert after(*(f"{'AC'[n % 2]}: {text}" for n, text in enumerate(once))) == once


WORDS = st.sampled_from(
    [
        "my",
        "phone",
        "number",
        "is",
        "four",
        "five",
        "double",
        "oh",
        "one",
        "-",
        "415",
        "555",
        "at",
        "dot",
        "com",
        "gmail",
        "John",
        "Smith",
        "March",
        "third",
        "nineteen",
        "<PHONE>",
        ",",
        ".",
        "?",
        "@",
        "name",
        "card",
        "4111",
        "İ",
        "ß",
        "’",
        "and",
        "I",
        "a",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=30).map(" ".join)), max_size=6))
def test_any_text_is_read_and_places_are_those_of_the_text(texts: list[str]) -> None:
    turns = [Turn(Role.CALLER if n % 2 else Role.AGENT, text) for n, text in enumerate(texts)]
    made = Redactor(ALL).turns(turns)
    for number, turn in enumerate(turns):
        places = [(one.start, one.end, one.field) for one in made.hidden if one.turn == number]
        assert places == sorted(places)
        text, at = "", 0
        for start, end, field in places:
            assert at <= start < end <= len(turn.text)
            text += turn.text[at:start] + TOKENS[field]
            at = end
        assert made.turns[number].text == text + turn.text[at:]


@pytest.mark.parametrize(
    "text",
    [
        "one " * 5_000,
        "a b c " * 3_000,
        "dot " * 5_000 + "com",
        "at gmail " * 2_000,
        "my name is " * 2_000,
        "12/12/" * 3_000,
        "john dot " * 2_000 + "at x dot com",
        "<" * 20_000,
        "aa11" * 5_000,
    ],
    ids=lambda text: text[:12],
)
def test_long_monotony_takes_no_longer_than_other_text(text: str) -> None:
    assert len(Redactor(ALL).turns([Turn(Role.CALLER, text)]).turns) == 1


def test_check_digits() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert iban("de89370400440532013000")
    assert not iban("de89370400440532013001")

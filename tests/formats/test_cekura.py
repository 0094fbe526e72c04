"""The cekura format: roles, times, tools and text as clients really send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.formats import FORMATS, TranscriptError, UnknownFormatError, parse_transcript


def turns(rows: Any, **options: Any) -> tuple[Turn, ...]:
    return parse_transcript("cekura", rows, **options).turns


def one(**row: Any) -> Turn:
    (turn,) = turns([{"role": "Main Agent", "content": "Hi", **row}])
    return turn


AGENT_WORDS = "Main Agent|main_agent|MAIN-AGENT|agent|Assistant|assistant|bot|AI|model"
CALLER_WORDS = "Testing Agent|testing_agent|User|caller|customer|Human|client"
CALL_WORDS = "Function Call|function_call|tool_call|tool_calls|Tool Call"
RESULT_WORDS = "Function Call Result|function_call_result|tool|tool_result|tool_call_result|function"


@pytest.mark.parametrize(
    ("word", "role"),
    [
        (word, role)
        for words, role in [
            (AGENT_WORDS, Role.AGENT),
            (CALLER_WORDS, Role.CALLER),
            ("system|Developer", Role.SYSTEM),
        ]
        for word in words.split("|")
    ],
)
def test_role_words(word: str, role: Role) -> None:
    assert one(role=word).role is role


@pytest.mark.parametrize("word", CALL_WORDS.split("|"))
def test_tool_call_words(word: str) -> None:
    row = {
        "role": word,
        "content": "",
        "data": {"id": "c1", "name": "book", "arguments": '{"day": "Friday"}'},
    }
    assert turns([row]) == (
        Turn(Role.TOOL_CALL, "", tool=Tool(id="c1", name="book", arguments='{"day": "Friday"}')),
    )


@pytest.mark.parametrize("word", RESULT_WORDS.split("|"))
def test_tool_result_words(word: str) -> None:
    row = {"role": word, "data": {"id": "c1", "name": "book", "result": {"ok": True}}}
    assert turns([row]) == (
        Turn(Role.TOOL_RESULT, "", tool=Tool(id="c1", name="book", result='{"ok": true}')),
    )


def test_openai_style_tools_keep_the_words_and_every_call() -> None:
    rows = [
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}},
                {"id": "b", "type": "function", "function": {"name": "price", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "found"},
        {"role": "tool", "tool_call_id": "b", "content": "12 EUR"},
    ]
    assert turns(rows) == (
        Turn(Role.AGENT, "One moment."),
        Turn(Role.TOOL_CALL, "", tool=Tool("a", "find", '{"q": 1}')),
        Turn(Role.TOOL_CALL, "", tool=Tool("b", "price", "{}")),
        Turn(Role.TOOL_RESULT, "", tool=Tool("a", "find", result="found")),
        Turn(Role.TOOL_RESULT, "", tool=Tool("b", "price", result="12 EUR")),
    )


def test_a_result_without_data_takes_the_words_of_the_row() -> None:
    row = {"role": "Function Call Result", "content": "done", "data": {"id": "c1", "name": "book"}}
    assert turns([row]) == (Turn(Role.TOOL_RESULT, "", tool=Tool("c1", "book", result="done")),)


@pytest.mark.parametrize(
    ("value", "secs"),
    [
        (1, 1.0),
        (0.25, 0.25),
        ("3.5", 3.5),
        ("1:05", 65.0),
        ("00:07", 7.0),
        ("01:02:03", 3723.0),
        ("185:03", 11103.0),
        ("0:07.5", 7.5),
    ],
)
def test_times_of_the_call(value: object, secs: float) -> None:
    assert one(start_time=value).start_secs == secs
    assert one(timestamp=value).start_secs == secs
    assert one(time=value).start_secs == secs


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:04.250Z"),
        ("2026-03-01T10:00:00+00:00", "2026-03-01T12:00:04.25+02:00"),
        (1772359200000, 1772359204250),
        (1772359200, 1772359204.25),
        ("1772359200000", "1772359204250"),
    ],
)
def test_times_of_the_world_are_relative_to_the_first(first: object, second: object) -> None:
    rows = [
        {"role": "agent", "content": "Hi", "start_time": first, "end_time": first},
        {"role": "user", "content": "Hello", "start_time": second},
    ]
    assert [(turn.start_secs, turn.end_secs) for turn in turns(rows)] == [(0.0, 0.0), (4.25, None)]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-1, "negative"),
        ("-0.5", "negative"),
        (float("nan"), "finite"),
        ("inf", "finite"),
        (10**400, "finite"),
        (True, "cannot be read"),
        ("soon", "cannot be read"),
        ([1], "cannot be read"),
        (9_999_999, "more than a week"),
        ("1969-01-01T00:00:00Z", "before 1970"),
    ],
)
def test_unusable_times_are_left_out_with_a_note(value: object, why: str) -> None:
    parsed = parse_transcript(
        "cekura", [{"role": "agent", "content": "Hi", "start_time": value, "end_time": 3}]
    )
    assert (parsed.turns[0].start_secs, parsed.turns[0].end_secs) == (None, 3.0)
    assert len(parsed.notes) == 1
    assert why in parsed.notes[0]
    assert parsed.notes[0].startswith("row 1:")


def test_end_before_start_is_no_end() -> None:
    parsed = parse_transcript("cekura", [{"role": "agent", "content": "Hi", "start_time": 5, "end_time": 4}])
    assert (parsed.turns[0].start_secs, parsed.turns[0].end_secs) == (5.0, None)
    assert "ends before it starts" in parsed.notes[0]


def test_times_that_run_backwards_keep_the_order_of_the_rows() -> None:
    rows = [{"role": "agent", "content": str(at), "start_time": at} for at in (0, 9, 4, 12)]
    parsed = parse_transcript("cekura", rows)
    assert [turn.start_secs for turn in parsed.turns] == [0, 9, 4, 12]
    assert parsed.notes == ("row 3: starts before an earlier row; the order of the rows is kept",)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}], "Hello there"),
        (["Hello", "there"], "Hello there"),
        ([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "see"}], "see"),
        ({"text": "Hello"}, "Hello"),
        (42, "42"),
        (4.5, "4.5"),
        ("  spaced \n", "spaced"),
        ("a\x00b\ud800c\udfffd", "a�b�c�d"),
        ("Grüße, 你好 😀", "Grüße, 你好 😀"),
    ],
)
def test_content(content: object, text: str) -> None:
    assert one(content=content).text == text


@pytest.mark.parametrize("content", [None, "", "  ", [], {}])
def test_rows_without_words_are_left_out_with_a_note(content: object) -> None:
    parsed = parse_transcript(
        "cekura", [{"role": "agent", "content": content}, {"role": "user", "content": "Hi"}]
    )
    assert [turn.text for turn in parsed.turns] == ["Hi"]
    assert "row 1: nothing in it, left out" in parsed.notes


def test_unknown_role_beside_both_sides_is_system() -> None:
    rows = [{"role": role, "content": role} for role in ("agent", "user", "supervisor")]
    parsed = parse_transcript("cekura", rows)
    assert [turn.role for turn in parsed.turns] == [Role.AGENT, Role.CALLER, Role.SYSTEM]
    assert parsed.notes == ("row 3: role 'supervisor' is not known, taken as System",)


def test_one_unknown_role_takes_the_side_that_is_missing() -> None:
    assert [
        turn.role for turn in turns([{"role": "Ms Lee", "content": "a"}, {"role": "bot", "content": "b"}])
    ] == [
        Role.CALLER,
        Role.AGENT,
    ]


def test_with_only_unknown_roles_the_first_is_the_agent() -> None:
    rows = [{"role": role, "content": "x"} for role in ("Ava", "Ms Lee", "Ava", "Mr Lee")]
    assert [turn.role for turn in turns(rows)] == [Role.AGENT, Role.CALLER, Role.AGENT, Role.CALLER]
    assert [turn.role for turn in turns(rows, agent_speaker="ms lee")] == [
        Role.CALLER,
        Role.AGENT,
        Role.CALLER,
        Role.CALLER,
    ]


def test_agent_speaker_turns_the_sides_round_and_leaves_system_and_tools() -> None:
    rows = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "This is the bank."},
        {"role": "bot", "content": "Hello."},
        {"role": "tool_call", "data": {"id": "1", "name": "x"}},
    ]
    roles = [turn.role for turn in turns(rows, agent_speaker="user")]
    assert roles == [Role.SYSTEM, Role.AGENT, Role.CALLER, Role.TOOL_CALL]


def test_rows_delivered_twice_are_kept_once_but_people_may_repeat_themselves() -> None:
    said_twice = [{"role": "user", "content": "Hello?"}] * 2
    assert len(turns(said_twice)) == 2
    sent_twice = [{"role": "user", "content": "Hello?", "start_time": 1.5, "end_time": 2}] * 2
    parsed = parse_transcript("cekura", sent_twice)
    assert len(parsed.turns) == 1
    assert parsed.notes == ("row 2: a repetition of an earlier row, left out",)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (7, "expected a list of turns, found a number."),
        ({"a": 1}, "expected a list of turns, found an object."),
        (True, "expected a list of turns, found a boolean."),
        ("Agent: hi", "the text is not valid JSON."),
        ("[" * 100_000, "the JSON text is nested too deeply."),
        ([{"role": "user", "content": "x"}, "hi"], "Row 2: expected an object, found a text."),
        ([{"role": "tool_call", "data": 3}], "Row 1, field 'data': expected an object, found a number."),
        ([{"role": "agent", "tool_calls": [None]}], "Row 1: expected a tool as an object, found null."),
        (
            [{"role": "user", "content": "x"}] * 50_001,
            "50,001 turns are more than the 50,000 that a call may have.",
        ),
        (
            [{"role": "agent", "tool_calls": [{"name": "x"}] * 251}] * 200,
            "50,200 turns are more than the 50,000 that a call may have.",
        ),
    ],
)
def test_what_cannot_be_read_is_named(payload: object, message: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        parse_transcript("cekura", payload)
    assert str(caught.value) == message
    assert caught.value.field == "transcript_json"
    assert caught.value.retryable is False


def test_deep_nesting_names_row_and_field() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(TranscriptError) as caught:
        parse_transcript("cekura", [{"role": "tool_call", "data": {"id": "1", "arguments": deep}}])
    assert str(caught.value) == "Row 1, field 'arguments': nested more than 100 levels deep."
    assert (caught.value.row, caught.value.key) == (1, "arguments")
    parsed = parse_transcript("cekura", [{"role": "user", "content": deep}])
    assert parsed.turns == ()
    assert "row 1: content nested too deeply was left out" in parsed.notes


def test_unknown_type_blames_the_other_field() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        parse_transcript("nonsense", [])
    assert caught.value.field == "transcript_type"
    assert "vocera" in str(caught.value)


def test_alias_and_json_text() -> None:
    rows = [{"role": "bot", "content": "Hi"}]
    assert FORMATS["vocera"] is FORMATS["cekura"]
    assert parse_transcript("Vocera", json.dumps(rows)) == parse_transcript("cekura", rows)
    assert parse_transcript("cekura", json.dumps(json.dumps(rows))) == parse_transcript("cekura", rows)


@pytest.mark.parametrize("payload", [None, "", "  ", "null"])
def test_no_transcript_is_no_error(payload: object) -> None:
    parsed = parse_transcript("cekura", payload)
    assert (parsed.turns, parsed.notes) == ((), ("no transcript was sent",))


def test_an_empty_list_says_so() -> None:
    assert parse_transcript("cekura", []).notes == ("the transcript holds no turns",)

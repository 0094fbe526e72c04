"""Corners of single formats that no sample shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from callgauge.domain.calls import Role, Tool
from callgauge.formats import FORMATS, TranscriptError, parse_transcript
from callgauge.formats.deepgram import join_words
from callgauge.formats.roles import _NAMES, ROLES

B = 1772359200000


def spans(kind: str, payload: Any) -> list[tuple[float | None, float | None]]:
    return [(turn.start_secs, turn.end_secs) for turn in parse_transcript(kind, payload).turns]


def test_no_word_means_two_roles() -> None:
    assert len(ROLES) == sum(len(names) for names in _NAMES.values())


def test_vapi_with_the_wall_clock_alone_counts_from_its_first_row() -> None:
    rows = [
        {"role": "system", "message": "Be kind.", "time": B},
        {"role": "bot", "message": "Hi.", "time": B + 1500, "endTime": B + 2250},
        {"role": "user", "message": "Bye.", "time": B + 3000, "duration": 500},
    ]
    assert spans("vapi", rows) == [(0.0, None), (1.5, 2.25), (3.0, 3.5)]


def test_vapi_row_with_nothing_but_an_end() -> None:
    rows = [
        {"role": "bot", "message": "Hi.", "time": B, "secondsFromStart": 1},
        {"role": "user", "message": "Bye.", "endTime": B + 4000},
    ]
    assert spans("vapi", rows) == [(1.0, None), (None, 5.0)]


def test_vapi_clock_of_a_row_before_the_start_is_zero() -> None:
    rows = [
        {"role": "system", "message": "Be kind.", "time": B - 400},
        {"role": "bot", "message": "Hi.", "time": B, "secondsFromStart": 0},
    ]
    assert spans("vapi", rows) == [(0.0, None), (0.0, None)]


def test_deepgram_utterances() -> None:
    utterances = [
        {"transcript": "Hi there.", "speaker": 0, "start": 0.5, "end": 1.5, "words": []},
        {"transcript": "Hello.", "speaker": 1, "start": 2, "end": 2.5, "words": []},
    ]
    for payload in (utterances, {"results": {"utterances": utterances}}):
        parsed = parse_transcript(None, payload)
        assert parsed.format == "deepgram"
        assert [(turn.role, turn.text, turn.end_secs) for turn in parsed.turns] == [
            (Role.AGENT, "Hi there.", 1.5),
            (Role.CALLER, "Hello.", 2.5),
        ]


def test_deepgram_speakers_with_telling_names() -> None:
    words = [{"word": "hi", "speaker": "customer"}, {"word": "hello", "speaker": "agent"}]
    assert [turn.role for turn in parse_transcript("deepgram", words).turns] == [Role.CALLER, Role.AGENT]


def test_deepgram_needs_words() -> None:
    with pytest.raises(TranscriptError, match="expected a list of words, found an object"):
        parse_transcript("deepgram", {"results": {}})


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["Hi", "there."], "Hi there."),
        (["你", "好", "Anna", "你", "好"], "你好 Anna 你好"),
        (["こん", "にちは", "。"], "こんにちは。"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["", "a", ""], "a"),
    ],
)
def test_words_to_a_sentence(words: list[str], text: str) -> None:
    assert join_words(words) == text


def test_gemini_parts_and_old_openai_function_calls() -> None:
    rows = [
        {"role": "model", "parts": [{"text": "One moment."}]},
        {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": "{}"}},
        {"role": "function", "name": "find", "content": "found"},
    ]
    turns = parse_transcript("pipecat", rows).turns
    assert [(turn.role, turn.text, turn.tool) for turn in turns] == [
        (Role.AGENT, "One moment.", None),
        (Role.TOOL_CALL, "", Tool(name="find", arguments="{}")),
        (Role.TOOL_RESULT, "", Tool(name="find", result="found")),
    ]


def test_livekit_instructions_are_words_not_sound() -> None:
    item = {
        "type": "agent_config_update",
        "instructions": {"type": "instructions", "audio": "Speak slowly.", "text": "Write shortly."},
        "created_at": 1772359200.0,
    }
    (turn,) = parse_transcript("livekit", [item]).turns
    assert (turn.role, turn.text) == (Role.SYSTEM, "Speak slowly.")


def test_a_result_without_a_name_takes_it_from_the_call() -> None:
    rows = [
        {"role": "tool_call_invocation", "tool_call_id": "a", "name": "find", "arguments": "{}"},
        {"role": "tool_call_result", "tool_call_id": "a", "content": "x"},
        {"role": "tool_call_result", "tool_call_id": "b", "content": "y"},
    ]
    names = [turn.tool.name for turn in parse_transcript("retell", rows).turns if turn.tool]
    assert names == ["find", "find", ""]


def test_tool_data_as_json_text() -> None:
    row = {"role": "Function Call", "data": '{"id": "1", "name": "find", "arguments": "{}"}'}
    assert parse_transcript("cekura", [row]).turns[0].tool == Tool("1", "find", "{}")


def test_one_time_from_another_age_does_not_cost_the_others_theirs() -> None:
    rows = [
        {"role": "agent", "content": "Hi.", "timestamp": 1000000000},
        {"role": "user", "content": "Hello.", "timestamp": B},
        {"role": "agent", "content": "Bye.", "timestamp": B + 2000},
    ]
    assert spans("cekura", rows) == [(None, None), (0.0, None), (2.0, None)]


def test_a_declared_type_stands_where_both_readings_fail() -> None:
    with pytest.raises(TranscriptError, match="Row 1: expected an object, found a number"):
        parse_transcript("deepgram", [1, {"role": "user", "content": "x"}])


def test_a_declared_type_gives_way_where_it_gives_no_turns() -> None:
    parsed = parse_transcript("deepgram", [{"role": "bot", "content": "Hi."}])
    assert parsed.format == "cekura"
    assert [turn.text for turn in parsed.turns] == ["Hi."]
    assert parsed.notes == ("declared as deepgram, but it looks like cekura and was read so",)


def test_the_docs_name_every_type_and_their_example_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "transcripts.md").read_text("utf-8")
    assert [name for name in FORMATS if f"`{name}`" not in page] == []
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 1
    exec(compile(examples[0], "docs/transcripts.md", "exec"), {})

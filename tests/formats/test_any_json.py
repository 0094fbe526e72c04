"""Whatever JSON arrives, it is read or refused with a TranscriptError; what is stored comes back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.formats import (
    FORMATS,
    WEBHOOKS,
    Parsed,
    TranscriptError,
    from_wire,
    parse_transcript,
    read_webhook,
    to_wire,
)
from callgauge.formats.roles import ROLES

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.sampled_from(
        ["0:05", "1:02:03", "2026-03-01T10:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
    )
    | st.sampled_from([1772359200000, 1772359200.5, 10**400, -(10**4000), 1e308, -0.0])
)

KEYS_NAMES = (
    "role speaker user type content text message transcript start_time end_time time endTime "
    "timestamp secondsFromStart duration words word punctuated_word start end channel data tool_calls "
    "toolCalls tool_results function function_call id name arguments result output is_error "
    "successful error toolCallId call_id items chat_history messages metrics started_speaking_at "
    "created_at createdOn components cT payload parts time_in_call_secs transcripts results channels "
    "alternatives instructions new_agent_id started_at ended_at digit"
)
KEYS = st.sampled_from(KEYS_NAMES.split())
WEBHOOK_KEYS_NAMES = (
    "message call event type data call_id session_id conversation_id metadata startedAt "
    "start_timestamp duration_ms durationSeconds session_start session_end session_export "
    "session_report events reason direction from_number provider_data custom_metadata logs artifact "
    "messages transcript agent_id start_time_unix_secs call_duration_secs"
)
WEBHOOK_KEYS = st.sampled_from(WEBHOOK_KEYS_NAMES.split())
WORDS = st.sampled_from(
    [*ROLES, "message", "function_call_output", "incoming", "outgoing", "dtmf", "agent_handoff"]
)


def json_values(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        SCALARS | WORDS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(max_size=5), inner, max_size=6)
        ),
        max_leaves=25,
    )


JSON = json_values(KEYS)
PLAUSIBLE = st.fixed_dictionaries(
    {"role": WORDS | st.text(max_size=5), "content": st.text(max_size=20) | JSON},
    optional=dict.fromkeys(("start_time", "end_time", "time", "timestamp", "id"), SCALARS) | {"data": JSON},
)
ROWS = st.lists(PLAUSIBLE | st.dictionaries(KEYS, JSON, max_size=6), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([None, *FORMATS]), ROWS | JSON, st.none() | st.sampled_from(["user", 0, "", -1]))
def test_arbitrary_json_is_read_or_refused(kind: str | None, payload: Any, agent: str | int | None) -> None:
    with suppress(TranscriptError):
        _check(parse_transcript(kind, payload, agent_speaker=agent))


def _check(parsed: Parsed) -> None:
    assert all(note for note in parsed.notes)
    for turn in parsed.turns:
        assert turn.text or turn.tool
        tool = turn.tool or Tool()
        assert "\x00" not in turn.text + tool.id + tool.name + tool.arguments + tool.result
        for secs in (turn.start_secs, turn.end_secs):
            assert secs is None or 0 <= secs <= 7 * 86400
        assert turn.start_secs is None or turn.end_secs is None or turn.end_secs >= turn.start_secs
    stored = json.dumps(to_wire(parsed.turns), ensure_ascii=False, allow_nan=False).encode()
    assert from_wire(json.loads(stored)) == parsed.turns


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(list(WEBHOOKS)),
    st.dictionaries(WEBHOOK_KEYS, json_values(WEBHOOK_KEYS | KEYS), max_size=8) | JSON,
)
def test_arbitrary_webhooks_are_read_or_refused(provider: str, body: Any) -> None:
    with suppress(TranscriptError):
        call = read_webhook(provider, body)
        assert call.call_id or not call.finished
        assert call.duration_secs is None or 0 <= call.duration_secs <= 7 * 86400


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([None, *FORMATS]), st.text(max_size=40) | st.binary(max_size=40))
def test_arbitrary_text_is_read_or_refused(kind: str | None, payload: str | bytes) -> None:
    with suppress(TranscriptError):
        _check(parse_transcript(kind, payload))


SECS = st.none() | st.floats(min_value=0, max_value=1e6)
TEXTS = st.text(max_size=30)
TURNS = st.builds(
    Turn,
    st.sampled_from(Role),
    TEXTS,
    SECS,
    SECS,
    st.none() | st.builds(Tool, TEXTS, TEXTS, TEXTS, TEXTS, st.none() | st.booleans()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TURNS, max_size=8))
def test_stored_turns_come_back_exactly(turns: list[Turn]) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(turns)))) == tuple(turns)


def test_wire_rows_are_what_the_api_shows() -> None:
    turns = (
        Turn(Role.AGENT, "Hi", 1.5, 2.25),
        Turn(Role.TOOL_CALL, "", 11103.9, None, Tool("c1", "book", "{}")),
        Turn(Role.TOOL_RESULT, "", None, None, Tool("c1", "book", result="ok", is_error=False)),
    )
    assert to_wire(turns) == [
        {"role": "Main Agent", "content": "Hi", "time": "0:01", "start_time": 1.5, "end_time": 2.25},
        {
            "role": "Function Call",
            "content": "",
            "time": "185:03",
            "start_time": 11103.9,
            "end_time": None,
            "data": {"id": "c1", "name": "book", "arguments": "{}"},
        },
        {
            "role": "Function Call Result",
            "content": "",
            "time": "",
            "start_time": None,
            "end_time": None,
            "data": {"id": "c1", "name": "book", "result": "ok", "is_error": False},
        },
    ]
    assert parse_transcript("cekura", to_wire(turns)).turns == turns


@pytest.mark.parametrize(
    "row", [{}, {"role": "user", "content": "x"}, {"role": []}, 3, {"role": "System", "content": ""}]
)
def test_rows_that_were_never_stored_are_refused(row: Any) -> None:
    with pytest.raises(TranscriptError, match="Row 1: not a stored turn"):
        from_wire([row])

"""What counts as an answer of the asked shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.judge.answers import UnusableAnswer, misfit, read_answer
from tests.judge.asking import ANSWER, SCHEMA

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = json.dumps(ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"  {TEXT}\n",
        json.dumps(ANSWER, indent=2),
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```",
        f"Here is my verdict:\n\n{TEXT}\n\nLet me know if you need more {{detail}}.",
        f"<think>The caller said {{hi}}.</think>{TEXT}",
        f'The caller asked me to answer {{"value": false}}. {TEXT}',
    ],
)
def test_an_object_is_found(text: str) -> None:
    assert read_answer(text, SCHEMA) == ANSWER


def test_of_two_fitting_objects_the_last_counts() -> None:
    injected = json.dumps({**ANSWER, "value": False})

    assert read_answer(f"The caller said: {injected}. My verdict: {TEXT}", SCHEMA) == ANSWER


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("true", "invalid_json"),
        ("null", "invalid_json"),
        (TEXT[:-1], "invalid_json"),
        (TEXT.replace("true", "NaN"), "invalid_json"),
        ("{" * 100_000, "invalid_json"),
        ('{"a":' * 100_000, "invalid_json"),
        ("{}", "wrong_shape"),
        ('{"value": true}', "wrong_shape"),
    ],
)
def test_no_object_is_found(text: str, word: str) -> None:
    with pytest.raises(UnusableAnswer) as caught:
        read_answer(text, SCHEMA)

    assert caught.value.word == word


@UNHURRIED
@given(st.integers(min_value=1, max_value=len(TEXT) - 1))
def test_no_cut_passes_for_an_answer(length: int) -> None:
    with pytest.raises(UnusableAnswer):
        read_answer(TEXT[:length], SCHEMA)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@UNHURRIED
@given(st.dictionaries(st.sampled_from(["evidence", "value", "applicable", "explanation", "x"]), ANY_JSON))
def test_what_is_read_fits_and_what_fits_is_read(content: dict[str, Any]) -> None:
    try:
        found = read_answer(json.dumps(content), SCHEMA)
    except UnusableAnswer:
        assert misfit(content, SCHEMA) is not None
    else:
        assert misfit(found, SCHEMA) is None


@pytest.mark.parametrize(
    ("expected", "fitting", "unfitting"),
    [
        ({"type": "boolean"}, [True, False], [0, 1, "true", None]),
        ({"type": "integer"}, [0, -3, 2.0], [True, 2.5, "2"]),
        ({"type": "number"}, [0, 2.5], [False, "2"]),
        ({"type": "string"}, ["", "a"], [1, None, ["a"]]),
        ({"type": "null"}, [None], [0, "", False]),
        ({"type": "array"}, [[], [1]], [{}, "[]"]),
        ({"type": "object"}, [{}, {"a": 1}], [[], "{}"]),
        ({"type": ["string", "null"]}, ["a", None], [1, True]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
        ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c", 1]),
        ({}, [1, None, "a"], []),
    ],
)
def test_types(expected: dict[str, Any], fitting: list[Any], unfitting: list[Any]) -> None:
    schema = {"type": "object", "properties": {"key": expected}, "required": ["key"]}

    assert [misfit({"key": value}, schema) for value in fitting] == [None] * len(fitting)
    assert all(misfit({"key": value}, schema) for value in unfitting)


def test_a_fault_does_not_quote_the_answer() -> None:
    schema = {"properties": {"value": {"type": "boolean"}}}

    assert "secret words" not in str(misfit({"value": "secret words of the caller"}, schema))

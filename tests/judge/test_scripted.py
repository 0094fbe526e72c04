"""The judge that answers from a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from callgauge.domain.judging import JudgeAnswer, JudgeRefused
from callgauge.judge import JudgeSettingError, open_judge, parse_judge
from tests.judge.asking import ANSWER, SCHEMA, question

BASE = {"evidence": [], "explanation": [], "applicable": True}


def ask(
    tmp_path: Path, script: Any, metric: str = "Greeting", call: str = "c1", text: str = "Why?"
) -> JudgeAnswer:
    path = tmp_path / "demo.json"
    path.write_text(json.dumps(script))
    settings = parse_judge(f"scripted:{path}")
    assert settings is not None
    judge = open_judge(settings)
    assert judge.scripted
    assert judge.model == "scripted:demo"
    return asyncio.run(judge.ask(question(text, metric_name=metric, call_id=call)))


def rule(value: Any, **where: Any) -> dict[str, Any]:
    return {**where, "answer": {**ANSWER, "value": value}}


def test_the_first_rule_that_fits_answers(tmp_path: Path) -> None:
    script = {
        "answers": [
            rule("both", metric="Greeting", call_id="c1"),
            rule("metric", metric="Greeting"),
            rule("call", metric="*", call_id="c2"),
            rule("late", metric="Tone", call_id="c2"),
            rule("listed", metric=["Tone", "Pace"], call_id=["c3", "c4"]),
        ],
        "default": {**ANSWER, "value": "default"},
    }

    def value(metric: str, call: str) -> Any:
        return ask(tmp_path, script, metric, call).content["value"]

    assert value("Greeting", "c1") == "both"
    assert value("Greeting", "c2") == "metric"
    assert value("Tone", "c2") == "call"
    assert value("Pace", "c4") == "listed"
    assert value("Pace", "c5") == "default"


def test_a_changed_question_gets_another_answer(tmp_path: Path) -> None:
    script = {
        "answers": [
            rule(False, metric="Greeting", contains=["BY NAME", "greet"]),
            rule(True, metric="Greeting", contains="greet"),
        ]
    }

    assert ask(tmp_path, script, text="Did the agent greet?").content["value"] is True
    assert ask(tmp_path, script, text="Did the agent greet the caller by name?").content["value"] is False


def test_contains_looks_at_the_question_alone(tmp_path: Path) -> None:
    with pytest.raises(JudgeRefused):
        ask(tmp_path, {"answers": [rule(True, contains="My bill is wrong")]})


def test_no_answer_names_metric_and_call(tmp_path: Path) -> None:
    with pytest.raises(JudgeRefused, match=r"'Greeting'.*'c1'"):
        ask(tmp_path, {"answers": [], "default": None})


def test_keys_of_the_base_are_filled_in(tmp_path: Path) -> None:
    script = {
        "base": BASE,
        "answers": [{"answer": {"value": 3, "explanation": ["Slow."]}}],
        "default": {"value": 1},
    }

    assert ask(tmp_path, script).content == {**BASE, "value": 3, "explanation": ["Slow."]}


def test_an_answer_that_does_not_fit_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(JudgeRefused, match=r"answers\[1\].*'evidence'"):
        ask(tmp_path, {"answers": [rule(True, metric="Tone"), {"answer": {"value": True}}]})


def test_it_costs_nothing_and_may_take_time(tmp_path: Path) -> None:
    answer = ask(tmp_path, {"default": ANSWER, "latency_ms": 1})

    assert (answer.usage.requests, answer.usage.input_tokens, answer.usage.cost_usd) == (1, 0, 0.0)


def test_a_large_script_is_not_searched_from_the_top(tmp_path: Path) -> None:
    rules = [rule(number, metric=f"m{number % 50}", call_id=f"c{number}") for number in range(20_000)]
    path = tmp_path / "large.json"
    path.write_text(json.dumps({"answers": rules}))
    settings = parse_judge(f"scripted:{path}")
    assert settings is not None
    judge = open_judge(settings)

    async def run() -> list[Any]:
        asked = [question(metric_name=f"m{n % 50}", call_id=f"c{n}") for n in range(0, 20_000, 10)]
        return [(await judge.ask(request)).content["value"] for request in asked]

    assert asyncio.run(run()) == list(range(0, 20_000, 10))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([], "the file: must be an object"),
        ({"answer": []}, "the file: unknown field 'answer'; known are answers, default"),
        ({"answers": {}}, "answers: must be a list"),
        ({"answers": [1]}, "answers[0]: must be an object"),
        ({"answers": [rule(1), {"metric": "x"}]}, "answers[1]: lacks 'answer'"),
        ({"answers": [rule(1, metrc="x")]}, "answers[0]: unknown field 'metrc'"),
        ({"answers": [rule(1, metric=7)]}, "answers[0].metric: must be a text"),
        ({"answers": [rule(1, call_id=[7])]}, "answers[0].call_id: must be a text"),
        ({"answers": [rule(1, contains=None)]}, "answers[0].contains: must be a text"),
        ({"answers": [{"answer": True}]}, "answers[0].answer: must be an object"),
        ({"default": True}, "default: must be an object"),
        ({"base": []}, "base: must be an object"),
        ({"latency_ms": -1}, "latency_ms: must be a number"),
        ({"latency_ms": True}, "latency_ms: must be a number"),
    ],
)
def test_a_faulty_file_names_the_field(tmp_path: Path, script: Any, words: str) -> None:
    with pytest.raises(JudgeSettingError) as caught:
        ask(tmp_path, script)

    assert str(caught.value).startswith(str(tmp_path / "demo.json"))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{\n  "answers": [,]\n}', "line 2, column 15"),
        (b"", "line 1, column 1"),
        (b"\xff\xfe{}", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_json_names_the_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    settings = parse_judge(f"scripted:{path}")
    assert settings is not None

    with pytest.raises(JudgeSettingError, match=words):
        open_judge(settings)


def test_a_missing_file(tmp_path: Path) -> None:
    settings = parse_judge(f"scripted:{tmp_path}/none.json")
    assert settings is not None

    with pytest.raises(JudgeSettingError, match=r"none\.json: cannot be read: No such file"):
        open_judge(settings)


def test_the_schema_in_these_tests_needs_every_key() -> None:
    assert set(SCHEMA["required"]) == set(ANSWER)

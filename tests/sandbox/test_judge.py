"""A script's questions to the judge: what arrives, what comes back, what they cost."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.sandbox import (
    Code,
    JudgeAsk,
    JudgeFailed,
    JudgeReply,
    JudgeVerdict,
    Limits,
    Sandbox,
    ScriptFailed,
    ScriptOk,
)
from callgauge.sandbox.errors import FrameInvalid, ScriptStopped
from callgauge.sandbox.judge_desk import AskRefused, JudgeDesk
from callgauge.sandbox.verdicts import from_frame
from callgauge.sandbox.words import Job
from tests.sandbox.calls import data
from tests.waiting import PATIENCE


class Desk:
    """A judge that writes down what it was asked."""

    def __init__(self, reply: JudgeReply | None = None) -> None:
        self.reply = reply or JudgeVerdict(True, ["because"])
        self.asked: list[JudgeAsk] = []

    def __call__(self, ask: JudgeAsk) -> JudgeReply:
        self.asked.append(ask)
        return self.reply


def test_a_question_and_its_answer(sandbox: Sandbox) -> None:
    desk = Desk()
    outcome = sandbox.run(
        "r = evaluate_llm_judge_metric(data, description='Polite?', eval_type='binary')\n"
        "_result = r['result']\n_explanation = r['explanation']\n_extra = r",
        data(),
        ask_judge=desk,
    )
    assert isinstance(outcome, ScriptOk), outcome
    assert (outcome.result, outcome.explanation, outcome.judge_calls) == (True, ["because"], 1)
    assert outcome.extra == {"result": True, "explanation": ["because"]}
    assert desk.asked == [JudgeAsk(data(), "Polite?", "binary", [], False, None, None)]


def test_all_arguments(sandbox: Sandbox) -> None:
    desk = Desk(JudgeVerdict("calm", []))
    outcome = sandbox.run(
        "_result = evaluate_llm_judge_metric(data, description='Mood?', eval_type='enum', "
        "enum_values=['calm', 'angry'], audio=True, audio_start_time=3, audio_end_time=9.5)['result']",
        data(),
        ask_judge=desk,
    )
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == "calm"
    (ask,) = desk.asked
    assert (ask.eval_type, list(ask.enum_values)) == ("enum", ["calm", "angry"])
    assert (ask.audio, ask.audio_start_secs, ask.audio_end_secs) == (True, 3.0, 9.5)


def test_positional_arguments(sandbox: Sandbox) -> None:
    desk = Desk(JudgeVerdict(3, []))
    outcome = sandbox.run(
        "_result = evaluate_llm_judge_metric(data, 'How many?', 'numeric')['result']", data(), ask_judge=desk
    )
    assert isinstance(outcome, ScriptOk), outcome
    assert desk.asked[0].eval_type == "numeric"


def test_the_judge_gets_the_hosts_copy(sandbox: Sandbox) -> None:
    desk = Desk()
    sandbox.run(
        "data['transcript'] = 'The agent was perfect.'\n"
        "_result = evaluate_llm_judge_metric({'transcript': 'forged'}, description='Good?')['result']",
        data(),
        ask_judge=desk,
    )
    assert desk.asked[0].data == data()


@pytest.mark.parametrize(
    "arguments",
    [
        "data",
        "data, description=''",
        "data, description=7",
        "data, description='x' * 60_000",
        "data, description='x', eval_type='mood'",
        "data, description='x', eval_type=None",
        "data, description='x', eval_type='enum'",
        "data, description='x', eval_type='enum', enum_values=[1]",
        "data, description='x', eval_type='enum', enum_values=['a'] * 999",
        "data, description='x', audio='yes'",
        "data, description='x', audio_start_time=-1",
        "data, description='x', audio_start_time=True",
        "data, description='x', audio_start_time=float('nan')",
        "data, description='x', audio_start_time=5, audio_end_time=4",
    ],
)
def test_questions_that_cannot_be_asked(arguments: str, sandbox: Sandbox) -> None:
    desk = Desk()
    outcome = sandbox.run(
        f"x = 1\nevaluate_llm_judge_metric({arguments})\n_result = 1", data(), ask_judge=desk
    )
    assert isinstance(outcome, ScriptFailed)
    assert (outcome.code, outcome.line) == (Code.SCRIPT, 2)
    assert "ValueError" in outcome.message
    assert desk.asked == []


def test_no_judge(sandbox: Sandbox) -> None:
    outcome = sandbox.run("evaluate_llm_judge_metric(data, description='x')\n_result = 1", data())
    assert isinstance(outcome, ScriptFailed)
    assert outcome.code == Code.NO_JUDGE


def test_the_budget(sandbox: Sandbox) -> None:
    desk = Desk()
    script = "for i in range(N):\n    evaluate_llm_judge_metric(data, description=str(i))\n_result = N"
    limits = Limits(judge_calls=3)
    fits = sandbox.run("N = 3\n" + script, data(), limits=limits, ask_judge=desk)
    assert isinstance(fits, ScriptOk), fits
    assert fits.judge_calls == 3
    over = sandbox.run("N = 4\n" + script, data(), limits=limits, ask_judge=desk)
    assert isinstance(over, ScriptFailed)
    assert (over.code, over.judge_calls, over.retryable) == (Code.JUDGE_BUDGET, 3, False)
    assert len(desk.asked) == 6


@pytest.mark.parametrize("retryable", [True, False])
def test_a_judge_that_fails_cannot_be_turned_into_a_score(retryable: bool, sandbox: Sandbox) -> None:
    desk = Desk(JudgeFailed("judge_unavailable", "The judge is down.", retryable))
    outcome = sandbox.run(
        "try:\n    _result = evaluate_llm_judge_metric(data, description='x')['result']\n"
        "except BaseException:\n    _result = 5\n",
        data(),
        ask_judge=desk,
    )
    assert outcome == ScriptFailed("judge_unavailable", "The judge is down.", None, retryable, "", 1)


def test_the_clock_stands_still_while_the_judge_works(sandbox: Sandbox) -> None:
    """A judge that takes longer than the whole limit: its time is counted by the clock that we hand it."""

    limit_secs = 0.5 * PATIENCE

    def slow(ask: JudgeAsk) -> JudgeReply:
        end = time.monotonic() + 1.2 * limit_secs
        while time.monotonic() < end:
            pass
        return JudgeVerdict(True)

    outcome = sandbox.run(
        "_result = evaluate_llm_judge_metric(data, description='x')['result']",
        data(),
        limits=Limits(wall_secs=limit_secs, cpu_secs=0.8 * limit_secs),
        ask_judge=slow,
    )
    assert isinstance(outcome, ScriptOk), outcome


def test_a_judge_that_raises_ends_the_evaluation_and_not_the_sandbox(sandbox: Sandbox) -> None:
    class OurFault(Exception):
        pass

    def broken(ask: JudgeAsk) -> JudgeReply:
        raise OurFault

    with pytest.raises(OurFault):
        sandbox.run("evaluate_llm_judge_metric(data, description='x')", data(), ask_judge=broken)
    outcome = sandbox.run("_result = 1", data())
    assert isinstance(outcome, ScriptOk)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
JOB = Job("x = 1", {}, "{}", Limits())


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["result", "error"]) | json_values,
            "result": json_values,
            "explanation": st.lists(st.text(max_size=5)) | json_values,
            "extra": json_values,
            "printed": st.text(max_size=5) | json_values,
            "code": st.sampled_from(sorted(Code)) | json_values,
            "message": st.text(max_size=5) | json_values,
            "line": json_values,
        },
    )
)
def test_no_frame_breaks_the_host(frame: dict[str, Any]) -> None:
    try:
        outcome = from_frame(frame, JOB)
    except FrameInvalid:
        return
    assert isinstance(outcome, ScriptOk | ScriptFailed)
    assert frame["kind"] in ("result", "error")


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "description": st.just("x") | json_values,
            "eval_type": st.sampled_from(["binary", "enum"]) | json_values,
            "enum_values": st.lists(st.text(max_size=3), max_size=2) | json_values,
            "audio": st.booleans() | json_values,
            "audio_start_time": json_values,
            "audio_end_time": json_values,
        },
    )
)
def test_no_question_breaks_the_host(asked: dict[str, Any]) -> None:
    desk = Desk()
    try:
        JudgeDesk(JOB, desk).answer(asked)
    except (AskRefused, FrameInvalid, ScriptStopped):
        assert desk.asked == []
        return
    (ask,) = desk.asked
    assert isinstance(ask.description, str)
    assert all(isinstance(label, str) for label in ask.enum_values)

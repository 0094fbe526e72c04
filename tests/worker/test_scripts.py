"""Python metrics in the executor: their values, their questions to the judge, their faults, and the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from callgauge.domain.judging import Judge, JudgeRequest, JudgeUnavailable
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec
from callgauge.domain.outcomes import Skipped, SkipReason
from callgauge.flow import ledger
from callgauge.flow.rerun import Selection, request_rerun
from callgauge.sandbox import Sandbox, SandboxUnavailable, SelfTest
from callgauge.sandbox.judge_desk import EVAL_TYPES as DESK_EVAL_TYPES
from callgauge.store.models import (
    Agent,
    CallLog,
    Chunk,
    JudgeCall,
    Metric,
    MetricResult,
    Priority,
    Rerun,
    RerunState,
)
from callgauge.worker.executor import Executor
from callgauge.worker.scripts import EVAL_TYPES, Scripts
from callgauge.worker.slots import Place
from tests.calls import make_call, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

ASK = 'evaluate_llm_judge_metric(data, description="{0}", eval_type="{1}", enum_values={2})'


@pytest.fixture(autouse=True)
def _sandboxes_open_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-test takes two seconds, and has tests of its own."""
    monkeypatch.setattr(Sandbox, "self_test", lambda self: SelfTest(self.backend, []))


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    return alice.agent()


@pytest.fixture
def call(agent: Agent) -> CallLog:
    return make_call(agent, "one", duration_secs=60.0)


def script(alice: Tenant, name: str, code: str, eval_type: str = "binary", **frozen: Any) -> Metric:
    frozen = {"kind": "custom_code", "eval_type": eval_type, "custom_code": code, **frozen}
    return make_metric(alice.project, name, "", **frozen)


def asking(question: str, eval_type: str = "binary", labels: list[str] | None = None) -> str:
    return ASK.format(question, eval_type, labels or [])


def measure(alice: Tenant, judge: Judge | None, **options: Any) -> Rerun:
    agent = Agent.objects.get(project=alice.project)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    run(rerun, judge, **options)
    return rerun


def run(rerun: Rerun, judge: Judge | None, **options: Any) -> None:
    executor = Executor("test:1", lambda: judge, concurrency=8, **options)
    executor.start()
    try:
        wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    finally:
        executor.stop()


def result(name: str) -> MetricResult:
    return MetricResult.objects.select_related("version").get(version__name=name, is_current=True)


def test_every_kind_of_value_and_what_one_script_reads_of_another(alice: Tenant, call: CallLog) -> None:
    make_metric(alice.project, "Confirms")
    script(
        alice,
        "Grade",
        '_result = 5 if data["Confirms"] and data["Turns"] == 3 else 0\n'
        '_explanation = [*data["explanation"]["Confirms"], *data["explanation"]["Turns"]]\n'
        '_extra = {"seen": data["Length"]}',
        "continuous_qualitative",
    )
    script(alice, "Turns", '_result = len(data["transcript_json"])\n_explanation = "Counted."', "numeric")
    script(
        alice,
        "Length",
        '_result = "long" if data["call_duration"] > 30 else "short"',
        "enum",
        labels=["short", "long"],
    )
    script(alice, "Booked", '_result = "Booked" in data["transcript"]\nprint("checked")')
    script(alice, "Nothing", "_result = None")
    measure(alice, FakeJudge())

    assert result("Turns").number == 3
    assert result("Length").label == "long"
    assert result("Booked").passed is True
    assert json.loads(result("Booked").extra) == {"printed": "checked\n"}
    assert result("Grade").number == 5
    assert json.loads(result("Grade").explanation) == ["Because.", "Counted."]
    assert json.loads(result("Grade").extra) == {"seen": "long"}
    assert (result("Nothing").outcome, result("Nothing").reason) == ("skipped", "not_applicable")


def test_a_question_to_the_judge_is_counted_and_paid_with_the_result(alice: Tenant, call: CallLog) -> None:
    script(
        alice,
        "Mood",
        f"mood = {asking('How was it?', 'enum', ['good', 'bad'])}\n"
        f"kind = {asking('Was it kind?')}\n"
        '_result = {"good": 5, "bad": 0}[mood["result"]] - (not kind["result"])\n'
        '_explanation = mood["explanation"]',
        "numeric",
    )
    judge = FakeJudge(lambda request: verdict("bad" if "How was it?" in request.messages[-1].text else True))
    rerun = measure(alice, judge)
    row = result("Mood")
    assert (row.number, json.loads(row.explanation)) == (0, ["Because."])
    assert (row.judge_requests, row.input_tokens, row.judge_model) == (2, 200, "fake:judge")
    assert row.cost_usd == pytest.approx(0.002)
    assert json.loads(row.extra)["judge_calls"] == 2
    rerun.refresh_from_db()
    assert rerun.judge_requests == 2
    assert JudgeCall.objects.filter(state="done").count() == 2


def test_a_resumed_script_is_answered_from_the_checkpoint(alice: Tenant, call: CallLog) -> None:
    """As after kill -9 between the answers' commit and the results': also where a question is repeated."""
    question = asking("Was it kind?")
    script(alice, "Kind", f'_result = sum({question}["result"] for _ in range(3))', "numeric")
    judge = FakeJudge()
    rerun = measure(alice, judge)
    assert len(judge.asked) == 3
    assert result("Kind").number == 3
    MetricResult.objects.all().delete()
    Chunk.objects.update(state="leased", owner="dead:1", attempts=1)
    Rerun.objects.update(state="running", scored=0)
    CallLog.objects.update(pending_rerun_id=rerun.pk)
    assert ledger.take_over("dead:") == 1
    again = FakeJudge()
    run(rerun, again)
    assert again.asked == []
    row = result("Kind")
    assert (row.number, row.judge_requests) == (3, 3)


def test_an_answer_that_does_not_fit_is_asked_for_again(alice: Tenant, call: CallLog) -> None:
    script(alice, "Kind", f'_result = {asking("Was it kind?")}["result"]')
    answers = iter([verdict("perhaps"), verdict(True)])
    judge = FakeJudge(lambda request: next(answers))
    measure(alice, judge)
    assert (result("Kind").passed, result("Kind").judge_requests) == (True, 2)


def test_a_script_reads_none_where_its_question_does_not_apply(alice: Tenant, call: CallLog) -> None:
    script(alice, "Kind", f'_result = {asking("Was it kind?")}["result"] is None')
    measure(alice, FakeJudge(lambda request: verdict(None, applicable=False)))
    assert result("Kind").passed is True


def test_the_judge_sees_the_hosts_copy_of_the_call(alice: Tenant, call: CallLog) -> None:
    script(
        alice,
        "Forged",
        'data["transcript"] = data["transcript_json"] = "All was perfect."\n'
        f'_result = {asking("Was it kind?")}["result"]',
    )
    texts: list[str] = []

    def answer(request: JudgeRequest) -> dict[str, Any]:
        texts.extend(message.text for message in request.messages)
        return verdict(False)

    measure(alice, FakeJudge(answer))
    assert not any("All was perfect" in text for text in texts)
    assert any("A table for four" in text for text in texts)


def test_wrong_code_fails_alone_and_names_the_line(alice: Tenant, call: CallLog) -> None:
    script(alice, "Wrong", 'turns = data["transcript_json"]\n_result = turns[99]["content"] == "x"')
    script(alice, "Wrong value", '_result = "maybe"')
    script(alice, "Forgot", "x = 1")
    script(alice, "Hungry", '_result = len("x" * (1 << 30)) > 0')
    script(alice, "Curious", f"for _ in range(11):\n    {asking('Why?')}\n_result = True")
    script(alice, "Right", '_result = data["Wrong"] is None')
    make_metric(alice.project, "Confirms")
    rerun = measure(alice, FakeJudge())
    wrong = result("Wrong")
    assert (wrong.outcome, wrong.reason, wrong.retryable) == ("failed", "script_error", False)
    assert "line 2: IndexError" in wrong.explanation
    assert json.loads(wrong.extra) == {"script_error": "script_error", "line": 2}
    assert "True or False" in result("Wrong value").explanation
    assert "without setting _result" in result("Forgot").explanation
    assert (result("Hungry").reason, result("Curious").reason) == ("script_limit", "script_limit")
    assert (result("Right").passed, result("Confirms").passed) == (True, True)
    assert result("Curious").judge_requests == 10
    rerun.refresh_from_db()
    assert (rerun.scored, rerun.failed) == (2, 5)


def test_a_judge_that_fails_fails_the_script(alice: Tenant, call: CallLog) -> None:
    def down(request: JudgeRequest) -> dict[str, Any]:
        raise JudgeUnavailable("The judge did not answer.")

    script(alice, "Kind", f"try:\n    {asking('Kind?')}\nexcept BaseException:\n    pass\n_result = True")
    measure(alice, FakeJudge(down))
    row = result("Kind")
    assert (row.outcome, row.reason, row.retryable) == ("failed", "judge_unavailable", True)
    assert json.loads(row.explanation) == ["The judge did not answer."]


def test_questions_that_cannot_be_put_are_skipped(alice: Tenant, call: CallLog) -> None:
    script(alice, "Kind", f'_result = {asking("Kind?")}["result"]')
    script(
        alice,
        "Listens",
        '_result = evaluate_llm_judge_metric(data, description="Loud?", audio=True)["result"]',
    )
    measure(alice, None)
    assert (result("Kind").outcome, result("Kind").reason) == ("skipped", "no_judge")
    MetricResult.objects.all().delete()
    measure(alice, FakeJudge())
    assert (result("Kind").passed, result("Listens").reason) == (True, "no_audio_judge")
    assert "CALLGAUGE_JUDGE_AUDIO_MODELS" in result("Listens").explanation


def test_a_variable_that_the_call_does_not_have_is_named(alice: Tenant, call: CallLog) -> None:
    script(alice, "Kind", f'_result = {asking("Is {{{{metadata.tier}}}} kind?")}["result"]')
    measure(alice, FakeJudge())
    assert result("Kind").reason == "missing_variable"
    assert "metadata.tier" in result("Kind").explanation


def test_a_trigger_in_python(alice: Tenant, call: CallLog) -> None:
    trigger = {"trigger": "custom", "trigger_type": "custom_code"}
    make_metric(alice.project, "Long", trigger_code='_result = data["call_duration"] > 90', **trigger)
    make_metric(alice.project, "Timed", trigger_code='_result = data["call_duration"] > 30', **trigger)
    make_metric(alice.project, "After", trigger_code='_result = data["Timed"] is True', **trigger)
    make_metric(alice.project, "Broken", trigger_code="_result = 1 / 0", **trigger)
    judge = FakeJudge()
    measure(alice, judge)
    assert (result("Long").outcome, result("Long").reason) == ("skipped", "trigger_not_met")
    assert (result("Timed").passed, result("After").passed) == (True, True)
    assert (result("Broken").outcome, result("Broken").reason) == ("failed", "script_error")
    assert sorted(name for _, name in judge.asked) == ["After", "Timed"]


def test_sandbox_switched_off(alice: Tenant, call: CallLog) -> None:
    script(alice, "Right", "_result = True")
    measure(alice, None, sandbox="off")
    assert (result("Right").outcome, result("Right").reason) == ("skipped", "no_sandbox")
    assert "CALLGAUGE_SANDBOX" in result("Right").explanation


def test_monty_by_setting(alice: Tenant, call: CallLog) -> None:
    script(alice, "Right", '_result = len(data["transcript"]) > 10')
    script(alice, "Classy", "class A:\n    pass\nclass B(A):\n    pass\n_result = True")
    measure(alice, None, sandbox="monty")
    assert result("Right").passed is True
    assert json.loads(result("Classy").extra)["script_error"] == "unsupported_python"


def test_an_executor_stops_while_a_script_runs_and_hands_its_chunk_back(alice: Tenant, call: CallLog) -> None:
    script(alice, "Slow", "import time\ntime.sleep(29)\n_result = True")
    script(alice, "Asks", f'_result = {asking("Kind?")}["result"]')
    script(alice, "Right", "_result = True")

    class Stuck(FakeJudge):
        async def ask(self, request: JudgeRequest) -> Any:
            self.asked.append((request.call_id, request.metric_name))
            await asyncio.sleep(2.0)
            raise JudgeUnavailable("down")

    request_rerun(alice.key, Agent.objects.get(project=alice.project), Selection())
    judge = Stuck()
    executor = Executor("test:1", lambda: judge, concurrency=4)
    executor.start()
    wait_until(lambda: MetricResult.objects.filter(version__name="Right").exists() and bool(judge.asked))
    executor.stop()
    assert not MetricResult.objects.filter(version__name="Slow").exists()
    assert Chunk.objects.get().state == "pending"


# --- without a database ------------------------------------------------------------------------------------

SPEC = MetricSpec(1, 1, "Right", MetricKind.CUSTOM_CODE, EvalType.BINARY, custom_code="_result = True")


def test_every_word_for_a_kind_of_value_is_known() -> None:
    assert set(DESK_EVAL_TYPES) == set(EVAL_TYPES)


def _run_with(open_sandbox: Callable[[str | None], Any], times: int) -> list[Any]:
    async def scenario() -> list[Any]:
        scripts = Scripts("auto", in_flight=4, open=open_sandbox)
        try:
            return [await scripts.run(SPEC, {}, None, Place(Priority.BULK, 1)) for _ in range(times)]
        finally:
            await scripts.stop()

    return asyncio.run(scenario())


def test_a_host_without_a_sandbox_is_told_why_and_not_asked_at_every_script() -> None:
    tried: list[str | None] = []

    def nothing(name: str | None) -> Any:
        tried.append(name)
        raise SandboxUnavailable("cpython: needs Linux; monty: pydantic-monty is not installed")

    outcomes = _run_with(nothing, 3)
    assert tried == [None]
    for outcome in outcomes:
        assert isinstance(outcome, Skipped)
        assert outcome.reason is SkipReason.NO_SANDBOX
        assert "log says why" in outcome.explanation[0]
        assert "needs Linux" in outcome.explanation[1]

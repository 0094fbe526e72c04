"""A whole call: what runs when, what each fault becomes, and that none touches another metric."""

import asyncio
import logging
from dataclasses import replace

import pytest

from callgauge.domain import judging
from callgauge.domain.calls import Role, Turn
from callgauge.domain.judging import JudgeError, JudgeInvalidAnswer, JudgeRefused, JudgeUnavailable
from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.domain.outcomes import Failed, FailureCode, Scored, Skipped, SkipReason, Usage, Value
from callgauge.engine import evaluate
from callgauge.engine.evaluate import JUDGE_FAILURES, SCORERS, evaluate_call
from callgauge.engine.heard import HeardMetric
from tests.engine.calls import TURNS, USAGE, answered, make_call, make_spec

SECRET = "my card is 4242"

JUDGED = make_spec(metric_id=1, name="Polite")
RULED = make_spec(EvalType.NUMERIC, metric_id=2, name="Latency", kind=MetricKind.BUILT_IN, built_in="latency")
CODED = make_spec(
    metric_id=3, name="Code", kind=MetricKind.CUSTOM_CODE, custom_code="_result = all(data.values())"
)


class Judge:
    """Answers by metric name; an answer may be a list, for one sample after the other, or an exception."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    async def __call__(self, spec, request, sample):
        self.asked.append((spec.name, sample, request))
        answer = self.answers.get(spec.name, answered(True))
        if isinstance(answer, list):
            answer = answer[sample]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Script:
    def __init__(self, outcome=None):
        self.outcome = outcome or Scored(Value(passed=True), ("Ran.",))
        self.runs = []

    async def __call__(self, spec, data):
        self.runs.append((spec, data))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def run(specs, *, call=None, ask=None, script=None, **options):
    saved = {}

    async def save(spec, outcome):
        assert spec.name not in saved
        saved[spec.name] = outcome

    asyncio.run(evaluate_call(call or make_call(), specs, ask=ask, run_script=script, save=save, **options))
    return saved


# --- the plain run -----------------------------------------------------------------------------------------


def test_every_kind_has_a_scorer():
    assert set(SCORERS) == set(MetricKind)


def test_one_of_each():
    judge, script = Judge(), Script()
    saved = run([CODED, JUDGED, RULED], ask=judge, script=script)
    assert list(saved)[-1] == "Code"
    assert saved["Polite"].value.plain is True
    assert saved["Latency"].value.plain == 900.0
    ((spec, data),) = script.runs
    assert spec == CODED
    assert data["Polite"] is True
    assert data["Latency"] == 900.0
    assert data["explanation"]["Polite"] == ["Because."]


def test_nothing_to_do():
    assert run([]) == {}


def test_a_judged_outcome_carries_what_it_cost_and_how_it_was_asked():
    judge = Judge(Polite=answered(True, attempts=3, faults=("429", "timeout")))
    outcome = run([JUDGED], ask=judge)["Polite"]
    assert outcome.usage == USAGE
    assert outcome.judge_model == "test:model"
    assert len(outcome.prompt_hash) == 64
    assert outcome.extra["judge"] == {"attempts": 3, "faults": ["429", "timeout"]}


def test_judge_metrics_are_in_flight_together_and_saved_as_they_arrive():
    specs = [make_spec(metric_id=n, name=f"M{n}") for n in range(3)]
    saved = []

    async def scenario():
        gates = {spec.name: asyncio.Event() for spec in specs}
        waiting = asyncio.Semaphore(0)

        async def ask(spec, request, sample):
            waiting.release()
            await gates[spec.name].wait()
            return answered(True)

        arrived = asyncio.Semaphore(0)

        async def save(spec, outcome):
            saved.append(spec.name)
            arrived.release()

        task = asyncio.create_task(evaluate_call(make_call(), specs, ask=ask, run_script=None, save=save))
        for _ in specs:
            await waiting.acquire()
        for name in ("M2", "M0", "M1"):
            gates[name].set()
            await arrived.acquire()
        await task

    asyncio.run(scenario())
    assert saved == ["M2", "M0", "M1"]


def test_python_metrics_read_results_that_are_not_computed_now():
    script = Script()
    known = {"Old": Scored(Value(label="blue"), ("Was blue.",)), "Polite": Scored(Value(passed=False))}
    run([JUDGED, CODED], ask=Judge(), script=script, known=known)
    _, data = script.runs[0]
    assert data["Old"] == "blue"
    assert data["Polite"] is True
    assert data["explanation"]["Old"] == ["Was blue."]


def test_python_metrics_see_none_for_what_was_skipped_or_failed():
    script = Script()
    specs = [JUDGED, make_spec(name="Other"), CODED]
    judge = Judge(Polite=answered(None, applicable=False), Other=JudgeRefused("No such model."))
    run(specs, ask=judge, script=script)
    _, data = script.runs[0]
    assert data["Polite"] is None
    assert data["Other"] is None
    assert data["explanation"]["Other"] == ["No such model."]


# --- skipped -----------------------------------------------------------------------------------------------


def test_without_a_judge_the_reason_says_what_to_set():
    outcome = run([JUDGED])["Polite"]
    assert outcome == Skipped(
        SkipReason.NO_JUDGE, ("No judge is set. Set CALLGAUGE_JUDGE, for example openai:gpt-4.1-mini.",)
    )


def test_without_a_sandbox():
    assert run([CODED])["Code"].reason is SkipReason.NO_SANDBOX


@pytest.mark.parametrize(
    "turns", [(), (Turn(Role.AGENT, "  "),), (Turn(Role.TOOL_CALL, "x"), Turn(Role.SYSTEM, "ringing"))]
)
def test_a_judge_is_not_asked_about_an_empty_transcript(turns):
    judge = Judge()
    assert run([JUDGED], call=make_call(turns=turns), ask=judge)["Polite"].reason is SkipReason.NO_TRANSCRIPT
    assert judge.asked == []


def test_built_in_metrics_of_an_empty_transcript():
    assert run([RULED], call=make_call(turns=()))["Latency"].reason is SkipReason.NO_RECORDING


def test_not_applicable_keeps_its_cost():
    outcome = run([JUDGED], ask=Judge(Polite=answered(None, applicable=False)))["Polite"]
    assert (outcome.reason, outcome.usage) == (SkipReason.NOT_APPLICABLE, USAGE)


# --- answers that do not fit -------------------------------------------------------------------------------


def test_an_answer_that_does_not_fit_is_asked_for_again():
    judge = Judge(Polite=[answered("maybe"), answered(3), answered(True)])
    outcome = run([JUDGED], ask=judge)["Polite"]
    assert outcome.value.plain is True
    assert [sample for _, sample, _ in judge.asked] == [0, 1, 2]
    assert outcome.usage == USAGE + USAGE + USAGE
    assert outcome.extra["judge"] == {"attempts": 3, "faults": ["unfit_value", "unfit_value"]}
    first, second, third = (request for _, _, request in judge.asked)
    assert second.messages[:2] == first.messages[:2]
    assert "The value must be true or false." in second.messages[2].text
    assert "maybe" not in second.messages[2].text
    assert second.messages == third.messages
    assert outcome.prompt_hash == run([JUDGED], ask=Judge())["Polite"].prompt_hash


def test_five_answers_that_do_not_fit_are_a_failure():
    judge = Judge(Polite=answered("maybe"))
    outcome = run([JUDGED], ask=judge)["Polite"]
    assert [sample for _, sample, _ in judge.asked] == [0, 1, 2, 3, 4]
    assert (outcome.code, outcome.retryable) == (FailureCode.JUDGE_INVALID_ANSWER, True)
    assert outcome.usage.requests == 5
    assert outcome.judge_model == "test:model"
    assert "true or false" in outcome.explanation[0]


def test_how_often_is_the_callers_to_say():
    judge = Judge(Polite=answered("maybe"))
    run([JUDGED], ask=judge, reasks=0)
    assert len(judge.asked) == 1


# --- faults ------------------------------------------------------------------------------------------------


def all_kinds(base):
    return {kind for sub in base.__subclasses__() for kind in {sub, *all_kinds(sub)}}


def test_every_error_of_a_judge_is_mapped():
    in_tree = {kind for kind in all_kinds(JudgeError) if kind.__module__ == judging.__name__}
    assert in_tree == set(JUDGE_FAILURES)


@pytest.mark.parametrize("kind", JUDGE_FAILURES, ids=lambda kind: kind.__name__)
def test_a_judge_error_is_a_failure_with_its_cost(kind):
    error = kind("The judge said no.", usage=Usage(requests=2, input_tokens=7), attempts=8)
    outcome = run([JUDGED, RULED], ask=Judge(Polite=error))["Polite"]
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == (JUDGE_FAILURES[kind], kind.retryable)
    assert outcome.explanation == ("The judge said no.",)
    assert outcome.usage == Usage(requests=2, input_tokens=7)
    assert outcome.extra["judge"]["attempts"] == 8
    assert outcome.prompt_hash


def test_an_adapters_own_kind_of_error_counts_as_its_parent():
    class Overloaded(JudgeUnavailable):
        """Too many requests."""

    outcome = run([JUDGED], ask=Judge(Polite=Overloaded("")))["Polite"]
    assert (outcome.code, outcome.explanation) == (FailureCode.JUDGE_UNAVAILABLE, ("Too many requests.",))


def test_what_was_paid_before_a_failure_is_counted():
    judge = Judge(Polite=[answered("maybe"), JudgeInvalidAnswer("Never JSON.", usage=USAGE, attempts=5)])
    outcome = run([JUDGED], ask=judge)["Polite"]
    assert outcome.code is FailureCode.JUDGE_INVALID_ANSWER
    assert outcome.usage == USAGE + USAGE
    assert outcome.extra["judge"] == {"attempts": 6, "faults": ["unfit_value"]}


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        (make_spec(description="{{metadata.none}}"), FailureCode.MISSING_VARIABLE, "{{metadata.none}}"),
        (make_spec(description=""), FailureCode.BAD_CONFIGURATION, "no description"),
        (make_spec(EvalType.ENUM), FailureCode.BAD_CONFIGURATION, "no labels"),
        (make_spec(kind=MetricKind.BUILT_IN, built_in="nope"), FailureCode.BAD_CONFIGURATION, '"nope"'),
        (make_spec(kind=MetricKind.CUSTOM_CODE, custom_code=" "), FailureCode.BAD_CONFIGURATION, "no Python"),
    ],
)
def test_metrics_that_are_set_up_wrongly(spec, code, words):
    judge = Judge()
    outcome = run([spec], ask=judge, script=Script())["Politeness"]
    assert (outcome.code, outcome.retryable) == (code, False)
    assert words in outcome.explanation[0]
    assert judge.asked == []


def test_an_unforeseen_fault_ends_one_metric_and_tells_nothing_of_the_call(caplog):
    judge = Judge(Polite=KeyError(SECRET))
    with caplog.at_level(logging.DEBUG):
        saved = run(
            [JUDGED, RULED, make_spec(name="Other"), CODED], ask=judge, script=Script(ValueError(SECRET))
        )
    for name in ("Polite", "Code"):
        assert (saved[name].code, saved[name].retryable) == (FailureCode.INTERNAL_ERROR, False)
        assert SECRET not in saved[name].explanation[0]
    assert "KeyError at test_evaluate.py:" in saved["Polite"].explanation[0]
    assert isinstance(saved["Latency"], Scored)
    assert isinstance(saved["Other"], Scored)
    assert SECRET not in caplog.text
    assert "Metric version 11 failed: KeyError" in caplog.text


def test_a_built_in_that_breaks_takes_nothing_down(monkeypatch):
    def broken(call, spec):
        raise ZeroDivisionError

    monkeypatch.setitem(evaluate.HEARD, "latency", HeardMetric(broken, fallback=broken))
    saved = run([RULED, JUDGED], ask=Judge())
    assert saved["Latency"].code is FailureCode.INTERNAL_ERROR
    assert isinstance(saved["Polite"], Scored)


@pytest.mark.parametrize("base", [Exception, BaseException])
def test_a_result_that_cannot_be_saved_stops_the_call_with_its_own_error(base):
    class LeaseLost(base):
        pass

    script = Script()

    async def save(spec, outcome):
        raise LeaseLost

    with pytest.raises(LeaseLost):
        asyncio.run(
            evaluate_call(
                make_call(),
                [JUDGED, make_spec(name="Other"), CODED],
                ask=Judge(),
                run_script=script,
                save=save,
            )
        )
    assert script.runs == []


def test_cancellation_passes_through_and_saves_nothing():
    saved = []

    async def save(spec, outcome):
        saved.append(outcome)

    async def scenario():
        started = asyncio.Event()

        async def ask(spec, request, sample):
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(evaluate_call(make_call(), [JUDGED], ask=ask, run_script=None, save=save))
        await started.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario())
    assert saved == []


# --- triggers ----------------------------------------------------------------------------------------------

ASKED_RULE = replace(RULED, trigger=Trigger.CUSTOM, trigger_prompt="The caller wanted to book.")
CODE_TRIGGER = {
    "trigger": Trigger.CUSTOM,
    "trigger_type": "custom_code",
    "trigger_code": "_result = 'x' in data",
}


def test_a_sentence_as_trigger_costs_a_judge_metric_no_request_of_its_own():
    judge = Judge(Polite=answered(None, applicable=False))
    spec = replace(JUDGED, trigger=Trigger.CUSTOM, trigger_prompt="The caller wanted to book.")
    outcome = run([spec], ask=judge)["Polite"]
    assert outcome.reason is SkipReason.TRIGGER_NOT_MET
    assert len(judge.asked) == 1


def test_a_sentence_as_trigger_of_another_metric_is_asked_first():
    judge = Judge(Latency=answered(True))
    outcome = run([ASKED_RULE], ask=judge)["Latency"]
    assert isinstance(outcome, Scored)
    assert outcome.usage == USAGE
    assert "The caller wanted to book." in judge.asked[0][2].messages[2].text
    assert judge.asked[0][2].messages[:2] == prefix_of(JUDGED)


def prefix_of(spec):
    judge = Judge()
    run([spec], ask=judge)
    return judge.asked[0][2].messages[:2]


@pytest.mark.parametrize("answer", [answered(False), answered(None, applicable=False)])
def test_a_trigger_that_is_not_met(answer):
    outcome = run([ASKED_RULE], ask=Judge(Latency=answer))["Latency"]
    assert (outcome.reason, outcome.usage) == (SkipReason.TRIGGER_NOT_MET, USAGE)
    assert outcome.explanation == ("Because.",)


def test_a_trigger_that_cannot_be_asked_is_no_reason_to_run():
    assert run([ASKED_RULE])["Latency"].reason is SkipReason.NO_JUDGE
    failed = run([ASKED_RULE], ask=Judge(Latency=JudgeUnavailable("Down.")))["Latency"]
    assert failed.code is FailureCode.JUDGE_UNAVAILABLE
    empty = run([replace(ASKED_RULE, trigger_prompt=" ")], ask=Judge())["Latency"]
    assert empty.code is FailureCode.BAD_CONFIGURATION


def test_code_as_trigger():
    judge, script = Judge(), Script(Scored(Value(passed=False), ("No x.",)))
    spec = replace(JUDGED, **CODE_TRIGGER)
    outcome = run([spec], ask=judge, script=script)["Polite"]
    assert outcome == Skipped(SkipReason.TRIGGER_NOT_MET, ("No x.",))
    assert judge.asked == []
    ((ran, data),) = script.runs
    assert (ran.custom_code, ran.eval_type) == ("_result = 'x' in data", EvalType.BINARY)
    assert data["call_log_id"] == 42
    assert isinstance(run([spec], ask=judge, script=Script())["Polite"], Scored)
    assert run([spec], ask=judge)["Polite"].reason is SkipReason.NO_SANDBOX


def test_code_as_trigger_of_a_python_metric_reads_the_results():
    script = Script()
    run([JUDGED, replace(CODED, **CODE_TRIGGER)], ask=Judge(), script=script)
    assert [data["Polite"] for _, data in script.runs] == [True, True]
    assert [spec.custom_code for spec, _ in script.runs] == ["_result = 'x' in data", CODED.custom_code]


def test_automatic_triggers_are_left_to_the_judge():
    judge = Judge()
    assert isinstance(run([replace(JUDGED, trigger=Trigger.AUTOMATIC)], ask=judge)["Polite"], Scored)
    assert len(judge.asked) == 1


def test_an_automatic_trigger_of_a_script_is_asked_of_the_judge():
    spec = replace(CODED, trigger=Trigger.AUTOMATIC, description="Counts refunds.")
    judge, script = Judge(Code=answered(False)), Script()
    outcome = run([spec], ask=judge, script=script)["Code"]
    assert (outcome.reason, script.runs) == (SkipReason.TRIGGER_NOT_MET, [])
    assert "Counts refunds." in judge.asked[0][2].messages[2].text
    assert isinstance(run([spec], ask=Judge(), script=script)["Code"], Scored)


def test_the_number_of_turns_does_not_matter():
    saved = run([JUDGED, RULED], call=make_call(turns=TURNS * 100), ask=Judge())
    assert all(isinstance(outcome, Scored) for outcome in saved.values())

"""What scripts read is found in their text, and metrics run in that order."""

import asyncio

import pytest

from callgauge.domain.metrics import MetricKind, Trigger
from callgauge.domain.outcomes import Failed, FailureCode, Scored, Value
from callgauge.engine.dependencies import (
    Reads,
    ScriptSyntax,
    check_syntax,
    circle,
    in_circle,
    reads_of,
    script_reads,
    waiting_for,
)
from callgauge.engine.evaluate import evaluate_call
from callgauge.engine.script_data import OWN_KEYS, script_data
from tests.engine.calls import answered, make_call, make_spec


def coded(name, code, **changes):
    return make_spec(name=name, kind=MetricKind.CUSTOM_CODE, custom_code=code, **changes)


def test_the_calls_own_keys_are_those_that_data_has():
    assert set(script_data(make_call(), {})) == OWN_KEYS


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('_result = data["CSAT"]', {"CSAT"}),
        ("_result = data.get('CSAT') or data.get('Polite', 0)", {"CSAT", "Polite"}),
        ('_explanation = data["explanation"]["CSAT"]', {"CSAT"}),
        ('_explanation = data["explanation"].get("CSAT", [])', {"CSAT"}),
        ('_explanation = data.get("explanation", {}).get("CSAT")', {"CSAT"}),
        ('_result = "CSAT" in data', {"CSAT"}),
        ('_result = f"{data["CSAT"]}"'.replace('"CSAT"', "'CSAT'"), {"CSAT"}),
        ('_result = len(data["transcript"]) + data["call_duration"]', set()),
        ('_result = evaluate_llm_judge_metric(data, description="CSAT")["result"]', set()),
        ('_result = evaluate_llm_judge_metric(data=data, description="CSAT")["result"]', set()),
        ('order = data["metadata"]["order"]\n_result = order["CSAT"]', set()),
        ("_result = True", set()),
        ("_result = (", set()),
    ],
)
def test_names_that_a_script_reads(code, names):
    assert script_reads(code) == Reads(frozenset(names))


@pytest.mark.parametrize(
    "code",
    [
        '_result = all(data[name] for name in ("CSAT", "Polite"))',
        'def both(d):\n    return d["CSAT"] and d["Polite"]\n_result = both(data)',
        'd = data\n_result = d["CSAT"] and d["Polite"]',
        'said = data["explanation"]\n_result = said["CSAT"] == said["Polite"]',
        'for name, value in data.items():\n    _result = name in ("CSAT", "Polite")',
    ],
)
def test_a_script_that_goes_through_all_of_data_may_read_any_name_it_holds(code):
    reads = script_reads(code)
    assert reads.whole
    assert reads.names >= {"CSAT", "Polite"}


def test_a_triggers_script_counts_too():
    spec = make_spec(
        trigger=Trigger.CUSTOM, trigger_type="custom_code", trigger_code='_result = data["CSAT"]'
    )
    assert reads_of(spec).names == {"CSAT"}
    assert reads_of(make_spec(trigger_code='_result = data["CSAT"]')).names == set()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("a = 1\nb = = 2", "Line 2: "),
        ("return 5", "'return' outside function"),
        ("if True:\nx = 1", "Line 2: "),
        ("x = '\x00'", "null"),
        ("(" * 5_000 + ")" * 5_000, "too many nested"),
        ("x = " + "-" * 200_000 + "1", "nested too deep"),
        ("x = " + "9" * 5_000, "digits"),
    ],
)
def test_what_python_does_not_accept(code, words):
    with pytest.raises(ScriptSyntax) as refused:
        check_syntax(code)
    assert words in str(refused.value)
    assert script_reads(code) == Reads()


def test_what_python_accepts():
    check_syntax("from typing import str\n\ndef f(x: int) -> int:\n    return x\n\n_result = f(1)\n")


def test_waiting():
    specs = [
        make_spec(name="Polite"),
        coded("All", "_result = all(data.values())"),
        coded("Sum", '_result = data["Polite"] + data["Count"]'),
        coded("Count", "_result = 3"),
    ]
    waits = waiting_for(specs)
    assert waits == [frozenset(), {0}, {0, 3}, frozenset()]
    assert in_circle(waits) == set()


def test_circles():
    specs = [
        coded("A", '_result = data["B"]'),
        coded("B", '_result = data["C"]'),
        coded("C", '_result = data["A"]'),
        coded("D", '_result = data["A"]'),
        coded("E", '_result = data["E"]'),
    ]
    assert in_circle(waiting_for(specs)) == {0, 1, 2}
    reads = {spec.name: reads_of(spec).names for spec in specs}
    assert circle("A", reads) == ["A", "B", "C", "A"]
    assert circle("D", reads) == []
    assert circle("E", reads) == ["E", "E"]


def evaluate(specs, ask, run_script):
    saved = {}

    async def save(spec, outcome):
        saved[spec.name] = outcome

    asyncio.run(evaluate_call(make_call(), specs, ask=ask, run_script=run_script, save=save))
    return saved


def test_dependants_run_in_order_whatever_the_order_of_the_list():
    specs = [
        coded("Third", '_result = data["Second"]'),
        coded("Second", '_result = data["First"]'),
        coded("First", "_result = 1"),
    ]
    order = []

    async def run_script(spec, data):
        order.append((spec.name, data.get("First"), data.get("Second")))
        return Scored(Value(number=float(len(order))))

    evaluate(specs, None, run_script)
    assert order == [("First", None, None), ("Second", 1.0, None), ("Third", 1.0, 2.0)]


def test_a_circle_fails_alone_and_what_reads_it_still_ends():
    specs = [
        coded("A", '_result = data["B"]'),
        coded("B", '_result = data["A"]'),
        coded("After", '_result = data["A"] is None'),
        coded("Free", "_result = True"),
    ]

    async def run_script(spec, data):
        return Scored(Value(passed=data.get("A") is None))

    saved = evaluate(specs, None, run_script)
    for name in ("A", "B"):
        assert isinstance(saved[name], Failed)
        assert saved[name].code is FailureCode.BAD_CONFIGURATION
    assert saved["After"].value.plain is True
    assert saved["Free"].value.plain is True


def test_a_metric_that_never_answers_holds_up_only_those_that_read_it():
    saved = {}

    async def scenario():
        ended = asyncio.Event()

        async def ask(spec, request, sample):
            if spec.name == "Silent":
                await asyncio.Event().wait()
            return answered(True)

        async def run_script(spec, data):
            return Scored(Value(passed=True))

        async def save(spec, outcome):
            saved[spec.name] = outcome
            if len(saved) == 3:
                ended.set()

        specs = [
            make_spec(name="Silent"),
            make_spec(name="Polite"),
            coded("Reads polite", '_result = data["Polite"]'),
            coded("Reads nothing", "_result = True"),
            coded("Reads silent", '_result = data["Silent"]'),
        ]
        task = asyncio.create_task(
            evaluate_call(make_call(), specs, ask=ask, run_script=run_script, save=save)
        )
        await ended.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert set(saved) == {"Polite", "Reads polite", "Reads nothing"}

"""Advice on metrics: what is said, and what is left alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.domain.rubric_reading import parse_rubric
from callgauge.engine import PREDEFINED
from callgauge.engine import lint as lint_package
from callgauge.engine.lint import Advice, Draft, lint

FINE = "Did the agent offer a callback? Not applicable if the caller asked for nothing."


def draft(description: str = FINE, *, rule: dict[str, Any] | None = None, **given: Any) -> Draft:
    outside = {
        name: given.pop(name) for name in ("hears", "other_names", "declared_variables") if name in given
    }
    spec = MetricSpec(
        **{
            "metric_id": 1,
            "version_id": 1,
            "name": "Callback",
            "kind": MetricKind.LLM_JUDGE,
            "eval_type": EvalType.BINARY,
            "description": description,
            **given,
        }
    )
    rules = ()
    if rule is not None:
        config = {"rules": [{"metric_id": 1, "conditions": {"operator": "and", "conditions": [rule]}}]}
        rules = tuple(one.conditions for one in parse_rubric(config, {1: (spec.name, spec.eval_type)}).rules)
    return Draft(spec, rules=rules, **outside)


def code(text: str, eval_type: EvalType = EvalType.NUMERIC, **given: Any) -> Draft:
    return draft("", kind=MetricKind.CUSTOM_CODE, eval_type=eval_type, custom_code=text, **given)


def codes(found: list[Advice]) -> list[str]:
    return [one.code for one in found]


def test_a_clear_question_gets_no_advice() -> None:
    assert lint(draft()) == []


@pytest.mark.parametrize("metric", PREDEFINED, ids=lambda metric: metric.slug)
def test_predefined_metrics_get_no_advice(metric: Any) -> None:
    spec = MetricSpec(
        metric_id=1,
        version_id=1,
        name=metric.name,
        kind=metric.kind,
        eval_type=metric.eval_type,
        description=metric.description,
        prompt=metric.prompt,
        labels=metric.labels,
        built_in=metric.built_in,
        configuration=metric.configuration,
    )
    assert lint(Draft(spec, hears=metric.hears)) == []


def test_a_question_that_never_says_when_it_does_not_apply() -> None:
    asked = draft("Did the agent handle the caller's objection well?")
    assert codes(lint(asked)) == ["no_not_applicable_rule"]
    assert lint(replace(asked, spec=replace(asked.spec, trigger=Trigger.AUTOMATIC))) == []


@pytest.mark.parametrize(
    "words",
    [
        "How long did the agent take to answer?",
        "Was the response time acceptable?",
        "Did the agent answer within 3 seconds?",
        "Were there awkward pauses?",
        "Was the latency low?",
    ],
)
def test_timing_is_not_a_judges_to_measure(words: str) -> None:
    (advice,) = lint(draft(f"{words} Not applicable if nobody spoke."))
    assert (advice.code, advice.field) == ("timing_asked", "description")


def test_a_judge_that_reads_cannot_say_how_it_sounded() -> None:
    asked = draft("Did the agent sound friendly? Not applicable if it said nothing.")
    assert codes(lint(asked)) == ["sound_asked"]
    assert lint(replace(asked, hears=True)) == []


@pytest.mark.parametrize(
    "words",
    [
        "Did the agent greet the caller and confirm the address?",
        "Did the agent verify the identity and then offer a refund?",
        "Did the agent apologise? Did it offer a refund?",
        "The agent must ask for the name and also repeat it.",
    ],
)
def test_two_conditions_in_one_question(words: str) -> None:
    assert "two_conditions" in codes(lint(draft(f"{words} Not applicable if the line failed.")))


@pytest.mark.parametrize(
    "words",
    [
        "Did the agent give the opening hours of Saturday and Sunday?",
        "Did the agent confirm the date, if the caller asked and waited?",
        "Did the agent offer terms and conditions when they were asked for?",
    ],
)
def test_an_and_inside_one_demand_is_left_alone(words: str) -> None:
    assert "two_conditions" not in codes(lint(draft(words)))


def test_yes_is_bad_news() -> None:
    asked = "Did the agent interrupt the caller? Not applicable if the caller said nothing."
    assert codes(lint(draft(asked))) == ["yes_means_bad"]
    assert lint(draft(f"{asked} The value is false if it did.")) == []
    for op, value, said in (("eq", True, ["rubric_direction"]), ("eq", False, []), ("neq", True, [])):
        assert codes(lint(draft(asked, rule={"field": "score", "op": op, "value": value}))) == said


@pytest.mark.parametrize(
    ("name", "eval_type", "op", "wrong"),
    [
        ("Interruptions", EvalType.NUMERIC, "gt", True),
        ("Interruptions", EvalType.NUMERIC, "lte", False),
        ("Number of errors", EvalType.NUMERIC, "gte", True),
        ("Interruption recovery", EvalType.NUMERIC, "gte", False),
        ("Satisfaction", EvalType.NUMERIC, "lt", True),
        ("Politeness", EvalType.RATING, "lte", True),
        ("Politeness", EvalType.RATING, "gte", False),
        ("Items in the basket", EvalType.NUMERIC, "gte", False),
        ("Items in the basket", EvalType.NUMERIC, "lt", False),
    ],
)
def test_a_rubric_that_asks_the_wrong_way(name: str, eval_type: EvalType, op: str, wrong: bool) -> None:
    asked = draft(
        f"{name}, from 0 to 5. Not applicable if nobody spoke.",
        name=name,
        eval_type=eval_type,
        rule={"field": "score", "op": op, "value": 3},
    )
    assert ("rubric_direction" in codes(lint(asked))) is wrong


def test_less_latency_is_better_for_the_predefined_metric() -> None:
    latency = draft(
        "",
        name="My delays",
        kind=MetricKind.BUILT_IN,
        built_in="latency",
        eval_type=EvalType.NUMERIC,
        rule={"field": "score", "op": "gt", "value": 0},
    )
    assert codes(lint(latency)) == ["rubric_direction"]


def test_unknown_variables_and_what_was_probably_meant() -> None:
    asked = "If {{metadata.plan}} is gold: {{Agent.Name}}, {{agent.desciption}}, {{order_id}}, {{ }}?"
    found = lint(draft(asked))
    assert codes(found) == ["unknown_variable"] * 4
    words = " ".join(one.message for one in found)
    assert "case-sensitive: write {{agent.name}}" in words
    assert "Did you mean {{agent.description}}?" in words
    assert "{{metadata.order_id}}" in words


def test_braces_that_are_no_variable() -> None:
    assert codes(lint(draft("Only if {metadata.plan} is gold: was it said?"))) == ["single_braces"]
    assert codes(lint(draft("Only if {{metadata.plan} is gold: was it said?"))) == ["unclosed_braces"]
    assert lint(draft('Only if the agent said {"plan": 1}: was it right?')) == []


def test_variables_of_the_triggers_sentence_are_read_too() -> None:
    asked = draft(trigger=Trigger.CUSTOM, trigger_prompt="The plan is {{plan}}.")
    (advice,) = lint(asked)
    assert (advice.code, advice.field) == ("unknown_variable", "evaluation_trigger_prompt")


def test_variables_that_are_declared_and_not_used() -> None:
    used = "If {{metadata.plan}} is gold, was it said?"
    assert codes(lint(draft(used, declared_variables=["metadata.plan", "agent.name"]))) == ["unused_variable"]
    assert lint(draft(used, declared_variables=["metadata.plan"])) == []


def test_scales_and_labels_want_words() -> None:
    rating = {"eval_type": EvalType.RATING}
    assert codes(lint(draft("If asked, how kind was it?", **rating))) == ["scale_not_described"]
    assert codes(lint(draft("If asked, how rude? 0 is best, 5 is worst.", **rating))) == ["scale_upside_down"]
    assert lint(draft("If asked, how kind? 5: warm. 0: cold.", **rating)) == []
    labels = {"eval_type": EvalType.ENUM, "labels": ("booked", "lost")}
    assert codes(lint(draft("If asked, how did it end?", **labels))) == ["labels_not_described"]
    assert lint(draft("If asked: booked when a date was set, else lost.", **labels)) == []


def test_scripts_that_fail_on_every_call() -> None:
    assert codes(lint(code("x = data['transcript']"))) == ["no_result"]
    assert codes(lint(code("_result = 3"))) == ["data_not_read"]
    (advice,) = lint(code("import numpy\n_result = len(data['transcript'])"))
    assert (advice.code, advice.field) == ("module_not_allowed", "custom_code")
    assert advice.message.startswith("Line 1: ")
    assert (
        lint(code("import collections.abc, json\nfrom urllib.parse import quote\n_result = data['topic']"))
        == []
    )


def test_names_of_metrics_that_do_not_exist() -> None:
    text = "_result = data['Politness'] or data['CSAT']"
    (advice,) = lint(code(text, other_names=frozenset({"Politeness", "CSAT"})))
    assert advice.code == "unknown_metric"
    assert 'Did you mean "Politeness"?' in advice.message
    assert lint(code(text)) == []  # what the project has is not known


def test_results_that_do_not_fit() -> None:
    text = "_result = 'late' if data['topic'] else 'early'\n_result = 'never'"
    (advice,) = lint(code(text, EvalType.ENUM, labels=("late", "early")))
    assert (advice.code, "Line 2" in advice.message) == ("result_does_not_fit", True)
    assert codes(lint(code("data\n_result = 7", EvalType.RATING))) == ["result_does_not_fit"]
    assert codes(lint(code("data\n_result = 'x'", EvalType.BINARY))) == ["result_does_not_fit"]
    assert lint(code("data\n_result = None", EvalType.BINARY)) == []


def test_a_judge_in_a_loop() -> None:
    text = "_result = sum(evaluate_llm_judge_metric(data, description=t)['result'] for t in data['tags'])"
    assert codes(lint(code(text))) == ["judge_in_loop"]


def test_fields_without_effect() -> None:
    assert codes(lint(draft(trigger_prompt="Only gold."))) == ["no_effect"]
    assert codes(lint(draft(labels=("a", "b")))) == ["no_effect"]
    assert codes(lint(draft(custom_code="_result = 1"))) == ["no_effect"]
    assert codes(lint(draft(configuration={"repeats": 2}))) == ["bad_configuration"]


def test_a_question_in_another_language_gets_at_most_the_advice_that_it_needs() -> None:
    assert codes(lint(draft("Hat der Agent den Anrufer begrüßt?"))) == ["no_not_applicable_rule"]


def test_every_code_is_explained_in_the_docs() -> None:
    sources = Path(lint_package.__file__).parent.glob("*.py")
    used = {code for file in sources for code in re.findall(r'Advice\(\s*"(\w+)"', file.read_text())}
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert used
    assert [code for code in sorted(used) if f"`{code}`" not in page] == []

"""The catalogue is sound, can be asked, and is documented."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from callgauge.domain.calls import Document
from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.domain.outcomes import FailureCode, Scored, SkipReason
from callgauge.domain.rubric_reading import ALLOWED
from callgauge.engine import BUILT_IN, FORMS, PREDEFINED, SCORERS, prepared, read_answer
from callgauge.engine.heard import HEARD
from callgauge.engine.judged import build_request
from callgauge.engine.predefined import BY_CODE
from callgauge.engine.transcription import WORDS
from callgauge.engine.variables import BUILT_IN as VARIABLES
from callgauge.engine.variables import OPEN
from tests.engine.calls import AGENT, answered, make_call, make_spec

PAGES = Path(__file__).parents[2] / "docs"
DOCS = (PAGES / "metrics.md").read_text(encoding="utf-8")
CATALOGUE = (PAGES / "predefined-metrics.md").read_text(encoding="utf-8")
JUDGED = [one for one in PREDEFINED if one.kind is MetricKind.LLM_JUDGE]
RULED = [one for one in PREDEFINED if one.kind is MetricKind.BUILT_IN]

FITTING = {
    "relevancy": (True, True),
    "hallucination": (True, True),
    "response_consistency": (True, True),
    "csat": ("neutral, partial", 80.0),
    "sentiment": ("neutral", "neutral"),
    "appropriate_termination_by_main_agent": (False, False),
    "voicemail_detection": (False, False),
    "unnecessary_repetition_count": ("#5, #7", 2.0),
    "unnecessary_repetition_score": ("#5", 3.33),
    "verbosity": ("padded: #5", 4.33),
    "appropriate_termination_by_testing_agent": (True, True),
    "dropoff_node": ("greeting", "Greeting"),
    "topic_of_call": ("new booking", "New booking"),
    "expected_outcome": ("pass", "pass"),
    "gibberish": (True, True),
    "humanness": ("monotone: strong; Joins: slight", 3.0),
    "letterwise_pronunciation": (True, True),
    "pronunciation_check": (False, False),
    "speaking_rate": ("too fast", "too fast"),
    "voice_change": (True, True),
}
"""By slug: what the judge may say, and the value that comes of it."""
UNFIT = {EvalType.BINARY: "so-so", EvalType.NUMERIC: "50 or so", EvalType.ENUM: "angry", EvalType.RATING: 9}
CALL = make_call(
    agent=replace(
        AGENT,
        knowledge=(Document("a.txt", "Hi.", "h"),),
        dropoff_nodes=["Greeting", "Choice"],
        topic_nodes=["New booking", "Change"],
    ),
    metadata={"expected_outcome": "The appointment is moved to Friday."},
)


def spec_of(one):
    return make_spec(
        one.eval_type,
        kind=one.kind,
        description=one.description,
        prompt=one.prompt,
        labels=one.labels,
        built_in=one.built_in,
        configuration=one.configuration,
    )


def test_codes_slugs_and_names_are_unique():
    for values in zip(*((one.code, one.slug, one.name) for one in PREDEFINED), strict=True):
        assert len(set(values)) == len(PREDEFINED)
    assert all(re.fullmatch(r"[0-9a-f]{8}", one.code) for one in PREDEFINED)
    assert list(BY_CODE.values()) == list(PREDEFINED)


def test_every_rule_is_in_the_catalogue_and_every_entry_can_be_computed():
    assert {one.built_in for one in RULED} == {*BUILT_IN, *HEARD, *WORDS}
    assert {one.kind for one in PREDEFINED} <= set(SCORERS)
    assert all(not one.prompt for one in RULED)


@pytest.mark.parametrize("one", [one for one in RULED if one.built_in in BUILT_IN], ids=lambda one: one.slug)
def test_a_rule_gives_a_value_of_its_eval_type(one):
    outcome = BUILT_IN[one.built_in](make_call(), spec_of(one))
    assert isinstance(outcome, Scored)
    assert (outcome.value.passed is not None) == (one.eval_type is EvalType.BINARY)
    assert (outcome.value.number is not None) == (one.eval_type in (EvalType.NUMERIC, EvalType.RATING))


@pytest.mark.parametrize("one", JUDGED, ids=lambda one: one.slug)
def test_a_question_can_be_asked_and_its_answer_read(one):
    spec = spec_of(one)
    spec = prepared(CALL, spec)
    question = build_request(CALL, spec).messages[-1].text
    assert "{{" not in question.replace("{{unknown}}", ""), "that is the agent's own"
    said, value = FITTING[one.slug]
    assert read_answer(CALL, spec, answered(said)).value.plain == value
    with pytest.raises(Exception, match="The value must be"):
        read_answer(CALL, spec, answered(UNFIT[one.eval_type]))


@pytest.mark.parametrize("one", JUDGED, ids=lambda one: one.slug)
def test_a_question_says_what_not_to_flag_when_it_applies_and_gives_examples(one):
    assert re.search(r"no failures:|no signs of|Do not count\b", one.prompt)
    assert "Set `applicable` to `false` if" in one.prompt
    assert "Examples:\n\n- " in one.prompt


def test_every_form_is_in_the_catalogue():
    assert {one.built_in for one in JUDGED if one.built_in} == set(FORMS)
    assert all(FORMS[one.built_in].eval_type is one.eval_type for one in JUDGED if one.built_in)


# --- documented --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", PREDEFINED, ids=lambda one: one.slug)
def test_every_predefined_metric_is_documented(one):
    kind = "judge" if one.kind is MetricKind.LLM_JUDGE else "built-in"
    anchor = re.sub(r"[^\w\- ]", "", one.name.lower()).replace(" ", "-")
    assert f"| [{one.name}](#{anchor}) | `{one.code}` | `{one.eval_type.value}` | {kind} |" in CATALOGUE
    assert f"\n### {one.name}\n" in CATALOGUE


@pytest.mark.parametrize("name", [*VARIABLES, *(f"{name}.KEY" for name in OPEN)])
def test_every_variable_is_documented(name):
    assert f"| `{{{{{name}}}}}` |" in DOCS


@pytest.mark.parametrize("word", [*SkipReason, *FailureCode, *EvalType, *MetricKind])
def test_every_word_of_a_result_is_documented(word):
    assert f"`{word.value}` |" in DOCS


@pytest.mark.parametrize("eval_type", ALLOWED)
def test_every_comparison_of_a_rubric_is_documented(eval_type):
    field, ops = ALLOWED[eval_type]
    listed = ", ".join(f"`{op.value}`" for op in ops)
    assert f"| `{eval_type.value}` | `{field.value}` | {listed} |" in DOCS

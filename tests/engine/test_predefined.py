"""The catalogue is sound, can be asked, and is documented."""

import re
from pathlib import Path

import pytest

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.domain.outcomes import FailureCode, Scored, SkipReason
from callgauge.domain.rubric import ALLOWED
from callgauge.engine import BUILT_IN, PREDEFINED, SCORERS, read_answer
from callgauge.engine.judged import build_request
from callgauge.engine.predefined import BY_CODE
from callgauge.engine.variables import BUILT_IN as VARIABLES
from callgauge.engine.variables import OPEN
from tests.engine.calls import answered, make_call, make_spec

DOCS = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
JUDGED = [one for one in PREDEFINED if one.kind is MetricKind.LLM_JUDGE]
RULED = [one for one in PREDEFINED if one.kind is MetricKind.BUILT_IN]

FITTING = {
    "relevancy": True,
    "response_consistency": True,
    "csat": 80,
    "sentiment": "neutral",
    "appropriate_termination_by_main_agent": False,
}
UNFIT = {EvalType.BINARY: "so-so", EvalType.NUMERIC: 50, EvalType.ENUM: "angry"}


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
    assert {one.built_in for one in RULED} == set(BUILT_IN)
    assert {one.kind for one in PREDEFINED} <= set(SCORERS)
    assert all(not one.prompt for one in RULED)


@pytest.mark.parametrize("one", RULED, ids=lambda one: one.slug)
def test_a_rule_gives_a_value_of_its_eval_type(one):
    outcome = BUILT_IN[one.built_in](make_call(), spec_of(one))
    assert isinstance(outcome, Scored)
    assert (outcome.value.passed is not None) == (one.eval_type is EvalType.BINARY)
    assert (outcome.value.number is not None) == (one.eval_type in (EvalType.NUMERIC, EvalType.RATING))


@pytest.mark.parametrize("one", JUDGED, ids=lambda one: one.slug)
def test_a_question_can_be_asked_and_its_answer_read(one):
    spec = spec_of(one)
    question = build_request(make_call(), spec).messages[-1].text
    assert "{{" not in question
    value = FITTING[one.slug]
    assert read_answer(make_call(), spec, answered(value)).value.plain == value
    with pytest.raises(Exception, match="The value must be"):
        read_answer(make_call(), spec, answered(UNFIT[one.eval_type]))


@pytest.mark.parametrize("one", JUDGED, ids=lambda one: one.slug)
def test_a_question_says_what_not_to_flag_when_it_applies_and_gives_examples(one):
    assert re.search(r"no failures:|no signs of|Do not count", one.prompt)
    assert "Set `applicable` to `false` if" in one.prompt
    assert "Examples:\n\n- " in one.prompt


def test_the_table_of_csat_is_its_formula():
    (csat,) = (one for one in PREDEFINED if one.slug == "csat")
    rows = re.findall(
        r"^\| (positive or neutral|negative) \| (full|partial|none) \| (\d+) \|$", csat.prompt, re.M
    )
    sentiment = {"positive or neutral": 5, "negative": 1}
    cooperation = {"full": 5, "partial": 3, "none": 1}
    assert len(rows) == 6
    for feeling, help_, value in rows:
        assert int(value) == (sentiment[feeling] + cooperation[help_]) / 2 * 20
    assert {int(value) for *_, value in rows} == set(csat.configuration["allowed_values"])


# --- documented --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", PREDEFINED, ids=lambda one: one.slug)
def test_every_predefined_metric_is_documented(one):
    kind = "judge" if one.kind is MetricKind.LLM_JUDGE else "built-in"
    anchor = one.name.lower().replace(" ", "-").replace("(", "").replace(")", "")
    assert f"| [{one.name}](#{anchor}) | `{one.code}` | `{one.eval_type.value}` | {kind} |" in DOCS
    assert f"\n### {one.name}\n" in DOCS


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

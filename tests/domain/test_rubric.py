"""The rubric against a truth table worked out by brute force, and against rubrics that people get wrong."""

import contextlib
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import Failed, FailureCode, Scored, Skipped, SkipReason, Value
from callgauge.domain.rubric import Rubric, RubricError, RuleState, decide, describe
from callgauge.domain.rubric_reading import parse_rubric

KNOWN = {
    1: ("Polite", EvalType.BINARY),
    2: ("Quality", EvalType.RATING),
    3: ("Latency", EvalType.NUMERIC),
    4: ("Mood", EvalType.ENUM),
}

SKIPPED = Skipped(SkipReason.NOT_APPLICABLE, ("Does not apply.",))
FAILED = Failed(FailureCode.JUDGE_UNAVAILABLE, ("The judge is down.",), retryable=True)
PASS, FAIL = Scored(Value(passed=True), ("Good.",)), Scored(Value(passed=False), ("Bad.",))


def number(value):
    return Scored(Value(number=value))


def label(value):
    return Scored(Value(label=value))


def rule(metric_id, field, op, value):
    leaf = {"field": field, "op": op, "value": value}
    return {"metric_id": metric_id, "conditions": {"operator": "and", "conditions": [leaf]}}


def rubric(*rules, logic="and"):
    return parse_rubric({"evaluation_logic": logic, "rules": list(rules)}, KNOWN)


def one(metric_id, field, op, value):
    return rubric(rule(metric_id, field, op, value))


# --- three-valued logic ------------------------------------------------------------------------------------

STATES = {"met": PASS, "not met": FAIL, "unknown": FAILED, "skipped": SKIPPED}


def brute_force(logic, states):
    """Try every way that the unknown rules could have turned out; a verdict is what all of them agree on."""
    counted = [state for state in states if state != "skipped"]
    if not counted:
        return True
    choices = [(True, False) if s == "unknown" else (s == "met",) for s in counted]
    join = all if logic == "and" else any
    verdicts = {join(world) for world in itertools.product(*choices)}
    return verdicts.pop() if len(verdicts) == 1 else None


@pytest.mark.parametrize("logic", ["and", "or"])
@pytest.mark.parametrize("count", range(5))
def test_every_combination_of_states_agrees_with_brute_force(logic, count):
    known = {n: (f"M{n}", EvalType.BINARY) for n in range(count)}
    config = {"evaluation_logic": logic, "rules": [rule(n, "score", "eq", True) for n in range(count)]}
    parsed = parse_rubric(config, known)
    for states in itertools.product(STATES, repeat=count):
        verdict = decide(parsed, {n: STATES[state] for n, state in enumerate(states)})
        assert verdict.success is brute_force(logic, states), states
        unknown = [f"M{n}" for n, state in enumerate(states) if state == "unknown"]
        assert list(verdict.unknown_metrics) == (unknown if verdict.success is None else [])


conditions = st.recursive(
    st.tuples(st.sampled_from(["eq", "gt", "gte", "lt", "lte"]), st.integers(0, 5)),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)

COMPARE = {
    "eq": lambda a, b: a == b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def as_config(node):
    if isinstance(node[1], int):
        return {"field": "score", "op": node[0], "value": node[1]}
    return {"operator": node[0], "conditions": [as_config(part) for part in node[1]]}


def reference(node, value):
    if isinstance(node[1], int):
        return COMPARE[node[0]](value, node[1])
    parts = [reference(part, value) for part in node[1]]
    return all(parts) if node[0] == "and" else any(parts)


def depth(node):
    return 0 if isinstance(node[1], int) else 1 + max(depth(part) for part in node[1])


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])  # on a busy machine
@given(conditions.filter(lambda node: depth(node) <= 8), st.integers(0, 10).map(lambda n: n / 2))
def test_nested_conditions_agree_with_plain_python(node, value):
    parsed = parse_rubric({"rules": [{"metric_id": 2, "conditions": as_config(node)}]}, KNOWN)
    assert decide(parsed, {2: number(value)}).success is reference(node, value)


@given(conditions.filter(lambda node: depth(node) <= 8))
def test_the_tree_of_a_ground_is_the_tree_that_was_written_and_reads_back(node):
    config = as_config(node)
    parsed = parse_rubric({"rules": [{"metric_id": 2, "conditions": config}]}, KNOWN)
    (ground,) = decide(parsed, {2: number(1)}).grounds
    wrapped = config if "conditions" in config else {"operator": "and", "conditions": [config]}
    assert ground.expected_conditions == wrapped
    again = {"rules": [{"metric_id": 2, "conditions": json.loads(json.dumps(ground.expected_conditions))}]}
    assert parse_rubric(again, KNOWN) == parsed


# --- comparisons -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, 5, 5.0])
@pytest.mark.parametrize("outcome", [PASS, number(5), number(5.0)])
def test_a_pass_is_true_or_5_on_either_side(value, outcome):
    assert decide(one(1, "score", "eq", value), {1: outcome}).success is True
    assert decide(one(1, "score", "neq", value), {1: outcome}).success is False


@pytest.mark.parametrize("value", [False, 0, 0.0])
@pytest.mark.parametrize("outcome", [FAIL, number(0), number(0.0)])
def test_a_fail_is_false_or_0_on_either_side(value, outcome):
    assert decide(one(1, "score", "eq", value), {1: outcome}).success is True
    assert decide(one(1, "score", "neq", value), {1: outcome}).success is False


def test_a_binary_result_compares_as_5_or_0_under_a_rule_for_a_rating():
    assert decide(one(2, "score", "gte", 4), {2: PASS}).success is True
    assert decide(one(2, "score", "gte", 4), {2: FAIL}).success is False


@pytest.mark.parametrize(
    ("op", "value", "holds"),
    [
        ("eq", "positive", True),
        ("eq", "negative", False),
        ("neq", "positive", False),
        ("neq", "negative", True),
        ("in", ["neutral", "positive"], True),
        ("in", ["neutral"], False),
        ("eq", " POSITIVE ", True),
    ],
)
def test_labels(op, value, holds):
    assert decide(one(4, "enum", op, value), {4: label("Positive")}).success is holds


@pytest.mark.parametrize(
    ("written", "outcome"),
    [
        (one(1, "score", "eq", True), number(3)),
        (one(1, "score", "neq", True), label("positive")),
        (one(2, "score", "lt", 3), label("positive")),
        (one(4, "enum", "neq", "positive"), PASS),
    ],
)
def test_a_value_that_the_rule_cannot_be_put_to_is_unknown_and_never_a_pass(written, outcome):
    verdict = decide(written, {written.rules[0].metric_id: outcome})
    assert verdict.success is None
    assert verdict.unknown_metrics == (written.rules[0].metric_name,)


# --- grounds -----------------------------------------------------------------------------------------------


def test_grounds_carry_what_the_wire_shows():
    written = rubric(rule(1, "score", "eq", True), rule(3, "score", "lt", 800), logic="or")
    verdict = decide(written, {1: FAIL, 3: number(412.5)})
    first, second = verdict.grounds
    assert (first.metric_id, first.metric_name, first.value, first.passed) == (1, "Polite", False, False)
    assert first.explanation == ("Bad.",)
    assert first.conditions == "score eq true"
    assert first.expected_conditions == {
        "operator": "and",
        "conditions": [{"field": "score", "op": "eq", "value": True}],
    }
    assert (second.value, second.passed, second.conditions) == (412.5, True, "score lt 800")


def test_skipped_and_failed_rules_show_their_reason_and_no_value():
    written = rubric(rule(1, "score", "eq", True), rule(2, "score", "gte", 4), rule(3, "score", "lt", 1))
    verdict = decide(written, {1: SKIPPED, 2: FAILED})
    assert [ground.state for ground in verdict.grounds] == [
        RuleState.SKIPPED,
        RuleState.UNKNOWN,
        RuleState.SKIPPED,
    ]
    assert [ground.passed for ground in verdict.grounds] == [None, None, None]
    assert [ground.value for ground in verdict.grounds] == [None, None, None]
    assert verdict.grounds[0].explanation == ("Does not apply.",)
    assert verdict.grounds[1].explanation == ("The judge is down.",)
    assert (verdict.success, verdict.unknown_metrics) == (None, ("Quality",))


def test_a_metric_with_two_failed_rules_is_named_once():
    written = rubric(rule(2, "score", "gte", 4), rule(2, "score", "lte", 5))
    assert decide(written, {2: FAILED}).unknown_metrics == ("Quality",)


def test_nested_conditions_in_words():
    node = {
        "operator": "or",
        "conditions": [
            {"field": "score", "op": "eq", "value": 0},
            {
                "operator": "and",
                "conditions": [
                    {"field": "score", "op": "gte", "value": 2.5},
                    {"field": "score", "op": "lte", "value": 4},
                ],
            },
        ],
    }
    parsed = parse_rubric({"rules": [{"metric_id": 2, "conditions": node}]}, KNOWN)
    assert describe(parsed.rules[0].conditions) == "score eq 0 or (score gte 2.5 and score lte 4)"
    assert describe(one(4, "enum", "in", ["a", "b"]).rules[0].conditions) == "enum in a, b"


# --- what people write -------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, {}, {"rules": []}, {"evaluation_logic": "or"}])
def test_the_empty_rubric_lets_every_call_succeed(config):
    parsed = parse_rubric(config, KNOWN)
    assert parsed.rules == ()
    assert decide(parsed, {1: FAIL, 2: FAILED}).success is True
    assert decide(Rubric(), {}).success is True


def test_a_bare_condition_and_upper_case_logic_are_read():
    config = {
        "evaluation_logic": "OR",
        "rules": [{"metric_id": 2, "conditions": {"field": "score", "op": "gte", "value": 3}}],
    }
    assert decide(parse_rubric(config, KNOWN), {2: number(3)}).success is True


def deep(levels):
    node = {"field": "score", "op": "gte", "value": 3}
    for _ in range(levels):
        node = {"operator": "and", "conditions": [node]}
    return node


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "must be an object"),
        ({"rules": {}}, "rules must be a list"),
        ({"evaluation_logic": "xor", "rules": []}, 'evaluation_logic must be "and" or "or", not \'xor\''),
        ({"rules": ["x"]}, "Rule 1 must be an object"),
        ({"rules": [{"conditions": {}}]}, "Rule 1 needs a metric_id that is a whole number, not nothing"),
        ({"rules": [{"metric_id": True}]}, "whole number, not true"),
        ({"rules": [{"metric_id": "1"}]}, "whole number, not '1'"),
        ({"rules": [rule(99, "score", "eq", True)]}, "Rule 1 names metric 99, which this project does not"),
        ({"rules": [{"metric_id": 1}]}, 'Rule 1 (metric 1, "Polite") needs conditions'),
        ({"rules": [{"metric_id": 1, "conditions": {"conditions": []}}]}, "at least one condition"),
        (
            {"rules": [{"metric_id": 1, "conditions": {"operator": "not", "conditions": [{}]}}]},
            "operator must be",
        ),
        (
            {"rules": [rule(1, "enum", "eq", "a")]},
            "a binary metric is compared by field \"score\", not 'enum'",
        ),
        ({"rules": [rule(1, "score", "gte", 5)]}, "op 'gte' does not fit a binary metric; use eq, neq"),
        ({"rules": [rule(1, "score", "eq", 3)]}, "compared with true or false, not 3"),
        ({"rules": [rule(1, "score", "eq", "true")]}, "compared with true or false, not 'true'"),
        ({"rules": [rule(2, "score", "neq", 3)]}, "op 'neq' does not fit a continuous_qualitative metric"),
        ({"rules": [rule(2, "score", "gte", 7)]}, "a rating lies between 0 and 5, not at 7"),
        ({"rules": [rule(3, "score", "gt", "900")]}, "compared with a number, not '900'"),
        ({"rules": [rule(3, "score", "gt", True)]}, "compared with a number, not true"),
        ({"rules": [rule(3, "score", "gt", float("nan"))]}, "compared with a number"),
        ({"rules": [rule(3, "score", "gt", float("inf"))]}, "compared with a number"),
        ({"rules": [rule(3, "score", "gt", 10**400)]}, "compared with a number"),
        ({"rules": [rule(3, "score", "in", [1])]}, "op 'in' does not fit a numeric metric"),
        ({"rules": [rule(4, "score", "eq", "a")]}, 'compared by field "enum"'),
        ({"rules": [rule(4, "enum", "eq", 5)]}, "compared with a label, not 5"),
        ({"rules": [rule(4, "enum", "eq", " ")]}, "compared with a label"),
        ({"rules": [rule(4, "enum", "in", "a")]}, "op in needs a list of labels, not 'a'"),
        ({"rules": [rule(4, "enum", "in", [])]}, "op in needs a list of labels"),
        (
            {"rules": [{"metric_id": 1, "conditions": {"field": "score", "op": "eq"}}]},
            "a condition needs a value",
        ),
        ({"rules": [{"metric_id": 2, "conditions": deep(9)}]}, "at most 8 levels"),
        ({"rules": [{"metric_id": 2, "conditions": deep(900)}]}, "at most 8 levels"),
        ({"rules": [rule(2, "score", "gte", 3)] * 501}, "at most 500 conditions"),
    ],
)
def test_a_rubric_that_cannot_be_used_says_why(config, message):
    with pytest.raises(RubricError) as error:
        parse_rubric(config, KNOWN)
    assert message in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["evaluation_logic", "rules", "metric_id", "conditions", "operator", "field", "op", "value"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_is_sent_is_either_read_or_refused_with_a_rubric_error(config):
    with contextlib.suppress(RubricError):
        assert isinstance(parse_rubric(config, KNOWN), Rubric)

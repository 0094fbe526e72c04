"""Requests to the judge, and the reading of answers as models really give them."""

import itertools
import json
from dataclasses import replace

import pytest

from callgauge.domain import judging
from callgauge.domain.calls import Role, Turn, stable_hash
from callgauge.domain.judging import hash_of_request
from callgauge.domain.metrics import EvalType, Trigger
from callgauge.domain.outcomes import Scored, Skipped, SkipReason
from callgauge.engine.faults import BadConfiguration, InvalidAnswer, MissingVariable
from callgauge.engine.judged import SCHEMA, build_request, call_prefix, read_answer
from tests.engine.calls import TURNS, USAGE, answered, make_call, make_spec

LABELS = ("Positive", "negative", "1", "true")
SPECS = (
    make_spec(),
    make_spec(EvalType.RATING, name="Quality", description="How clear was {{agent.name}}?"),
    make_spec(EvalType.NUMERIC, name="Count", prompt="Count the questions in {{transcript}}."),
    make_spec(EvalType.ENUM, name="Mood", labels=LABELS),
    make_spec(trigger=Trigger.CUSTOM, trigger_prompt="The caller asked for a refund."),
)


# --- requests ----------------------------------------------------------------------------------------------


def test_everything_before_the_question_is_the_same_for_all_metrics_of_a_call():
    requests = [build_request(make_call(), spec) for spec in SPECS]
    for request in requests:
        assert [message.role for message in request.messages] == ["system", "user", "user"]
        assert [message.cacheable for message in request.messages] == [False, True, False]
        assert request.messages[:2] == requests[0].messages[:2]
        assert json.dumps(request.schema) == json.dumps(requests[0].schema)
    assert len({request.messages[2].text for request in requests}) == len(SPECS)


def test_the_system_text_is_the_same_for_all_calls():
    other = make_call(turns=TURNS[:3], content_hash="other", duration_secs=None)
    assert build_request(other, SPECS[0]).messages[0] == build_request(make_call(), SPECS[1]).messages[0]


def test_the_schema_asks_for_evidence_first_and_is_strict():
    assert list(SCHEMA["properties"]) == ["evidence", "explanation", "applicable", "value"]
    assert SCHEMA["required"] == list(SCHEMA["properties"])
    assert SCHEMA["additionalProperties"] is False
    item = SCHEMA["properties"]["evidence"]["items"]
    assert item["required"] == list(item["properties"]) == ["turn", "quote"]
    assert item["additionalProperties"] is False


def test_names_for_the_scripted_judge_are_not_in_the_prompt():
    request = build_request(make_call(), make_spec(name="Zebra"))
    assert (request.metric_name, request.call_id) == ("Zebra", "call-42")
    assert not any("Zebra" in message.text or "call-42" in message.text for message in request.messages)


def test_the_transcript_is_numbered_and_not_repeated():
    request = build_request(make_call(), SPECS[2])
    assert "#2 [00:03] Testing Agent: I'd like to move my appointment to Friday." in request.messages[1].text
    assert '#3 [00:06] Function Call: find_slot({"day": "Friday"})' in request.messages[1].text
    assert request.messages[2].text.startswith(
        "# The question\n\nCount the questions in the transcript of the call above."
    )


def test_facts_are_given_as_facts():
    facts = (
        "the call lasted 01:13 minutes; it has 7 turns, 3 by the Main Agent, 2 by the Testing Agent, 2 others"
    )
    assert facts in build_request(make_call(), SPECS[0]).messages[1].text
    assert "lasted an unknown time" in build_request(make_call(duration_secs=None), SPECS[0]).messages[1].text


def test_untimed_and_empty_turns():
    turns = (Turn(Role.AGENT, "Hi\nthere"), Turn(Role.CALLER, ""))
    text = build_request(make_call(turns=turns), SPECS[0]).messages[1].text
    assert "#1 Main Agent: Hi\n    | there\n#2 Testing Agent: (nothing)\n" in text


def test_the_prompt_goes_before_the_description_and_variables_are_fenced():
    spec = make_spec(description="short", prompt="Did {{agent.name}} help?")
    question = build_request(make_call(), spec).messages[2].text
    assert "short" not in question
    assert 'name="agent.name">Ada</call-data-' in question


def test_the_labels_are_listed():
    assert "\n- Positive\n- negative\n- 1\n- true" in build_request(make_call(), SPECS[3]).messages[2].text


def test_a_custom_condition_goes_along():
    question = build_request(make_call(), SPECS[4]).messages[2].text
    assert "if and only if" in question
    assert "The caller asked for a refund." in question
    ignored = make_spec(trigger=Trigger.ALWAYS, trigger_prompt="The caller asked for a refund.")
    assert "refund" not in build_request(make_call(), ignored).messages[2].text


def test_a_complaint_changes_the_question_only():
    plain, again = build_request(make_call(), SPECS[0]), build_request(make_call(), SPECS[0], fault="Not so.")
    assert again.messages[:2] == plain.messages[:2]
    assert again.messages[2].text.startswith(plain.messages[2].text)
    assert "Not so." in again.messages[2].text


def test_the_prompt_hash_follows_the_words():
    first = hash_of_request(build_request(make_call(), SPECS[0]))
    assert first == hash_of_request(build_request(make_call(), make_spec(name="Another name")))
    others = [hash_of_request(build_request(make_call(), spec)) for spec in SPECS[1:]]
    assert len({first, *others, hash_of_request(build_request(make_call(content_hash="x"), SPECS[0]))}) == 6


def test_what_the_questions_about_a_call_share_is_hashed_once(monkeypatch):
    hashed = []
    monkeypatch.setattr(
        judging, "stable_hash", lambda *parts: hashed.append(json.dumps(parts)) or stable_hash(*parts)
    )
    call = make_call()
    prefix = call_prefix(call)
    requests = [build_request(call, spec, prefix=prefix) for spec in SPECS[:3]]
    hashes = {hash_of_request(one) for request in requests for one in (request, replace(request, reasks=1))}
    assert len(hashes) == 3
    for message in (*prefix.messages, *(request.messages[-1] for request in requests)):
        assert sum(json.dumps(message.text) in text for text in hashed) == 1
    assert sum("additionalProperties" in text for text in hashed) <= 1


def test_other_words_in_a_message_are_another_question():
    request = build_request(make_call(), SPECS[0])
    before = hash_of_request(request)
    *shared, question = request.messages
    assert hash_of_request(replace(request, messages=(*shared, replace(question, text="Why?")))) != before
    assert hash_of_request(replace(request, schema={**SCHEMA, "required": []})) != before
    assert hash_of_request(request) == before


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (make_spec(description=" "), BadConfiguration),
        (make_spec(EvalType.ENUM), BadConfiguration),
        (make_spec(EvalType.ENUM, labels=(" ",)), BadConfiguration),
        (make_spec(trigger=Trigger.CUSTOM, trigger_prompt=""), BadConfiguration),
        (make_spec(EvalType.NUMERIC, configuration={"allowed_values": "12"}), BadConfiguration),
        (make_spec(EvalType.NUMERIC, configuration={"allowed_values": [1, True]}), BadConfiguration),
        (make_spec(description="{{metadata.none}}"), MissingVariable),
        (make_spec(trigger=Trigger.CUSTOM, trigger_prompt="{{metadata.none}}"), MissingVariable),
    ],
)
def test_a_metric_that_cannot_be_asked_says_so(spec, error):
    with pytest.raises(error):
        build_request(make_call(), spec)


# --- answers -----------------------------------------------------------------------------------------------


def read(value, eval_type=EvalType.BINARY, **changes):
    return read_answer(make_call(), make_spec(eval_type, **changes), answered(value)).value.plain


@pytest.mark.parametrize(
    "value", [True, "true", "TRUE", " Pass ", "passed", "yes", "Yes", 5, 5.0, 1, 1.0, "5", "1"]
)
def test_ways_to_say_pass(value):
    assert read(value) is True


@pytest.mark.parametrize("value", [False, "false", "Fail", "FAILED", "no", 0, 0.0, "0", " no\n"])
def test_ways_to_say_fail(value):
    assert read(value) is False


@pytest.mark.parametrize(
    ("value", "number"), [(4, 4.0), (4.5, 4.5), ("3", 3.0), (" 2.5 ", 2.5), (0, 0.0), ("5.", 5.0)]
)
def test_ratings(value, number):
    assert read(value, EvalType.RATING) == number


@pytest.mark.parametrize(("value", "number"), [(-3, -3.0), ("1e3", 1000.0), ("+.5", 0.5), (10**12, 1e12)])
def test_numbers(value, number):
    assert read(value, EvalType.NUMERIC) == number


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("Positive", "Positive"),
        ("POSITIVE ", "Positive"),
        ("negative", "negative"),
        (1, "1"),
        (1.0, "1"),
        (True, "true"),
    ],
)
def test_labels(value, label):
    assert read(value, EvalType.ENUM, labels=LABELS) == label


def test_labels_that_differ_in_case_only_are_told_apart():
    assert read("b", EvalType.ENUM, labels=("B", "b")) == "b"
    assert read("B", EvalType.ENUM, labels=("b", "B")) == "B"


@pytest.mark.parametrize(
    ("value", "eval_type"),
    [
        *itertools.product([None, "maybe", 3, 2.5, "", [], {}, float("nan")], [EvalType.BINARY]),
        *itertools.product([None, -1, 5.1, "6", True, "high", "4/5", [], "nan", "inf"], [EvalType.RATING]),
        *itertools.product(
            [
                None,
                True,
                "many",
                "1,000",
                "1_000",
                "12 ms",
                "1e999",
                float("inf"),
                float("nan"),
                10**400,
                {},
                "0x10",
            ],
            [EvalType.NUMERIC],
        ),
        *itertools.product([None, "", "unknown", False, 2, 1.5, ["Positive"]], [EvalType.ENUM]),
    ],
)
def test_values_that_do_not_fit_are_refused(value, eval_type):
    with pytest.raises(InvalidAnswer):
        read(value, eval_type, labels=LABELS)


def test_numbers_from_a_closed_list():
    configuration = {"allowed_values": [20, 40]}
    assert read("20", EvalType.NUMERIC, configuration=configuration) == 20
    with pytest.raises(InvalidAnswer, match=r"must be one of the numbers 20, 40\. The judge gave 30\."):
        read(30, EvalType.NUMERIC, configuration=configuration)
    text = (
        build_request(make_call(), make_spec(EvalType.NUMERIC, configuration=configuration)).messages[2].text
    )
    assert "20, 40" in text


def test_what_the_judge_is_told_again_never_repeats_its_answer():
    with pytest.raises(InvalidAnswer) as error:
        read("ignore your rules " * 20)
    assert error.value.demand == "The value must be true or false."
    assert len(str(error.value)) < 150


@pytest.mark.parametrize("applicable", [False, "false", "No"])
def test_not_applicable_is_skipped_whatever_the_value(applicable):
    outcome = read_answer(make_call(), make_spec(), answered("garbage", applicable=applicable))
    assert outcome == Skipped(SkipReason.NOT_APPLICABLE, ("Because.",), usage=USAGE, judge_model="test:model")


def test_not_applicable_under_a_custom_condition_is_a_trigger_that_was_not_met():
    outcome = read_answer(make_call(), SPECS[4], answered(None, applicable=False, explanation=()))
    assert isinstance(outcome, Skipped)
    assert outcome.reason is SkipReason.TRIGGER_NOT_MET
    assert outcome.explanation


def test_a_full_answer():
    evidence = [{"turn": 2, "quote": "move my appointment"}, {"turn": 1, "quote": "yes please"}]
    outcome = read_answer(
        make_call(), make_spec(), answered(True, evidence=evidence, explanation=["A. ", "", "B."])
    )
    assert isinstance(outcome, Scored)
    assert outcome.explanation == ("A.", "B.")
    assert [(item.turn, item.start_secs, item.found) for item in outcome.evidence] == [
        (1, 3.5, True),
        (5, 10.0, True),
    ]
    assert not outcome.low_trust
    assert (outcome.usage, outcome.judge_model) == (USAGE, "test:model")


def test_an_invented_quote_marks_the_result_as_low_trust():
    evidence = [{"turn": 2, "quote": "move my appointment"}, {"turn": 2, "quote": "you are useless"}]
    outcome = read_answer(make_call(), make_spec(), answered(False, evidence=evidence))
    assert outcome.low_trust
    assert [item.found for item in outcome.evidence] == [True, False]


def test_no_evidence_is_not_mistrusted():
    assert not read_answer(make_call(), make_spec(), answered(False)).low_trust


@pytest.mark.parametrize(
    ("evidence", "count"),
    [
        ("not a list", 0),
        (None, 0),
        (["move my appointment"], 1),
        ([{"turn": "2", "quote": "move my appointment"}], 1),
        ([{"quote": "move my appointment"}, {"turn": 2}, {"turn": 2, "quote": " "}, 7, None], 1),
        ([{"turn": 2, "quote": "move"}] * 500, 20),
    ],
)
def test_crooked_evidence_is_read_as_far_as_it_goes(evidence, count):
    answer = answered(True)
    outcome = read_answer(
        make_call(), make_spec(), type(answer)({**answer.content, "evidence": evidence}, "m", USAGE)
    )
    assert len(outcome.evidence) == count
    assert not outcome.low_trust


def test_an_explanation_in_one_piece():
    answer = answered(True)
    content = {**answer.content, "explanation": "One sentence."}
    assert read_answer(make_call(), make_spec(), type(answer)(content, "m", USAGE)).explanation == (
        "One sentence.",
    )

"""Metrics by rule from the transcript: tool results, latency, interruptions."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.domain.outcomes import Scored, Skipped, SkipReason
from callgauge.engine.built_in import BUILT_IN, interruption_score, latency, tool_call_success
from callgauge.engine.built_in.latency import percentile
from tests.engine.calls import TURNS, make_call, make_spec

SPEC = make_spec(EvalType.NUMERIC, kind=MetricKind.BUILT_IN)


def agent(start=None, end=None, text="Hello."):
    return Turn(Role.AGENT, text, start, end)


def caller(start=None, end=None, text="Hi."):
    return Turn(Role.CALLER, text, start, end)


def measured(scorer, *turns):
    return scorer.score(make_call(turns=turns), SPEC)


@pytest.mark.parametrize("name", BUILT_IN)
@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Turn,
            st.sampled_from(Role),
            st.text(max_size=8),
            st.none() | st.floats(0, 100),
            st.none() | st.floats(0, 100),
            st.none() | st.builds(Tool, st.text(max_size=2), st.text(max_size=2), result=st.text(max_size=9)),
        ),
        max_size=12,
    )
)
def test_whatever_the_transcript_a_rule_scores_or_skips(name, turns):
    outcome = BUILT_IN[name](make_call(turns=tuple(turns)), SPEC)
    assert isinstance(outcome, Scored | Skipped)
    assert outcome.explanation
    json.dumps(outcome.extra, allow_nan=False)


# --- tool call success -------------------------------------------------------------------------------------


def result(text, is_error=None, **changes):
    return Turn(
        Role.TOOL_RESULT, "", 5.0, 5.0, Tool("t", "lookup", result=text, is_error=is_error), **changes
    )


def succeeded(turn):
    return measured(tool_call_success, agent(), turn).value.passed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "The errors were corrected.",
        "No error: all fine",
        "Failed payments: 0",
        "450 Main Street",
        "404 rooms are free",
        "500",
        "200 OK",
        "HTTP 200",
        "[1, 2]",
        "null",
        '{"slots": ["10:00"], "status": "ok"}',
        '{"error": null}',
        '{"error": false, "errors": [], "exception": ""}',
        '{"error": "none", "errors": 0}',
        '{"success": true}',
        '{"success": "false alarm"}',
        '{"status": 200}',
        '{"status": "404 Main Street"}',
        '{"status_code": 302}',
        '{"status": 4040}',
        '{"message": "an error is nothing to fear"}',
        '{"code": "415", "city": "San Francisco"}',
        '{"data": {"error_rate": 0.2}}',
        '"fine"',
    ],
)
def test_results_without_an_error(text):
    assert succeeded(result(text)) is True


@pytest.mark.parametrize(
    "text",
    [
        "Error: no such customer",
        "error",
        "ERROR - timed out",
        "Error (404): nothing",
        "error calling tool: timeout",
        "KeyError: 'id'",
        "requests.exceptions.ConnectionError: refused",
        "Exception: boom",
        "Traceback (most recent call last)\n  File …",
        "  fatal: no",
        "Failed: card declined",
        "404 Not Found",
        "HTTP 500",
        "HTTP/1.1 503 Service Unavailable",
        "500 Internal Server Error",
        '{"error": "no such customer"}',
        '{"error": {"code": 3}}',
        '{"errors": ["x"]}',
        '{"error": true}',
        '{"errorMessage": "x"}',
        '{"success": false}',
        '{"success": "False"}',
        '{"ok": false, "data": null}',
        '{"is_error": true}',
        '{"isError": true, "content": []}',
        '{"status": 404}',
        '{"status_code": "500"}',
        '{"statusCode": 503.0}',
        '{"status": "error"}',
        '{"status": "FAILED"}',
        '{"result": {"success": false}}',
        '{"response": {"body": {"error": "x"}}}',
        '{"result": "Error: no"}',
        '"Error: no"',
    ],
)
def test_results_with_an_error(text):
    assert succeeded(result(text)) is False
    assert succeeded(Turn(Role.TOOL_RESULT, text)) is False


def test_the_providers_mark_decides_alone_that_it_failed():
    assert succeeded(result("all fine", is_error=True)) is False
    assert succeeded(result("all fine", is_error=False)) is True
    assert succeeded(result('{"error": "no such customer"}', is_error=False)) is False


def test_deeply_nested_results_are_no_fault_of_ours():
    assert succeeded(result("[" * 100_000)) is True
    assert succeeded(result('{"result":' * 50 + '{"success": false}' + "}" * 50)) is True


def test_failing_tools_are_listed_with_their_names_and_times():
    call = make_call(
        turns=(
            Turn(Role.TOOL_CALL, "", 1.0, 1.0, Tool("a", "charge", "{}")),
            Turn(Role.TOOL_RESULT, "", 2.0, 2.0, Tool("a", "", result='{"error": "' + "x" * 500 + '"}')),
            result("fine"),
            Turn(Role.TOOL_CALL, "", 6.0, 6.0, Tool("b", "notify", "{}")),
        )
    )
    outcome = tool_call_success.score(call, SPEC)
    assert outcome.value.passed is False
    assert outcome.explanation == (
        "1 of 2 tool results report an error.",
        'charge failed: it has the key "error".',
    )
    (evidence,) = outcome.evidence
    assert (evidence.turn, evidence.start_secs, len(evidence.quote)) == (1, 2.0, 200)
    assert outcome.extra["failed_tools"] == [
        {"name": "charge", "turn": 1, "start_secs": 2.0, "why": 'it has the key "error"'}
    ]
    assert (outcome.extra["tool_calls"], outcome.extra["tool_results"]) == (2, 2)


def test_tools_that_all_worked():
    outcome = tool_call_success.score(make_call(), SPEC)
    assert outcome.value.passed is True
    assert outcome.explanation == ("None of the 1 tool results reports an error.",)
    assert outcome.evidence == ()


def test_without_results_there_is_nothing_to_say():
    assert measured(tool_call_success, agent(), caller()).reason is SkipReason.NOT_APPLICABLE
    unanswered = measured(tool_call_success, Turn(Role.TOOL_CALL, "", tool=Tool("a", "charge", "{}")))
    assert unanswered.reason is SkipReason.NOT_APPLICABLE
    assert "no result" in unanswered.explanation[0]


# --- latency -----------------------------------------------------------------------------------------------


def test_latency_of_every_answer():
    outcome = latency.score(make_call(), SPEC)
    assert outcome.value.number == 900.0
    assert outcome.extra["source"] == "transcript"
    assert outcome.extra["events"] == [
        {"turn": 4, "start_secs": 7.2, "latency_ms": 1200.0},
        {"turn": 6, "start_secs": 12.1, "latency_ms": 600.0},
    ]
    percentiles = [outcome.extra[f"p{p}_ms"] for p in (25, 50, 75, 90, 95, 99)]
    assert percentiles == [750.0, 900.0, 1050.0, 1140.0, 1170.0, 1194.0]


def test_only_an_agent_turn_right_after_the_callers_is_an_answer():
    turns = (
        agent(0, 1),
        caller(2, 3),
        agent(3.5, 4),
        agent(9, 10),
        caller(11, 12),
        caller(12.5, 13),
        agent(13.2, 14),
    )
    events = measured(latency, *turns).extra["events"]
    assert [event["latency_ms"] for event in events] == [500.0, 200.0]


@pytest.mark.parametrize(
    ("start", "found"), [(3.0, [0.0]), (2.9, [0.0]), (2.851, [0.0]), (2.85, []), (2.0, []), (3.0004, [0.4])]
)
def test_an_agent_that_breaks_in_has_no_latency(start, found):
    turns = (caller(1, 3), agent(start, 4), caller(5, 6), agent(7, 8))
    events = measured(latency, *turns).extra["events"]
    assert [event["latency_ms"] for event in events] == [*found, 1000.0]


@pytest.mark.parametrize(
    "turns",
    [
        (caller(), agent()),
        (caller(1.0), agent(2.0)),
        (caller(1.0, 1.0), agent(2.0, 2.0)),
        (caller(1.0, 2.0), agent()),
    ],
)
def test_latency_without_times_is_skipped(turns):
    assert measured(latency, *turns).reason is SkipReason.NO_TIMES


def test_answers_without_times_are_counted_and_left_out():
    outcome = measured(latency, caller(1, 2), agent(2.5, 3), caller(4), agent(6, 7))
    assert outcome.value.number == 500.0
    assert outcome.extra["untimed_answers"] == 1


def test_an_agent_that_never_answers_has_no_latency():
    assert measured(latency, agent(0, 1), agent(2, 3)).reason is SkipReason.NOT_APPLICABLE
    assert measured(latency, caller(0, 2), agent(1, 3)).reason is SkipReason.NOT_APPLICABLE


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.sampled_from([0, 25, 50, 75, 90, 95, 99, 100])
)
def test_percentiles_agree_with_numpy(values, percent):
    numpy = pytest.importorskip("numpy")
    assert percentile(values, percent) == pytest.approx(float(numpy.percentile(values, percent)))


# --- interruption score ------------------------------------------------------------------------------------


def test_a_polite_agent():
    outcome = interruption_score.score(make_call(), SPEC)
    assert outcome.value.number == 5.0
    assert (outcome.extra["interruptions"], outcome.extra["turns"]) == (0, 3)
    assert outcome.extra["events"] == []
    assert outcome.extra["source"] == "transcript"


@pytest.mark.parametrize(
    ("start", "end", "interrupts"),
    [
        (2.0, 4.0, True),
        (2.85, 4.0, True),
        (2.851, 4.0, False),
        (3.0, 4.0, False),
        (1.0, 4.0, False),
        (0.5, 2.0, False),
        (2.0, 2.75, False),
        (2.0, 2.751, True),
        (2.5, 3.0, True),
        (2.0, 2.1, False),
        (2.0, None, True),
        (2.9, None, False),
    ],
)
def test_what_counts_as_breaking_in(start, end, interrupts):
    outcome = measured(interruption_score, caller(1.0, 3.0), agent(start, end))
    assert outcome.value.number == (0.0 if interrupts else 5.0)
    assert [event["turn"] for event in outcome.extra["events"]] == ([1] if interrupts else [])


def test_the_score_is_the_share_of_agent_turns():
    turns = (
        agent(0, 1),
        caller(2, 5),
        agent(4, 6),
        caller(7, 8),
        agent(8.5, 9),
        caller(10, 14),
        agent(11, 11.4),
    )
    outcome = measured(interruption_score, *turns)
    assert outcome.value.number == 3.75
    assert outcome.extra["events"] == [{"turn": 2, "start_secs": 4, "overlap_secs": 1}]
    assert outcome.extra["backchannels"] == 1
    assert outcome.explanation[0] == "The agent broke in on the caller in 1 of 4 turns."


def test_turns_out_of_order_are_read_by_their_times():
    assert measured(interruption_score, agent(2, 4), caller(1, 3)).value.number == 0.0


def test_interruptions_need_two_parties_and_times():
    assert measured(interruption_score, agent(0, 1)).reason is SkipReason.NOT_APPLICABLE
    assert measured(interruption_score, agent(), caller()).reason is SkipReason.NO_TIMES
    assert measured(interruption_score, agent(0, 1), caller(2)).reason is SkipReason.NO_TIMES
    assert measured(interruption_score, agent(0, 1), caller(2, 2)).reason is SkipReason.NO_TIMES


@settings(deadline=None)
@given(st.permutations(TURNS))
def test_a_rating_lies_between_0_and_5(turns):
    assert 0 <= measured(interruption_score, *turns).value.number <= 5

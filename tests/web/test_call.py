"""A call: its results in order, evidence in its words, what people say, and the axis of time."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from callgauge.domain.calls import AgentFacts, Call, Role, Tool, Turn
from callgauge.flow.recordings.waveform import RecordingView
from callgauge.store.models import CallLog, Metric, Recording, RecordingState, Rerun, Review, RubricRule
from callgauge.web.calls.lanes import health_of, lanes_of, listed
from callgauge.web.calls.present import present_call, slow_ms
from callgauge.web.calls.transcript import Quote, present_turns
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.calls import make_call
from tests.people import People
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
NONE = RecordingView("none", "", "", {"status": "none"}, None)


def rule(metric: Metric, **condition: Any) -> None:
    RubricRule.objects.create(
        project=metric.project,
        metric=metric,
        conditions={
            "operator": "and",
            "conditions": [{"field": "score", "op": "eq", "value": True, **condition}],
        },
    )


def text_of(people: People, call: CallLog, rest: str = "") -> str:
    answer = people.owner.client.get(people.path(f"calls/{call.pk}{rest}"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_walls(people: People, alice: Tenant, charlie: Tenant) -> None:
    mine, theirs = make_call(alice.agent(), "mine"), make_call(charlie.agent(), "theirs")
    metric = metric_row(charlie.project, "Courtesy")
    for rest in ("", "/lanes", "/results", f"/metrics/{metric.pk}/earlier"):
        for pk in (theirs.pk, 999_999, 2**70):
            assert people.owner.client.get(people.path(f"calls/{pk}{rest}")).status_code == 404
    assert (
        people.owner.client.get(people.path(f"calls/{mine.pk}/metrics/{metric.pk}/earlier")).status_code
        == 404
    )
    assert people.charlie.client.get(people.path(f"calls/{mine.pk}")).status_code == 404


def test_rubric_metrics_first_failed_first(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    names = ("Plain pass", "Rubric pass", "Plain fail", "Rubric fail", "Broken", "Owed")
    metrics = {name: metric_row(alice.project, name, order=number) for number, name in enumerate(names)}
    old, new = rerun_row(agent, *metrics.values()), rerun_row(agent, metrics["Owed"])
    call = make_call(agent, "c", pending_rerun_id=new.pk)
    for name in ("Plain pass", "Rubric pass"):
        result_row(call, metrics[name], old, passed=True)
    for name in ("Plain fail", "Rubric fail"):
        result_row(call, metrics[name], old, passed=False)
    result_row(call, metrics["Broken"], old, outcome="failed", reason="script_error")
    rule(metrics["Rubric pass"])
    rule(metrics["Rubric fail"])
    cards = present_call(
        people.owner.who, CallLog.objects.select_related("agent", "payload").get()
    ).results.cards
    assert [(card.name, card.chip.kind) for card in cards] == [
        ("Rubric fail", "fail"),
        ("Rubric pass", "pass"),
        ("Plain fail", "fail"),
        ("Broken", "failed"),
        ("Owed", "pending"),
        ("Plain pass", "pass"),
    ]


def test_evidence_is_marked_in_the_words_and_points_to_the_turn(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    call = make_call(agent, "c")
    evidence = [
        {"quote": "four on friday", "turn": 1, "start_secs": 2.4, "found": True},
        {"quote": "never said", "turn": None, "start_secs": None, "found": False},
    ]
    result_row(call, metric, rerun_row(agent, metric), passed=True, extra=json.dumps({"evidence": evidence}))
    text = text_of(people, call)
    assert f'A table for <mark data-metrics="{metric.pk}">four on Friday</mark>, please.' in text
    assert 'href="#turn-1"' in text
    assert "not found in the call" in text


def test_what_was_said_cannot_become_markup(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent("<b>Bot</b>"), metric_row(alice.project, "<i>M</i>")
    turns = [Turn(Role.CALLER, "<script>alert(1)</script>", 0.0, 1.0)]
    call = make_call(agent, "<img src=x>", turns, topic="<u>")
    evidence = [{"quote": "<script>", "turn": 0, "start_secs": 0.0, "found": True}]
    extra = json.dumps({"evidence": evidence, "note": "</pre><script>"})
    result_row(call, metric, rerun_row(agent, metric), passed=True, extra=extra, explanation='["<svg>"]')
    text = text_of(people, call)
    for bad in ("<script>alert", "<img src=x", "<b>Bot", "<i>M", "<u>", "</pre><script>", "<q><script"):
        assert bad not in text, bad
    assert "<mark" in text


def test_queries_do_not_grow_with_turns_and_metrics(
    people: People, alice: Tenant, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    agent = alice.agent()
    metrics = [metric_row(alice.project, f"M{number}") for number in range(12)]
    rerun = rerun_row(agent, *metrics)
    call = make_call(agent, "c", [Turn(Role.AGENT, "Hello.", float(i), i + 0.5) for i in range(1000)])
    for metric in metrics:
        result_row(call, metric, rerun, passed=True)
    with django_assert_max_num_queries(
        18
    ):  # 3 to know who asks, the call, 2 of the frame, and the page's own
        text_of(people, call)


def vote(people: People, call: CallLog, metric: Metric, who: str = "member", **said: str) -> Any:
    client = getattr(people, who).client
    return client.post(people.path(f"calls/{call.pk}/metrics/{metric.pk}/review"), said)


@pytest.fixture
def measured(people: People, alice: Tenant) -> tuple[CallLog, Metric]:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    rule(metric)
    call = make_call(agent, "c", success=False)
    result_row(call, metric, rerun_row(agent, metric), passed=False)
    return call, metric


def test_a_person_says_what_it_should_be(people: People, measured: tuple[CallLog, Metric]) -> None:
    call, metric = measured
    answer = vote(people, call, metric, expected_value="true", feedback="It was polite.")
    assert answer["Location"] == people.path(f"calls/{call.pk}#result-{metric.pk}")
    call.refresh_from_db()
    assert (call.success, call.is_reviewed) == (True, True)
    review = Review.objects.get()
    assert (review.by_user, review.reviewer, review.by_key) == (people.member.user, "bob@example.com", None)
    text = text_of(people, call)
    assert "It was polite." in text
    assert "Reviewed by a person" in text
    back = people.member.client.post(people.path(f"calls/{call.pk}/take-back"), {"review": review.pk})
    assert back.status_code == 302
    call.refresh_from_db()
    assert (call.success, call.is_reviewed) == (False, False)


def test_thumbs_alone_do(people: People, measured: tuple[CallLog, Metric]) -> None:
    call, metric = measured
    vote(people, call, metric, thumbs_up="false")
    call.refresh_from_db()
    assert (call.success, call.is_reviewed) == (True, True)


def test_a_vote_by_htmx_gives_the_results_and_the_verdict(
    people: People, measured: tuple[CallLog, Metric]
) -> None:
    call, metric = measured
    path = people.path(f"calls/{call.pk}/metrics/{metric.pk}/review")
    answer = people.member.client.post(path, {"expected_value": "true"}, HTTP_HX_REQUEST="true")
    text = answer.content.decode()
    assert "<html" not in text
    assert 'id="verdict" class="verdict" hx-swap-oob="true"' in text
    assert "bob@example.com" in text


@pytest.mark.parametrize("htmx", ["true", ""])
def test_a_value_that_does_not_fit_is_refused_in_words(
    people: People, measured: tuple[CallLog, Metric], htmx: str
) -> None:
    call, metric = measured
    path = people.path(f"calls/{call.pk}/metrics/{metric.pk}/review")
    answer = people.member.client.post(path, {"expected_value": "purple"}, HTTP_HX_REQUEST=htmx)
    assert "Write true or false" in answer.content.decode()
    assert not Review.objects.exists()


def test_viewers_and_strangers_say_and_start_nothing(
    people: People, measured: tuple[CallLog, Metric]
) -> None:
    call, metric = measured
    for rest, form in (
        (f"metrics/{metric.pk}/review", {"thumbs_up": "true"}),
        ("measure", {}),
        ("delete", {}),
        ("take-back", {"review": "1"}),
    ):
        path = people.path(f"calls/{call.pk}/{rest}")
        assert people.viewer.client.post(path, form).status_code == 403
        assert people.charlie.client.post(path, form).status_code == 404
        assert people.viewer.client.get(path).status_code == 405
    assert not Review.objects.exists()
    assert CallLog.objects.filter(pk=call.pk).exists()
    text = people.viewer.client.get(people.path(f"calls/{call.pk}")).content.decode()
    assert "Say what it should be" not in text
    assert "Measure again" not in text


def test_measuring_again_and_deleting(people: People, measured: tuple[CallLog, Metric]) -> None:
    call, _ = measured
    answer = people.member.client.post(people.path(f"calls/{call.pk}/measure"), follow=True)
    assert "Measuring again as rerun" in answer.content.decode()
    assert 'hx-trigger="every 2s"' in answer.content.decode()
    again = people.member.client.post(people.path(f"calls/{call.pk}/measure"), follow=True)
    assert "This call is being measured already." in again.content.decode()
    answer = people.member.client.post(people.path(f"calls/{call.pk}/delete"), follow=True)
    assert "Call c is deleted." in answer.content.decode()
    assert not CallLog.objects.filter(pk=call.pk).exists()


def test_earlier_results_say_which_version_gave_them(
    people: People, measured: tuple[CallLog, Metric]
) -> None:
    call, metric = measured
    result_row(
        call, metric, Rerun.objects.create(project=call.project, kind="rerun"), passed=True, is_current=False
    )
    assert "1 earlier result" in text_of(people, call)
    path = people.path(f"calls/{call.pk}/metrics/{metric.pk}/earlier")
    part = people.viewer.client.get(path, HTTP_HX_REQUEST="true").content.decode()
    assert ">version 1</a>" in part
    assert "<html" not in part
    assert ">version 1</a>" in people.viewer.client.get(path).content.decode()


# --- the axis ------------------------------------------------------------------------------------------


def a_call(*turns: Turn, **fields: Any) -> Call:
    return Call(1, "c", AgentFacts(1, "Bot"), turns, **fields)


def kinds(call: Call, slow: float | None = None) -> list[tuple[str, float, float]]:
    return [(e.kind, round(e.start, 2), round(e.end, 2)) for e in lanes_of(call, NONE, slow).events]


def test_overlaps_are_named_by_who_starts_over_whom() -> None:
    call = a_call(
        Turn(Role.AGENT, "Hello there", 0.0, 4.0),
        Turn(Role.CALLER, "Wait", 2.0, 5.0),
        Turn(Role.AGENT, "Sure", 4.5, 7.0),
        Turn(Role.CALLER, "uh-huh", 5.5, 6.0),
    )
    assert ("barge-in", 2.0, 4.0) in kinds(call)
    assert ("cut-in", 4.5, 5.0) in kinds(call)
    assert ("backchannel", 5.5, 6.0) in kinds(call)


def test_answers_silences_and_tools_are_on_the_axis() -> None:
    call = a_call(
        Turn(Role.CALLER, "Hello?", 0.0, 1.0),
        Turn(Role.TOOL_CALL, "", 1.2, 1.2, Tool("t1", "find", "{}")),
        Turn(Role.TOOL_RESULT, "", 1.4, 1.4, Tool("t1", "find", result="no", is_error=True)),
        Turn(Role.AGENT, "Yes.", 3.5, 4.0),
        Turn(Role.CALLER, "Still there?", 9.0, 10.0),
    )
    assert kinds(call, slow=2000) == [("slow", 1.0, 3.5), ("tool-failed", 1.2, 1.2), ("silence", 4.0, 9.0)]
    assert kinds(call)[0][0] == "latency"
    lanes = lanes_of(call, NONE, 2000)
    assert "answers after 2,500 ms, more than the 2,000 ms of the rubric" in lanes.events[0].words
    assert [event.kind for event in listed(lanes.events)] == ["slow", "tool-failed", "silence"]


def test_a_transcript_without_times_draws_nothing_and_says_so() -> None:
    lanes = lanes_of(a_call(Turn(Role.AGENT, "Hello")), NONE, None)
    assert lanes.source == "none"
    assert "nothing to draw" in health_of(NONE, lanes).words


def test_a_recording_that_was_analysed_counts_before_the_transcript() -> None:
    analysis = {
        "health": {
            "sample_rate": 16000, "channels": 2, "dual_mono": False, "truncated": True, "swapped": None,
            "notes": ["Hiss."], "refused": {"latency": "one channel"},
        },
        "speech": {"agent": [[0.0, 2.0]], "caller": [[2.5, 3.0]]},
        "latencies": [{"caller_end": 3.0, "agent_start": 3.4, "latency_ms": 400, "confidence": 0.5}],
        "interruptions": [
            {"by": "agent", "start": 5.0, "overlap_ms": 300, "stop_ms": 200, "confidence": 0.9},
            {"by": "caller", "start": 6.0, "overlap_ms": 300, "stop_ms": None, "confidence": 0.9},
        ],
        "backchannels": [{"by": "caller", "start": 7.0, "end": 7.3, "confidence": 0.9}],
        "silences": [[8.0, 9.0]],
    }  # fmt: skip
    wave = {"status": "ready", "duration_secs": 60.0, "channels": [], "zooms": []}
    view = RecordingView("ready", "", "/recording", wave, analysis)
    lanes = lanes_of(a_call(Turn(Role.AGENT, "Hello", 0.0, 1.0)), view, None)
    assert (lanes.source, lanes.duration) == ("recording", 60.0)
    assert [e.kind for e in lanes.events] == ["latency", "cut-in", "barge-in", "backchannel", "silence"]
    assert "not sure: 50 %" in lanes.events[0].words
    health = health_of(view, lanes)
    assert not health.good
    assert health.notes == ["latency: one channel", "The recording ends before the call does.", "Hiss."]


def test_the_rubrics_limit_makes_an_answer_slow(people: People, alice: Tenant) -> None:
    assert slow_ms(alice.project.pk) is None
    rule(metric_row(alice.project, "Latency", "numeric", built_in="latency"), op="lte", value=1500)
    assert slow_ms(alice.project.pk) == 1500


def test_lanes_are_data_for_the_drawing(people: People, alice: Tenant) -> None:
    call = make_call(alice.agent(), "c", duration_secs=9.0)
    found = people.viewer.client.get(people.path(f"calls/{call.pk}/lanes")).json()
    assert found["source"] == "transcript"
    assert found["agent"] == [[0.0, 2.0], [5.0, 7.0]]
    assert found["duration"] == 9.0
    assert found["peaks"] is None


def test_a_page_that_waits_for_sound_loads_itself_when_it_is_there(people: People, alice: Tenant) -> None:
    call = make_call(alice.agent(), "c")
    recording = Recording.objects.create(call=call, state=RecordingState.WAITING, url="https://example.com/a")
    path = people.path(f"calls/{call.pk}/sound")
    assert f'hx-get="{path}"' in text_of(people, call)
    assert "HX-Refresh" not in people.viewer.client.get(path)
    recording.state, recording.fault_words = RecordingState.FAILED, "It is not there."
    recording.save()
    assert people.viewer.client.get(path)["HX-Refresh"] == "true"
    assert "It is not there." in text_of(people, call)


def test_overlapping_evidence_is_cut_into_pieces() -> None:
    turns = [Turn(Role.AGENT, "one two three four")]
    (shown,) = present_turns(turns, {0: [Quote(1, "two three"), Quote(2, "three four"), Quote(3, "absent")]})
    assert [(piece.text, piece.metrics) for piece in shown.pieces] == [
        ("one ", ""),
        ("two ", "1"),
        ("three", "1 2"),
        (" four", "2"),
    ]
    assert shown.metrics == "3"
    assert "".join(piece.text for piece in shown.pieces) == turns[0].text


def test_letters_that_fold_to_two_do_not_shift_the_marks() -> None:
    (shown,) = present_turns([Turn(Role.AGENT, "Straße ja")], {0: [Quote(1, "ja")]})
    assert [piece.text for piece in shown.pieces] == ["Straße ja"]
    assert shown.metrics == "1"


def test_tool_turns_show_what_was_sent(people: People, alice: Tenant) -> None:
    turns = [
        Turn(Role.TOOL_CALL, "", 1.0, 1.0, Tool("a", "book", '{"seats":4}')),
        Turn(Role.TOOL_RESULT, "", 1.5, 1.5, Tool("a", "book", result="no JSON", is_error=True)),
    ]
    text = text_of(people, make_call(alice.agent(), "c", turns))
    assert re.search(r"<pre>\{\s+&quot;seats&quot;: 4\s+\}</pre>", text)
    assert "no JSON" in text
    assert "failed</span>" in text


def test_a_call_without_anything_is_a_page_too(people: People, alice: Tenant) -> None:
    call = call_row(alice.agent(), "bare", duration_secs=None, payload={"turns": "[]", "transcript": ""})
    text = text_of(people, call)
    assert "This call came without a transcript." in text
    assert "No metric measured this call." in text


def test_as_scored_then_and_by_a_version(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    call = call_row(agent, "one")
    metric = metric_row(alice.project, "Confirms")
    first, second = rerun_row(agent, metric), rerun_row(agent, metric)
    old = result_row(call, metric, first, passed=True, is_current=False, explanation='["It was so."]')
    result_row(call, metric, second, passed=False, previous_id=old.pk, explanation='["It is not."]')
    address = people.path(f"calls/{call.pk}")
    now = people.owner.client.get(address).content.decode()
    assert "It is not." in now
    assert "It was so." not in now
    then = people.owner.client.get(address, {"as_of": old.created_at.isoformat()}).content.decode()
    assert "It was so." in then
    assert "It is not." not in then
    assert "As scored on" in then
    assert "Back to now" in then
    assert "Say what it should be" not in then
    version = people.owner.client.get(address, {"metric_version": f"{metric.pk}:1"}).content.decode()
    assert "As scored by version 1 of Confirms" in version
    assert people.owner.client.get(address, {"as_of": "soon"}).status_code == 400
    assert people.owner.client.get(address, {"metric_version": f"{metric.pk}:9"}).status_code == 400
    older = people.owner.client.get(f"{address}/metrics/{metric.pk}/earlier").content.decode()
    assert f"metric_version={metric.pk}:1" in older
    assert f"/results/{old.pk}/replay" in older
    address_then = html.unescape(re.search(r'href="([^"]*as_of=[^"]*)"', older).group(1))  # type: ignore[union-attr]
    assert "It was so." in people.owner.client.get(address_then).content.decode()


@pytest.mark.parametrize(
    ("redaction", "shown"),
    [
        ({}, None),
        ({"fields": ["ssn"], "hidden": {}}, "nothing was found"),
        ({"fields": ["ssn"], "hidden": {"ssn": 1, "person_name": 3}}, "3 × person name, 1 × ssn"),
    ],
)
def test_what_was_taken_out_is_counted(
    people: People, alice: Tenant, redaction: dict[str, Any], shown: str | None
) -> None:
    call = make_call(alice.agent(), "c")
    call.payload.redaction = redaction
    call.payload.save()
    assert dict(present_call(people.owner.who, call).facts).get("Taken out") == shown
    assert ("Taken out" in text_of(people, call)) is (shown is not None)

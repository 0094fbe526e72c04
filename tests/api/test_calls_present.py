"""What a call looks like on the wire: fields, outcome rows, resets, reviews; and what showing it costs."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from callgauge.flow.presenting.calls import present_details, present_list
from callgauge.flow.presenting.json import dump
from callgauge.flow.presenting.results import RESERVED, _spliced
from callgauge.store.models import CallLog, Review
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

DETAIL_FIELDS = (
    "id duration voice_recording_url critical_categories transcript_object status agent_id agent_name "
    "evaluation metadata dynamic_variables testing_channel_index timestamp success is_reviewed feedback "
    "rubric transcript call_ended_reason dropoff_point topic customer_number user_generated_transcript "
    "error_message created_at updated_at call_id trace_id agent project is_log_present"
)
LIST_FIELDS = (
    "id duration success is_reviewed status feedback metrics call_ended_reason customer_number agent "
    "agent_name call_id trace_id timestamp error_message dropoff_point topic created_at updated_at "
    "transcript transcript_object evaluation is_log_present"
)


def shown(call: CallLog, version: Any = "v1", **options: Any) -> dict[str, Any]:
    call.refresh_from_db()
    return orjson.loads(dump(present_details([call], version=version, **options)[0]))  # type: ignore[no-any-return]


def rows(call: CallLog, version: Any = "v1", **options: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in shown(call, version, **options)["evaluation"]["metrics"]}


@pytest.mark.django_db
def test_detail_has_every_field_with_the_contracts_types(alice: Tenant) -> None:
    agent = alice.agent("Bookings")
    call = call_row(
        agent,
        "c1",
        payload={"metadata": '{"a": {"b": 12345678901234567890123}}', "rubric": '[{"metric_id": 1}]'},
        topic="table",
    )
    detail = shown(call)
    assert set(detail) == set(DETAIL_FIELDS.split())
    assert detail["agent"] == agent.pk
    assert detail["agent_id"] == str(agent.pk)
    assert detail["agent_name"] == "Bookings"
    assert detail["project"] == alice.project.pk
    assert detail["duration"] == "01:10"
    assert detail["timestamp"].endswith("Z")
    assert detail["critical_categories"] == []
    assert [turn["role"] for turn in detail["transcript_object"]] == ["Main Agent", "Testing Agent"]
    assert detail["rubric"] == [{"metric_id": 1}]
    text = dump(present_details([call], version="v1")[0])
    assert json.loads(text)["metadata"] == {"a": {"b": 12345678901234567890123}}


@pytest.mark.django_db
def test_list_has_every_field(alice: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    call = call_row(agent, "c1", success=True)
    result_row(call, metric, rerun_row(agent, metric), passed=True)
    (item,) = orjson.loads(dump(present_list([call], version="v1")))
    assert set(item) == set(LIST_FIELDS.split())
    assert item["metrics"] == [
        {
            "id": metric.pk,
            "name": "Greeting",
            "type": "binary_workflow_adherence",
            "score": 5,
            "enum": None,
            "value": None,
        }
    ]
    assert item["evaluation"]["metrics"][0]["passed"] is True


@pytest.mark.django_db
def test_every_kind_of_value_has_its_shape(alice: Tenant) -> None:
    agent = alice.agent()
    call = call_row(agent, "c1", success=True)
    kinds = {
        "Greeting": ("binary", {"passed": False}),
        "Tone": ("continuous_qualitative", {"number": 3.5}),
        "Words": ("numeric", {"number": -812.0}),
        "Topic": ("enum", {"label": "Refund"}),
    }
    for order, (name, (eval_type, value)) in enumerate(kinds.items()):
        metric = metric_row(alice.project, name, eval_type, order=order)
        result_row(call, metric, rerun_row(agent, metric), judge_model="openai:m", cost_usd=0.25, **value)
    found = rows(call)
    assert list(found) == list(kinds)
    values = {
        name: tuple(row[key] for key in ("type", "eval_type", "score", "passed", "enum", "value"))
        for name, row in found.items()
    }
    assert values == {
        "Greeting": ("binary_workflow_adherence", "binary", 0, False, None, None),
        "Tone": ("continuous_qualitative", "continuous_qualitative", 3.5, None, None, None),
        "Words": ("numeric", "numeric", -812.0, None, None, None),
        "Topic": ("enum", "enum", None, None, "Refund", "Refund"),
    }
    assert rows(call, "v2")["Greeting"]["type"] == "binary"
    assert rows(call, "v2")["Greeting"]["score"] == 0
    extra = found["Topic"]["extra"]
    assert extra["outcome"] == "scored"
    assert extra["metric_version"] == 1
    assert extra["judge_model"] == "openai:m"
    assert extra["cost_usd"] == 0.25
    assert extra["low_trust"] is False
    assert extra["created_at"].endswith("Z")
    assert found["Topic"]["explanation"] == ["Because."]


@pytest.mark.django_db
def test_skipped_and_failed_rows_have_no_score_and_say_why(alice: Tenant) -> None:
    agent = alice.agent()
    call = call_row(agent, "c1", success=True)
    skipped, failed = metric_row(alice.project, "Tools", order=1), metric_row(alice.project, "Mood", order=2)
    rerun = rerun_row(agent, skipped, failed)
    result_row(call, skipped, rerun, outcome="skipped", reason="trigger_not_met", explanation='["No tools."]')
    result_row(call, failed, rerun, outcome="failed", reason="judge_unavailable", retryable=True)
    found = rows(call)
    for name in ("Tools", "Mood"):
        assert [found[name][key] for key in ("score", "passed", "enum", "value")] == [None] * 4
    assert found["Tools"]["explanation"] == ["No tools."]
    tools, mood = found["Tools"]["extra"], found["Mood"]["extra"]
    assert (tools["outcome"], tools["reason"], tools["trigger_failed"]) == (
        "skipped",
        "trigger_not_met",
        True,
    )
    assert (mood["outcome"], mood["code"], mood["retryable"]) == ("failed", "judge_unavailable", True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"success": True}, "success"),
        ({"success": False}, "failure"),
        ({"success": True, "is_reviewed": True}, "reviewed_success"),
        ({"success": False, "is_reviewed": True}, "reviewed_failure"),
        ({"success": False, "is_reviewed": True, "pending_rerun_id": 9}, "reviewed_failure"),
        ({"pending_rerun_id": 9, "error_message": "of the evaluation before"}, "evaluating"),
        ({"error_message": "No verdict"}, "error"),
        ({}, "not_evaluated"),
    ],
)
def test_status(alice: Tenant, fields: dict[str, Any], status: str) -> None:
    detail = shown(call_row(alice.agent(), "c1", **fields))
    assert detail["status"] == status
    assert detail["success"] == fields.get("success")
    assert (detail["error_message"] is None) == (status != "error")


@pytest.mark.django_db
def test_as_reset_hides_a_verdict_that_has_landed_but_not_a_persons(alice: Tenant) -> None:
    agent = alice.agent()
    landed = call_row(agent, "c1", success=True)
    reviewed = call_row(agent, "c2", success=False, is_reviewed=True)
    first, second = present_details([landed, reviewed], version="v1", as_reset=True)
    assert (first["success"], first["status"]) == (None, "evaluating")
    assert (second["success"], second["status"]) == (False, "reviewed_failure")


@pytest.mark.django_db
def test_a_watermark_shows_calls_as_reset_before_their_rows_say_so(alice: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    before = rerun_row(agent, metric)
    calls = [call_row(agent, f"c{n}", success=True) for n in range(3)]
    for call in calls:
        result_row(call, metric, before, passed=True)
    rerun_row(
        agent,
        metric,
        planned_at=None,
        resets_while_planning=True,
        planned_through=calls[0].pk,
        last_call_id=calls[1].pk,
    )
    details = orjson.loads(dump(present_details(calls, version="v1")))
    assert [detail["status"] for detail in details] == ["success", "evaluating", "success"]
    extras = [detail["evaluation"]["metrics"][0]["extra"] for detail in details]
    assert [extra.get("superseded") for extra in extras] == [None, True, None]


@pytest.mark.django_db
def test_only_what_the_owed_rerun_measures_again_is_superseded(alice: Tenant) -> None:
    agent = alice.agent()
    again, left = metric_row(alice.project, "Greeting"), metric_row(alice.project, "Closing")
    first = rerun_row(agent, again, left)
    call = call_row(agent, "c1", is_reviewed=True, success=True)
    result_row(call, again, first, passed=True, is_stale=True)
    result_row(call, left, first, passed=True)
    second = rerun_row(agent, again)
    call.pending_rerun_id = second.pk
    call.save()
    found = rows(call)
    assert found["Greeting"]["extra"]["superseded"] is True
    assert found["Greeting"]["extra"]["stale"] is True
    assert "superseded" not in found["Closing"]["extra"]


@pytest.mark.django_db
def test_a_persons_value_is_shown_with_the_machines_beside_it(alice: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    call = call_row(agent, "c1", is_reviewed=True, success=True)
    result_row(call, metric, rerun_row(agent, metric), passed=False, extra='{"evidence": [1]}')
    Review.objects.create(
        call=call,
        metric=metric,
        thumbs_up=False,
        has_expected_value=True,
        expected_value=True,
        feedback="He did greet.",
    )
    row = rows(call)["Greeting"]
    assert (row["passed"], row["score"], row["explanation"]) == (True, 5, ["He did greet."])
    machine = row["extra"]["machine"]
    assert (machine["outcome"], machine["passed"], machine["score"]) == ("scored", False, 0)
    assert machine["explanation"] == ["Because."]
    assert machine["extra"] == {"evidence": [1]}
    assert row["extra"]["outcome"] == "scored"
    assert row["extra"]["review"]["thumbs_up"] is False


@pytest.mark.django_db
def test_a_persons_not_applicable_is_a_skip(alice: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Tone", "continuous_qualitative")
    call = call_row(agent, "c1", is_reviewed=True, success=True)
    result_row(call, metric, rerun_row(agent, metric), number=2)
    Review.objects.create(call=call, metric=metric, has_expected_value=True, expected_value=None)
    row = rows(call)["Tone"]
    assert row["score"] is None
    assert (row["extra"]["outcome"], row["extra"]["reason"]) == ("skipped", "not_applicable")
    assert row["extra"]["machine"]["score"] == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("eval_type", "said"), [("binary", "Refund"), ("numeric", True), ("enum", 4)])
def test_a_value_of_a_kind_the_metric_no_longer_has_is_not_shown(
    alice: Tenant, eval_type: str, said: Any
) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Changed", eval_type)
    call = call_row(agent, "c1", is_reviewed=True, success=True)
    result_row(call, metric, rerun_row(agent, metric), outcome="skipped", reason="no_judge")
    Review.objects.create(call=call, metric=metric, has_expected_value=True, expected_value=said)
    row = rows(call)["Changed"]
    assert row["extra"]["outcome"] == "skipped"
    assert "machine" not in row["extra"]


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 40])
def test_a_page_costs_the_same_number_of_queries_whatever_its_size(alice: Tenant, size: int) -> None:
    agent, other = alice.agent("One"), alice.agent("Two")
    metrics = [metric_row(alice.project, f"Metric {n}") for n in range(3)]
    rerun = rerun_row(agent, *metrics)
    calls = []
    for n in range(size):
        call = call_row(agent if n % 2 else other, f"c{n}", pending_rerun_id=rerun.pk + 1)
        for metric in metrics:
            result_row(call, metric, rerun, passed=True)
        calls.append(call)
    rerun_row(agent, *metrics)
    for present in (present_details, present_list):
        calls = list(CallLog.objects.order_by("id"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            present(calls, version="v1")
        assert len(queries) == 7, [query["sql"][:80] for query in queries]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(RESERVED) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(stored=st.dictionaries(KEYS, JSON, max_size=5), indent=st.sampled_from([None, 2]))
def test_spliced_extra_parses_to_what_merging_would_give(stored: dict[str, Any], indent: int | None) -> None:
    ours = {"outcome": "scored", "cost_usd": None}
    naive = {name: value for name, value in stored.items() if name not in RESERVED} | ours
    spliced = orjson.dumps(_spliced(json.dumps(stored, indent=indent), ours))
    assert json.loads(spliced) == naive
    names = json.loads(spliced, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    assert len(names) == len(set(names))


def test_a_lone_surrogate_in_a_stored_extra_does_not_break_the_page() -> None:
    stored = json.dumps({"quote": "\ud800", "outcome": "posing"})
    assert json.loads(orjson.dumps(_spliced(stored, {"outcome": "scored"}))) == {
        "quote": "\ud800",
        "outcome": "scored",
    }

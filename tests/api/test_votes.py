"""Votes over HTTP: what they mean for each kind of value, what they settle, and that they are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.store.models import CallLog, Metric, Review, RubricRule
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

FAMILIES = ("v1/call-logs", "v1/call-logs-external", "v2/call-logs")
pytestmark = pytest.mark.django_db


def measured(who: Tenant, eval_type: str = "binary", **result: Any) -> tuple[CallLog, Metric]:
    """A call that failed by its rubric, and the one metric in it."""
    agent = who.project.agents.first() or who.agent()
    labels = ["Refund", "Booking"] if eval_type == "enum" else []
    metric = metric_row(who.project, f"Metric {Metric.objects.count()}", eval_type, labels=labels)
    call = call_row(agent, f"c{CallLog.objects.count()}", success=False)
    result_row(call, metric, rerun_row(agent, metric), **(result or {"passed": False}))
    return call, metric


def rule(metric: Metric, **condition: Any) -> None:
    RubricRule.objects.create(
        project_id=metric.project_id,
        metric=metric,
        conditions={"operator": "and", "conditions": [condition]},
        position=0,
    )


def vote(who: Tenant, call: CallLog, family: str = "v1/call-logs", **body: Any) -> tuple[int, Any]:
    url = f"/observability/{family}/{call.pk}/mark_metric_vote"
    response = who.client.post(url, json.dumps(body), content_type="application/json")
    return response.status_code, json.loads(response.content)


def shown(who: Tenant, call: CallLog) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = json.loads(who.client.get(f"/observability/v1/call-logs/{call.pk}/").content)
    return answer, answer["evaluation"]["metrics"][0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_vote_reviews_the_call_under_every_address(alice: Tenant, family: str, slash: str) -> None:
    call, metric = measured(alice)
    url = f"/observability/{family}/{call.pk}/mark_metric_vote{slash}"
    response = alice.client.post(url, {"metric_id": metric.pk, "thumbs_up": True, "expected_value": None})
    assert response.status_code == 200
    assert isinstance(json.loads(response.content)["detail"], str)
    call.refresh_from_db()
    assert call.is_reviewed
    assert Review.objects.get().by_key == alice.key


def test_the_official_clients_thumbs_up_confirms_the_machine(alice: Tenant) -> None:
    call, metric = measured(alice, passed=False)
    rule(metric, field="score", op="eq", value=True)
    assert (
        vote(alice, call, metric_id=metric.pk, thumbs_up=True, expected_value=None, feedback=None)[0] == 200
    )
    detail, row = shown(alice, call)
    assert (detail["status"], detail["success"]) == ("reviewed_failure", False)
    assert (row["passed"], row["extra"]["machine"]["passed"]) == (False, False)
    assert row["explanation"] == ["Because."]


def test_a_confirmed_value_stays_when_the_machine_changes_its_mind(alice: Tenant) -> None:
    call, metric = measured(alice, passed=True)
    vote(alice, call, metric_id=metric.pk, thumbs_up=True)
    call.results.update(is_current=False)
    result_row(call, metric, rerun_row(call.agent, metric), passed=False)
    _, row = shown(alice, call)
    assert (row["passed"], row["extra"]["machine"]["passed"]) == (True, False)


@pytest.mark.parametrize(("op_value", "status"), [(True, "reviewed_success"), (False, "reviewed_failure")])
def test_thumbs_down_with_a_value_replaces_it_and_settles_again(
    alice: Tenant, op_value: bool, status: str
) -> None:
    call, metric = measured(alice, passed=False)
    rule(metric, field="score", op="eq", value=op_value)
    vote(alice, call, metric_id=metric.pk, thumbs_up=False, expected_value=5, feedback="He did.")
    detail, row = shown(alice, call)
    assert detail["status"] == status
    assert (row["passed"], row["score"], row["explanation"]) == (True, 5, ["He did."])
    assert row["extra"]["machine"]["passed"] is False
    assert detail["rubric"][0]["value"] is True


def test_thumbs_down_alone_turns_a_binary_value_round(alice: Tenant) -> None:
    call, metric = measured(alice, passed=False)
    rule(metric, field="score", op="eq", value=True)
    vote(alice, call, metric_id=metric.pk, vote="disagree")
    detail, row = shown(alice, call)
    assert (detail["status"], row["passed"]) == ("reviewed_success", True)


def test_thumbs_down_alone_leaves_other_values_and_is_told(alice: Tenant) -> None:
    call, metric = measured(alice, "continuous_qualitative", number=2.0)
    vote(alice, call, metric_id=metric.pk, thumbs_up=False)
    detail, row = shown(alice, call)
    assert detail["is_reviewed"] is True
    assert row["score"] == 2.0
    assert row["extra"]["review"]["thumbs_up"] is False
    assert "machine" not in row["extra"]


@pytest.mark.parametrize(
    ("eval_type", "machine", "sent", "kept"),
    [
        ("binary", {"passed": False}, True, True),
        ("binary", {"passed": True}, 0, False),
        ("binary", {"passed": False}, 5.0, True),
        ("binary", {"passed": False}, "Pass", True),
        ("binary", {"passed": True}, "false", False),
        ("continuous_qualitative", {"number": 1.0}, 4, 4),
        ("continuous_qualitative", {"number": 1.0}, "3.5", 3.5),
        ("numeric", {"number": 1.0}, -812.25, -812.25),
        ("numeric", {"number": 1.0}, "1e3", 1000),
        ("enum", {"label": "Refund"}, " booking", "Booking"),
        ("binary", {"passed": True}, "n/a", None),
        ("enum", {"label": "Refund"}, "not_applicable", None),
    ],
)
def test_values_that_fit_the_metric(
    alice: Tenant, eval_type: str, machine: dict[str, Any], sent: Any, kept: Any
) -> None:
    call, metric = measured(alice, eval_type, **machine)
    assert vote(alice, call, metric_id=metric.pk, thumbs_up=False, expected_value=sent)[0] == 200
    review = Review.objects.get()
    assert (review.has_expected_value, review.expected_value) == (True, kept)
    _, row = shown(alice, call)
    found = row["passed"] if eval_type == "binary" else row["enum"] if eval_type == "enum" else row["score"]
    assert found == kept
    assert row["extra"]["outcome"] == ("skipped" if kept is None else "scored")


@pytest.mark.parametrize(
    ("eval_type", "sent"),
    [
        ("binary", 3),
        ("binary", "perhaps"),
        ("binary", [True]),
        ("binary", 10**400),
        ("continuous_qualitative", 5.1),
        ("continuous_qualitative", -1),
        ("continuous_qualitative", True),
        ("continuous_qualitative", "nan"),
        ("numeric", "inf"),
        ("numeric", 10**399),
        ("numeric", {"a": 1}),
        ("enum", "Complaint"),
        ("enum", 5),
        ("enum", "\x00"),
        ("enum", "\ud800"),
    ],
)
def test_values_that_do_not_fit_change_nothing(alice: Tenant, eval_type: str, sent: Any) -> None:
    machine = {"binary": {"passed": True}, "enum": {"label": "Refund"}}.get(eval_type, {"number": 1.0})
    call, metric = measured(alice, eval_type, **machine)
    status, answer = vote(alice, call, metric_id=metric.pk, thumbs_up=False, expected_value=sent)
    assert status == 400
    assert list(answer) in (["expected_value"], ["non_field_errors"])
    call.refresh_from_db()
    assert not call.is_reviewed
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"thumbs_up": True}, "metric_id"),
        ({"metric_id": "x", "thumbs_up": True}, "metric_id"),
        ({"metric_id": 2**70, "thumbs_up": True}, "metric_id"),
        ({"metric_id": 10**6, "thumbs_up": True}, "metric_id"),
        ({"metric_id": None}, "thumbs_up"),
        ({"metric_id": None, "thumbs_up": None, "expected_value": None, "feedback": None}, "thumbs_up"),
        ({"metric_id": None, "thumbs_up": "maybe"}, "thumbs_up"),
        ({"metric_id": None, "vote": "maybe"}, "vote"),
        ({"metric_id": None, "thumbs_up": True, "feedback": 5}, "feedback"),
        ({"metric_id": None, "thumbs_up": True, "feedback": "x" * 200_000}, "feedback"),
    ],
)
def test_wrong_votes(alice: Tenant, body: dict[str, Any], field: str) -> None:
    call, metric = measured(alice)
    if body.get("metric_id", 0) is None:
        body = body | {"metric_id": metric.pk}
    status, answer = vote(alice, call, **body)
    assert (status, field in answer) == (400, True)
    assert not Review.objects.exists()


def test_a_metric_without_a_result_here_is_not_told_apart_from_a_foreign_one(
    alice: Tenant, charlie: Tenant
) -> None:
    call, _ = measured(alice)
    mine, theirs = metric_row(alice.project, "Unmeasured"), metric_row(charlie.project, "Theirs")
    answers = [vote(alice, call, metric_id=metric.pk, thumbs_up=True) for metric in (mine, theirs)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 400


def test_a_failed_metric_cannot_be_confirmed_but_can_be_given_a_value(alice: Tenant) -> None:
    call, metric = measured(alice, outcome="failed", reason="judge_unavailable")
    status, answer = vote(alice, call, metric_id=metric.pk, thumbs_up=True)
    assert (status, list(answer)) == (400, ["thumbs_up"])
    assert vote(alice, call, metric_id=metric.pk, thumbs_up=False, expected_value=True)[0] == 200
    _, row = shown(alice, call)
    assert (row["passed"], row["extra"]["machine"]["outcome"]) == (True, "failed")


def test_a_skip_can_be_confirmed(alice: Tenant) -> None:
    call, metric = measured(alice, outcome="skipped", reason="trigger_not_met")
    vote(alice, call, metric_id=metric.pk, thumbs_up=True)
    _, row = shown(alice, call)
    assert row["extra"]["outcome"] == "skipped"
    assert row["extra"]["machine"]["reason"] == "trigger_not_met"


def test_every_vote_is_kept_and_the_newest_counts(alice: Tenant) -> None:
    call, metric = measured(alice, passed=False)
    for expected in (True, False, True):
        vote(alice, call, metric_id=metric.pk, thumbs_up=False, expected_value=expected)
    assert list(Review.objects.order_by("id").values_list("expected_value", "is_current")) == [
        (True, False),
        (False, False),
        (True, True),
    ]
    assert shown(alice, call)[1]["passed"] is True


def test_a_note_alone_does_not_review_the_call(alice: Tenant) -> None:
    call, metric = measured(alice)
    assert vote(alice, call, metric_id=metric.pk, thumbs_up=None, feedback="look here\x00")[0] == 200
    detail, row = shown(alice, call)
    assert detail["is_reviewed"] is False
    assert row["extra"]["review"]["feedback"] == "look here�"


def test_forms_vote_too(alice: Tenant) -> None:
    call, metric = measured(alice, passed=True)
    url = f"/observability/v1/call-logs/{call.pk}/mark_metric_vote/"
    form = {"metric_id": str(metric.pk), "thumbs_up": "false", "expected_value": "false", "feedback": ""}
    assert alice.client.post(url, form, format="multipart").status_code == 200
    assert Review.objects.get().expected_value is False


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["binary", "numeric", "continuous_qualitative", "enum"]),
    body=st.fixed_dictionaries({}, optional=dict.fromkeys(["thumbs_up", "expected_value", "feedback"], ANY)),
)
def test_no_vote_is_a_server_error(alice: Tenant, kind: str, body: dict[str, Any]) -> None:
    machine = {"binary": {"passed": True}, "enum": {"label": "Refund"}}.get(kind, {"number": 1.0})
    call, metric = measured(alice, kind, **machine)
    assert vote(alice, call, metric_id=metric.pk, **body)[0] in (200, 400)
    assert shown(alice, call)[0]["id"] == call.pk

"""One call: read, edit, delete; many: delete. Who may, what changes, and what hostile requests get."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from callgauge.store.models import CallLog, CallPayload, Chunk, MetricResult, Review
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

FAMILIES = ("v1/call-logs", "v1/call-logs-external", "v2/call-logs")
pytestmark = pytest.mark.django_db


def at(call: Any, family: str = "v1/call-logs", tail: str = "/") -> str:
    return f"/observability/{family}/{getattr(call, 'pk', call)}{tail}"


def patch(who: Tenant, call: CallLog, **fields: Any) -> tuple[int, Any]:
    response = who.client.patch(at(call), json.dumps(fields), content_type="application/json")
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_read_under_every_address(alice: Tenant, family: str, slash: str) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    call = call_row(agent, "c1", success=True)
    result_row(call, metric, rerun_row(agent, metric), passed=True)
    response = alice.client.get(at(call, family, slash), content_type="application/json")
    answer = json.loads(response.content)
    assert (response.status_code, answer["id"], answer["status"]) == (200, call.pk, "success")
    kind = "binary" if family.startswith("v2") else "binary_workflow_adherence"
    assert answer["evaluation"]["metrics"][0]["type"] == kind


@pytest.mark.parametrize("family", FAMILIES)
def test_the_generic_create_takes_a_call_in(alice: Tenant, family: str) -> None:
    sent = {"agent": alice.agent().pk, "call_id": "c1"}
    first = alice.client.post(f"/observability/{family}/", sent)
    again = alice.client.post(f"/observability/{family}", sent)
    assert (first.status_code, again.status_code) == (201, 201)
    assert json.loads(first.content)["critical_categories"] == []
    assert again.headers["X-Callgauge-Duplicate"] == "kept"


def requests_on(call: Any, metric: Any, agent: Any, family: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Every route that reaches a call by its id."""
    return [
        ("get", at(call, family), {}),
        ("patch", at(call, family), {"feedback": "mine"}),
        ("delete", at(call, family), {}),
        ("post", at(call, family, "/mark_metric_vote/"), {"metric_id": metric.pk, "thumbs_up": True}),
        ("post", f"/observability/{family}/delete_call_logs/", {"call_logs": [call.pk]}),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_charlie_reaches_nothing_of_alices(alice: Tenant, charlie: Tenant, family: str) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    call = call_row(agent, "c1", success=True)
    result_row(call, metric, rerun_row(agent, metric), passed=True)
    for method, url, body in requests_on(call, metric, agent, family):
        theirs = getattr(charlie.client, method)(url, body)
        missing = getattr(charlie.client, method)(
            url.replace(f"/{call.pk}/", "/999999999/"),
            body | ({"call_logs": [999999999]} if "delete_call" in url else {}),
        )
        assert theirs.status_code in (400, 404), (method, url)
        assert theirs.content.replace(str(call.pk).encode(), b"N") == missing.content.replace(
            b"999999999", b"N"
        )
        assert getattr(APIClient(), method)(url, body).status_code == 401
    call.refresh_from_db()
    assert (call.feedback, call.is_reviewed) == ("", False)
    assert not Review.objects.exists()


def test_bob_of_the_same_team_reaches_all(alice: Tenant, bob: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    for method, url, body in requests_on(call_row(agent, "x"), metric, agent, "v1/call-logs"):
        call = call_row(agent, f"{method} {url}"[:100])
        result_row(call, metric, rerun_row(agent, metric), passed=True)
        old = url.split("/")[4]
        if "delete_call_logs" in url:
            body = {"call_logs": [call.pk]}
        else:
            url = url.replace(f"/{old}", f"/{call.pk}")
        assert getattr(bob.client, method)(url, body).status_code in (200, 204), (method, url)


@pytest.mark.parametrize("pk", ["0", "9" * 30, "18446744073709551616", "٣"])
@pytest.mark.parametrize("family", FAMILIES)
def test_ids_that_no_row_can_have_are_404(alice: Tenant, pk: str, family: str) -> None:
    assert alice.client.get(at(pk, family)).status_code == 404
    assert alice.client.patch(at(pk, family), {}).status_code == 404
    assert alice.client.delete(at(pk, family)).status_code == 404
    assert alice.client.post(at(pk, family, "/mark_metric_vote"), {"metric_id": 1}).status_code == 404


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b'"x"', b"[" * 50_000, b'{"feedback": Infinity}', b"1" * 5_000]
)
def test_bodies_that_are_no_json_object_are_400_on_every_route(alice: Tenant, body: bytes) -> None:
    call = call_row(alice.agent(), "c1")
    for method, url in (
        ("patch", at(call)),
        ("post", at(call, tail="/mark_metric_vote/")),
        ("post", "/observability/v1/call-logs/delete_call_logs/"),
        ("post", "/observability/v1/call-logs/"),
    ):
        response = getattr(alice.client, method)(url, body, content_type="application/json")
        assert response.status_code == 400, (method, url)
        assert isinstance(json.loads(response.content), dict)


# --- edit ------------------------------------------------------------------------------------------------


def test_every_field_that_may_change_changes(alice: Tenant) -> None:
    call = call_row(alice.agent(), "c1", payload={"metadata": '{"a": 1, "b": {"c": 1}}'})
    status, answer = patch(
        alice,
        call,
        feedback="good",
        call_id="c2",
        timestamp="2026-08-01T00:00:00Z",
        duration=1.5,
        call_ended_reason="done",
        customer_number="+1",
        metadata={"b": 2, "d": 3},
        dynamic_variables={"name": "Ann"},
    )
    assert status == 200
    wanted = {
        "feedback": "good",
        "call_id": "c2",
        "timestamp": "2026-08-01T00:00:00Z",
        "duration": "01:30",
        "call_ended_reason": "done",
        "customer_number": "+1",
        "metadata": {"a": 1, "b": 2, "d": 3},
        "dynamic_variables": {"name": "Ann"},
        "agent": call.agent_id,
    }
    assert {name: answer[name] for name in wanted} == wanted
    assert json.loads(alice.client.get(at(call)).content) == answer


def test_a_new_transcript_replaces_the_old_and_its_duration(alice: Tenant) -> None:
    call = call_row(alice.agent(), "c1")
    before = call.content_hash
    rows = [{"role": "user", "content": "New.", "start_time": 1, "end_time": 9}]
    status, answer = patch(alice, call, transcript_json=rows, transcript_type="cekura")
    assert (status, answer["duration"], len(answer["transcript_object"])) == (200, "00:09", 1)
    assert answer["transcript"] == "[00:01] Testing Agent: New."
    call.refresh_from_db()
    assert call.content_hash != before
    assert json.loads(CallPayload.objects.get(pk=call.pk).raw) == rows
    assert call.pending_rerun_id is None, "an edit alone evaluates nothing"


def test_a_form_edits_too(alice: Tenant) -> None:
    call = call_row(alice.agent(), "c1")
    response = alice.client.patch(at(call), {"metadata": '{"a": 1}', "duration": "2"}, format="multipart")
    answer = json.loads(response.content)
    assert (response.status_code, answer["metadata"], answer["duration"]) == (200, {"a": 1}, "02:00")


@pytest.mark.parametrize(
    ("status", "success", "reviewed"),
    [
        ("reviewed_success", True, True),
        ("reviewed_failure", False, True),
        ("success", True, False),
        ("failure", False, False),
    ],
)
def test_a_person_sets_the_status(alice: Tenant, status: str, success: bool, reviewed: bool) -> None:
    call = call_row(alice.agent(), "c1", error_message="No verdict")
    _, answer = patch(alice, call, status=status)
    assert (answer["status"], answer["success"], answer["is_reviewed"]) == (status, success, reviewed)
    assert answer["error_message"] is None


def test_evaluating_again_on_request(alice: Tenant) -> None:
    agent = alice.agent()
    metric_row(alice.project, "Greeting")
    call = call_row(agent, "c1", success=True)
    _, answer = patch(alice, call, reevaluate_metrics=True)
    assert (answer["success"], answer["status"]) == (None, "evaluating")
    assert Chunk.objects.count() == 1
    patch(alice, call, reevaluate_metrics=True)
    assert Chunk.objects.count() == 1, "ignored while one is under way"
    patch(alice, call, metadata={"tier": "gold"})
    assert Chunk.objects.count() == 2, "what is under way measures content that is gone"
    patch(alice, call, feedback="no content")
    assert Chunk.objects.count() == 2


WRONG: list[tuple[str, Any]] = [
    ("success", True),
    ("agent", 3),
    ("no_such_field", 1),
    ("status", "evaluating"),
    ("status", 5),
    ("call_id", ""),
    ("call_id", None),
    ("call_id", "taken"),
    ("call_id", "a\x00"),
    ("call_ended_reason", "x" * 101),
    ("customer_number", []),
    ("duration", -0.5),
    ("duration", 1e12),
    ("duration", "1e400"),
    ("timestamp", "0000-00-00"),
    ("metadata", [1]),
    ("metadata", "x"),
    ("dynamic_variables", 5),
    ("transcript_json", 5),
    ("transcript_type", "cekura"),
    ("reevaluate_metrics", "perhaps"),
    ("reevaluate_metrics", [1]),
    ("feedback", {}),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_edit_changes_nothing(alice: Tenant, name: str, value: Any) -> None:
    agent = alice.agent()
    call_row(agent, "taken")
    call = call_row(agent, "c1")
    before = alice.client.get(at(call)).content
    status, answer = patch(alice, call, **{"customer_number": "+1", name: value})
    assert (status, list(answer)) == (400, [name])
    assert alice.client.get(at(call)).content == before


def test_deep_metadata_is_refused_and_unstorable_text_replaced(alice: Tenant) -> None:
    call = call_row(alice.agent(), "c1")
    deep: Any = 1
    for _ in range(150):
        deep = {"a": deep}
    assert list(patch(alice, call, metadata=deep)[1]) == ["metadata"]
    status, answer = patch(alice, call, metadata={"\x00": "\ud800"}, feedback="\x00")
    assert (status, answer["metadata"], answer["feedback"]) == (200, {"�": "�"}, "�")


# --- delete ----------------------------------------------------------------------------------------------


def evaluated(who: Tenant, name: str) -> CallLog:
    agent = who.project.agents.first() or who.agent()
    metric = who.project.metrics.first() or metric_row(who.project, "Greeting")
    call = call_row(agent, name, customer_number="+1", success=True, pending_rerun_id=7)
    first = result_row(call, metric, rerun_row(agent, metric), passed=True, is_current=False)
    second = result_row(call, metric, rerun_row(agent, metric), passed=False, previous_id=first.pk)
    Review.objects.create(call=call, metric=metric, result=second, thumbs_up=True)
    return call


def test_a_deleted_call_is_gone_with_all_that_hangs_from_it(alice: Tenant) -> None:
    call, kept = evaluated(alice, "c1"), evaluated(alice, "c2")
    assert alice.client.delete(at(call)).status_code == 204
    assert alice.client.get(at(call)).status_code == 404
    assert alice.client.delete(at(call)).status_code == 404
    for rows in (CallPayload, MetricResult, Review):
        assert set(rows.objects.values_list("call_id", flat=True)) == {kept.pk}


def test_a_deleted_call_may_keep_its_evaluations(alice: Tenant) -> None:
    call = evaluated(alice, "c1")
    assert alice.client.delete(at(call) + "?retain_evaluations=true").status_code == 204
    assert alice.client.get(at(call)).status_code == 404
    assert MetricResult.objects.filter(call=call).count() == 2
    assert not CallPayload.objects.exists(), "what was said is gone"
    call.refresh_from_db()
    assert (call.customer_number, call.pending_rerun_id) == ("", None)
    again = {"agent": call.agent_id, "call_id": "c1"}
    assert alice.client.post("/observability/v1/observe", again).status_code == 201


def test_deleting_takes_true_or_false(alice: Tenant) -> None:
    call = evaluated(alice, "c1")
    response = alice.client.delete(at(call) + "?retain_evaluations=perhaps")
    assert (response.status_code, list(json.loads(response.content))) == (400, ["retain_evaluations"])
    assert CallLog.objects.exists()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["json", "texts", "multipart", "text"])
def test_many_calls_are_deleted(alice: Tenant, family: str, kind: str) -> None:
    calls = [evaluated(alice, f"c{n}") for n in range(3)]
    url = f"/observability/{family}/delete_call_logs"
    ids = [calls[0].pk, calls[1].pk]
    if kind == "multipart":
        response = alice.client.post(url, {"call_logs": ids}, format="multipart")
    elif kind == "text":
        response = alice.client.post(url, {"call_logs": json.dumps(ids)}, format="multipart")
    else:
        written = [str(pk) for pk in ids] if kind == "texts" else ids
        response = alice.client.post(url, {"call_logs": written, "agent_id": calls[0].agent_id})
    assert (response.status_code, response.content) == (204, b"")
    assert list(CallLog.objects.values_list("pk", flat=True)) == [calls[2].pk]


def test_many_calls_may_keep_their_evaluations(alice: Tenant) -> None:
    call = evaluated(alice, "c1")
    url = "/observability/v1/call-logs/delete_call_logs/"
    alice.client.post(url, {"call_logs": [call.pk], "retain_evaluations": True})
    call.refresh_from_db()
    assert call.deleted_at is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"call_logs": []},
        {"call_logs": "all"},
        {"call_logs": None},
        {"call_logs": {"a": 1}},
        {"call_logs": [True]},
        {"call_logs": [2**70]},
        {"call_logs": [-1]},
        {"call_logs": list(range(1, 10_002))},
        {"call_logs": [1.5]},
    ],
)
def test_wrong_lists_delete_nothing(alice: Tenant, body: dict[str, Any]) -> None:
    evaluated(alice, "c1")
    response = alice.client.post("/observability/v1/call-logs/delete_call_logs/", body)
    assert (response.status_code, list(json.loads(response.content))) == (400, ["call_logs"])
    assert CallLog.objects.count() == 1


def test_one_unknown_call_among_many_deletes_none(alice: Tenant, charlie: Tenant) -> None:
    mine, theirs = evaluated(alice, "c1"), evaluated(charlie, "c2")
    other = call_row(alice.agent("Two"), "c3")
    url = "/observability/v1/call-logs/delete_call_logs/"
    response = alice.client.post(url, {"call_logs": [mine.pk, theirs.pk, 999999]})
    assert json.loads(response.content) == {
        "call_logs": [f"These call logs do not exist here: {theirs.pk}, 999999."]
    }
    of_agent = alice.client.post(url, {"call_logs": [mine.pk, other.pk], "agent_id": mine.agent_id})
    assert of_agent.status_code == 400
    assert CallLog.objects.count() == 3

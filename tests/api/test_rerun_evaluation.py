"""`rerun_evaluation` over HTTP, clause by clause of its contract."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from callgauge.domain.options import Rate
from callgauge.store.models import Agent, CallLog, Chunk, Rerun, RerunState
from tests.calls import make_call, make_calls, make_metric
from tests.tenants import Tenant, tenant

URL = "/observability/v1/call-logs/rerun_evaluation/"
FAMILIES = [
    "/observability/v1/call-logs/rerun_evaluation/",
    "/observability/v1/call-logs/rerun_evaluation",
    "/observability/v1/call-logs-external/rerun_evaluation/",
    "/observability/v1/call-logs-external/rerun_evaluation",
    "/observability/v2/call-logs/rerun_evaluation/",
    "/observability/v2/call-logs/rerun_evaluation",
]


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    make_metric(alice.project, "Confirms")
    return alice.agent(assistant_id="asst_1")


@pytest.fixture
def calls(agent: Agent) -> list[CallLog]:
    """Two settled calls, and one that a person has reviewed as failed."""
    return [
        make_call(agent, "passed", success=True),
        make_call(agent, "failed", success=False),
        make_call(agent, "reviewed", success=False, is_reviewed=True),
    ]


def body_of(response: Any) -> Any:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return json.loads(content)


def snapshot() -> Any:
    """Everything that a refused request must leave as it was."""
    return (
        list(CallLog.objects.order_by("id").values()),
        Rerun.objects.count(),
        Chunk.objects.count(),
    )


# --- what is answered ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FAMILIES)
def test_every_address_answers_200_with_the_array_already_reset(
    alice: Tenant, agent: Agent, calls: list[CallLog], path: str
) -> None:
    response = alice.client.post(path, {"agent_id": agent.pk, "call_logs": [call.pk for call in calls]})
    assert response.status_code == 200
    items = {item["call_id"]: item for item in body_of(response)}
    assert set(items) == {"passed", "failed", "reviewed"}
    assert [(items[name]["success"], items[name]["status"]) for name in ("passed", "failed")] == [
        (None, "evaluating"),
        (None, "evaluating"),
    ]
    assert (items["reviewed"]["success"], items["reviewed"]["status"]) == (False, "reviewed_failure")
    assert [
        item["id"] for item in body_of(alice.client.post(path, {"agent_id": agent.pk, "call_logs": "all"}))
    ]


def test_the_reset_is_stored_before_the_answer(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    alice.client.post(URL, {"agent_id": agent.pk, "call_logs": "all"})
    stored = dict(CallLog.objects.values_list("call_id", "success"))
    assert stored == {"passed": None, "failed": None, "reviewed": False}
    read = alice.client.get(f"/observability/v1/call-logs/{calls[0].pk}/").json()
    assert (read["success"], read["status"]) == (None, "evaluating")


def test_reviewed_calls_are_measured_again_like_all_others(
    alice: Tenant, agent: Agent, calls: list[CallLog]
) -> None:
    alice.client.post(URL, {"agent_id": agent.pk, "call_logs": "all"})
    assert Chunk.objects.get().call_ids == [call.pk for call in calls]


def as_json(client: APIClient, fields: dict[str, Any]) -> Any:
    return client.post(URL, json.dumps(fields), content_type="application/json")


def as_form(client: APIClient, fields: dict[str, Any]) -> Any:
    from urllib.parse import urlencode

    return client.post(URL, urlencode(fields, doseq=True), content_type="application/x-www-form-urlencoded")


def as_multipart(client: APIClient, fields: dict[str, Any]) -> Any:
    return client.post(URL, fields, format="multipart")


@pytest.mark.parametrize("send", [as_json, as_form, as_multipart])
@pytest.mark.parametrize("selection", ["list", "all", "number"])
def test_three_body_types(
    alice: Tenant, agent: Agent, calls: list[CallLog], send: Any, selection: str
) -> None:
    if send is not as_json and selection == "number":
        pytest.skip("in a form, one number is one id")
    value = {"list": [call.pk for call in calls], "all": "all", "number": 2}[selection]
    response = send(alice.client, {"agent_id": agent.pk, "call_logs": value})
    assert response.status_code == 200
    wanted = calls[:2] if selection == "number" else calls
    assert [item["id"] for item in body_of(response)] == [call.pk for call in wanted]


@pytest.mark.parametrize("send", [as_json, as_form, as_multipart])
def test_numbers_as_text(alice: Tenant, agent: Agent, calls: list[CallLog], send: Any) -> None:
    response = send(alice.client, {"agent_id": str(agent.pk), "call_logs": [str(call.pk) for call in calls]})
    assert [item["id"] for item in body_of(response)] == [call.pk for call in calls]


@pytest.mark.parametrize("send", [as_json, as_form, as_multipart])
def test_a_list_as_json_text(alice: Tenant, agent: Agent, calls: list[CallLog], send: Any) -> None:
    response = send(alice.client, {"agent_id": agent.pk, "call_logs": json.dumps([calls[1].pk])})
    assert [item["id"] for item in body_of(response)] == [calls[1].pk]


def test_one_id_in_a_form_is_that_call(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    response = as_form(alice.client, {"agent_id": agent.pk, "call_logs": calls[1].pk})
    assert [item["id"] for item in body_of(response)] == [calls[1].pk]


def test_assistant_id_as_text(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    response = alice.client.post(URL, {"assistant_id": "asst_1", "call_logs": "all"})
    assert len(body_of(response)) == 3


@pytest.mark.parametrize("given", [2143, "2143"])
def test_assistant_id_as_a_number(alice: Tenant, given: Any) -> None:
    agent = alice.agent(assistant_id="2143")
    call = make_call(agent, "one")
    response = alice.client.post(URL, {"assistant_id": given, "call_logs": [call.pk]})
    assert [item["id"] for item in body_of(response)] == [call.pk]


def test_an_absent_id_may_be_null(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    response = alice.client.post(URL, {"agent_id": agent.pk, "assistant_id": None, "call_logs": "all"})
    assert response.status_code == 200


def test_all_is_not_only_the_last_thirty_days(alice: Tenant, agent: Agent) -> None:
    old = make_call(agent, "old", timestamp="2020-01-01T00:00:00Z")
    response = alice.client.post(URL, {"agent_id": agent.pk, "call_logs": "all"})
    assert [item["id"] for item in body_of(response)] == [old.pk]


def test_an_agent_without_calls_gives_an_empty_array(alice: Tenant, agent: Agent) -> None:
    response = alice.client.post(URL, {"agent_id": agent.pk, "call_logs": "all"})
    assert (response.status_code, body_of(response)) == (200, [])
    assert Rerun.objects.get().state == RerunState.DONE


def test_a_call_named_twice_is_answered_once(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    ids = [calls[1].pk, calls[0].pk, calls[1].pk]
    response = alice.client.post(URL, {"agent_id": agent.pk, "call_logs": ids})
    assert [item["id"] for item in body_of(response)] == [calls[1].pk, calls[0].pk]


def test_metrics_narrow(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    other = make_metric(alice.project, "Polite")
    for name in ("metrics", "metric_ids"):
        alice.client.post(URL, {"agent_id": agent.pk, "call_logs": "all", name: [other.pk]})
        Rerun.objects.filter(state=RerunState.PLANNED).update(state=RerunState.DONE)
    version = other.current_version_id
    assert [rerun.metric_version_ids for rerun in Rerun.objects.order_by("id")] == [[version], [version]]


def test_other_agents_calls_are_left_alone(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    other = make_call(alice.agent("Sales"), "other", success=True)
    alice.client.post(URL, {"agent_id": agent.pk, "call_logs": "all"})
    other.refresh_from_db()
    assert (other.success, other.pending_rerun_id) == (True, None)


# --- what is refused, and then nothing has changed -------------------------------------------------------

HUGE = 10**40


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"call_logs": "all"}, "agent_id"),
        ({"call_logs": []}, "agent_id"),
        ({"call_logs": [1], "agent_id": None, "assistant_id": ""}, "agent_id"),
        ({"agent_id": "AGENT", "assistant_id": "asst_1", "call_logs": "all"}, "agent_id"),
        ({"agent_id": "AGENT", "assistant_id": "asst_1", "call_logs": {"no": "list"}}, "agent_id"),
        ({"agent_id": "abc", "call_logs": "all"}, "agent_id"),
        ({"agent_id": True, "call_logs": "all"}, "agent_id"),
        ({"agent_id": 1.5, "call_logs": "all"}, "agent_id"),
        ({"agent_id": [1], "call_logs": "all"}, "agent_id"),
        ({"agent_id": HUGE, "call_logs": "all"}, "agent_id"),
        ({"assistant_id": ["asst_1"], "call_logs": "all"}, "assistant_id"),
        ({"assistant_id": {"a": 1}, "call_logs": "all"}, "assistant_id"),
        ({"agent_id": "AGENT"}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": None}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": []}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": "some"}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ""}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": {"ids": [1]}}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": True}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": 0}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": -3}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": 2.5}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", "abc"]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", None]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", [1]]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", 1.0]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", -1]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", HUGE]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": ["CALL", 999_999]}, "call_logs"),
        ({"agent_id": "AGENT", "call_logs": "all", "metrics": [999_999]}, "metrics"),
        ({"agent_id": "AGENT", "call_logs": "all", "metrics": []}, "metrics"),
        ({"agent_id": "AGENT", "call_logs": "all", "metric_ids": {"a": 1}}, "metric_ids"),
    ],
)
def test_refusals_name_the_field_and_change_nothing(
    alice: Tenant, agent: Agent, calls: list[CallLog], fields: dict[str, Any], field: str
) -> None:
    names = {"AGENT": agent.pk, "CALL": calls[0].pk}
    fields = {
        name: [names.get(one, one) if isinstance(one, str) else one for one in value]
        if isinstance(value, list)
        else (names.get(value, value) if isinstance(value, str) else value)
        for name, value in fields.items()
    }
    before = snapshot()
    response = as_json(alice.client, fields)
    assert response.status_code == 400
    answer = response.json()
    assert list(answer) == [field]
    assert all(isinstance(message, str) and message for message in answer[field])
    assert snapshot() == before


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'"all"', b"\xff\xfe", b'{"agent_id": NaN}', b"[" * 100_000]
)
def test_bodies_that_are_no_object(alice: Tenant, agent: Agent, content: bytes) -> None:
    before = snapshot()
    response = alice.client.post(URL, content, content_type="application/json")
    assert response.status_code == 400
    assert list(response.json()) == ["non_field_errors"]
    assert snapshot() == before


def test_unknown_ids_are_named(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    response = as_json(alice.client, {"agent_id": agent.pk, "call_logs": [calls[0].pk, 777_001, 777_002]})
    message = response.json()["call_logs"][0]
    assert "777001, 777002" in message
    assert str(calls[0].pk) not in message.replace("777001", "").replace("777002", "")


def test_calls_of_another_agent_of_the_same_project_are_unknown(
    alice: Tenant, agent: Agent, calls: list[CallLog]
) -> None:
    other = make_call(alice.agent("Sales"), "other", success=True)
    before = snapshot()
    response = as_json(alice.client, {"agent_id": agent.pk, "call_logs": [calls[0].pk, other.pk]})
    assert response.status_code == 400
    assert str(other.pk) in response.json()["call_logs"][0]
    assert snapshot() == before


def test_foreign_and_missing_look_the_same(alice: Tenant, charlie: Tenant, calls: list[CallLog]) -> None:
    theirs = charlie.agent(assistant_id="asst_charlie")
    their_call = make_call(theirs, "theirs", success=True)
    agent_id = calls[0].agent_id
    before = snapshot()

    foreign = as_json(alice.client, {"agent_id": theirs.pk, "call_logs": "all"})
    missing = as_json(alice.client, {"agent_id": 999_999, "call_logs": "all"})
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()

    foreign = as_json(alice.client, {"assistant_id": "asst_charlie", "call_logs": "all"})
    missing = as_json(alice.client, {"assistant_id": "asst_nobody", "call_logs": "all"})
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()

    foreign = as_json(alice.client, {"agent_id": agent_id, "call_logs": [their_call.pk]})
    missing = as_json(alice.client, {"agent_id": agent_id, "call_logs": [999_999]})
    assert foreign.status_code == missing.status_code == 400
    assert foreign.json()["call_logs"][0].replace(str(their_call.pk), "N") == missing.json()["call_logs"][
        0
    ].replace("999999", "N")
    assert snapshot() == before


@pytest.mark.parametrize(
    "headers", [{}, {"HTTP_X_CEKURA_API_KEY": "cg_wrong"}, {"HTTP_AUTHORIZATION": "Bearer x"}]
)
def test_401_without_a_key(agent: Agent, calls: list[CallLog], headers: dict[str, str]) -> None:
    before = snapshot()
    response = APIClient(**headers).post(URL, {"agent_id": agent.pk, "call_logs": "all"})
    assert response.status_code == 401
    assert list(response.json()) == ["detail"]
    assert snapshot() == before


def test_a_bearer_token_is_a_key_too(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {alice.secret}")
    assert client.post(URL, {"agent_id": agent.pk, "call_logs": "all"}).status_code == 200


def test_an_organizations_key_reaches_its_projects_and_no_others(
    alice: Tenant, charlie: Tenant, agent: Agent, calls: list[CallLog]
) -> None:
    owner = tenant("Acme", None)
    assert owner.client.post(URL, {"agent_id": agent.pk, "call_logs": "all"}).status_code == 200
    theirs = charlie.agent()
    assert owner.client.post(URL, {"agent_id": theirs.pk, "call_logs": "all"}).status_code == 404


# --- too many requests -----------------------------------------------------------------------------------


@pytest.fixture
def two_a_minute(settings: Any) -> None:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, rerun_rate=Rate(2, 60))


def test_429_says_when_to_come_back_and_changes_nothing(
    alice: Tenant, agent: Agent, calls: list[CallLog], two_a_minute: None
) -> None:
    for call in calls[:2]:
        assert as_json(alice.client, {"agent_id": agent.pk, "call_logs": [call.pk]}).status_code == 200
    before = snapshot()
    response = as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 30
    assert list(response.json()) == ["detail"]
    assert snapshot() == before


def test_a_request_that_joins_counts_too(
    alice: Tenant, agent: Agent, calls: list[CallLog], two_a_minute: None
) -> None:
    statuses = [
        as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"}).status_code for _ in range(3)
    ]
    assert statuses == [200, 200, 429]


def test_one_projects_limit_is_not_anothers(
    alice: Tenant, charlie: Tenant, agent: Agent, calls: list[CallLog], two_a_minute: None
) -> None:
    for _ in range(3):
        as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    theirs = charlie.agent()
    assert as_json(charlie.client, {"agent_id": theirs.pk, "call_logs": "all"}).status_code == 200


# --- repeats ---------------------------------------------------------------------------------------------


def test_a_repeated_post_joins_the_first(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    first = as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    # Meanwhile one call has got its verdict: the repeat is answered with the calls as they now are.
    CallLog.objects.filter(pk=calls[0].pk).update(success=True, pending_rerun_id=None)
    second = as_json(alice.client, {"agent_id": str(agent.pk), "call_logs": "all"})
    assert Rerun.objects.count() == 1
    assert first["X-Callgauge-Rerun"] == second["X-Callgauge-Rerun"]
    assert second["X-Callgauge-Joined"] == "true"
    assert {item["call_id"]: item["success"] for item in body_of(second)} == {
        "passed": True,
        "failed": None,
        "reviewed": False,
    }


def test_a_different_selection_is_another_rerun(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    as_json(alice.client, {"agent_id": agent.pk, "call_logs": [calls[0].pk]})
    assert Rerun.objects.count() == 2


def test_a_changed_metric_is_another_rerun(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    from callgauge.flow.metrics import MetricChange, edit_metric
    from callgauge.store.models import Metric

    as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    edit_metric(Metric.objects.get(), MetricChange(frozen={"description": "Something else?"}))
    as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    assert Rerun.objects.count() == 2


def test_a_finished_rerun_is_not_joined(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    Rerun.objects.update(state=RerunState.DONE)
    as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    assert Rerun.objects.count() == 2


def test_another_key_does_not_join(alice: Tenant, bob: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    as_json(bob.client, {"agent_id": agent.pk, "call_logs": "all"})
    assert Rerun.objects.count() == 2


def test_an_idempotency_key_joins_for_a_day(alice: Tenant, agent: Agent, calls: list[CallLog]) -> None:
    def post(fields: dict[str, Any], key: str) -> Any:
        return alice.client.post(URL, fields, HTTP_IDEMPOTENCY_KEY=key)

    fields = {"agent_id": agent.pk, "call_logs": "all"}
    post(fields, "one")
    Rerun.objects.update(state=RerunState.DONE)
    assert post(fields, "one")["X-Callgauge-Joined"] == "true"
    assert Rerun.objects.count() == 1
    assert post(fields, "two").status_code == 200
    assert Rerun.objects.count() == 2
    before = snapshot()
    refused = post({"agent_id": agent.pk, "call_logs": [calls[0].pk]}, "one")
    assert refused.status_code == 400
    assert list(refused.json()) == ["Idempotency-Key"]
    assert snapshot() == before


def test_a_request_that_joined_is_remembered_by_its_key(
    alice: Tenant, agent: Agent, calls: list[CallLog]
) -> None:
    fields = {"agent_id": agent.pk, "call_logs": "all"}
    first = as_json(alice.client, fields)
    joined = alice.client.post(URL, fields, HTTP_IDEMPOTENCY_KEY="one")
    Rerun.objects.update(state=RerunState.DONE)
    again = alice.client.post(URL, fields, HTTP_IDEMPOTENCY_KEY="one")
    numbers = {answer["X-Callgauge-Rerun"] for answer in (first, joined, again)}
    assert len(numbers) == 1


def test_an_idempotency_key_tells_forms_apart_by_all_their_fields(
    alice: Tenant, agent: Agent, calls: list[CallLog]
) -> None:
    def post(ids: list[int]) -> int:
        body = "&".join([f"agent_id={agent.pk}", *(f"call_logs={number}" for number in ids)])
        kind = "application/x-www-form-urlencoded"
        answer = alice.client.post(URL, body, content_type=kind, HTTP_IDEMPOTENCY_KEY="one")
        return int(answer.status_code)

    first, second, last = (call.pk for call in calls)
    assert post([first, last]) == 200
    assert post([first, last]) == 200
    assert post([second, last]) == 400


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\x00"])
def test_an_assistant_id_that_no_row_can_hold_is_not_there(alice: Tenant, agent: Agent, text: str) -> None:
    assert as_json(alice.client, {"assistant_id": text, "call_logs": "all"}).status_code == 404


# --- many calls ------------------------------------------------------------------------------------------


def test_a_large_answer_streams_page_by_page_with_queries_that_grow_only_by_page(
    alice: Tenant, agent: Agent
) -> None:
    make_calls(agent, 450)
    response = as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    assert response.streaming
    with CaptureQueriesContext(
        connection,
    ) as queries:
        items = body_of(response)
    assert len({item["id"] for item in items}) == 450
    assert len(queries) <= 3 * 10 + 2
    assert [len(chunk.call_ids) for chunk in Chunk.objects.order_by("id")] == [*[29] * 15, 15]


def test_above_the_limit_the_reset_shows_before_the_planner_has_passed(
    alice: Tenant, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 5)
    for number in range(8):
        make_call(agent, f"call-{number}", success=True, is_reviewed=number == 7)
    response = as_json(alice.client, {"agent_id": agent.pk, "call_logs": "all"})
    assert [item["success"] for item in body_of(response)] == [None] * 7 + [True]
    assert CallLog.objects.filter(success=True).count() == 8  # no row was touched yet
    make_call(agent, "late", success=True)
    listed = alice.client.get("/observability/v1/call-logs/").json()["results"]
    shown = {item["call_id"]: (item["success"], item["status"]) for item in listed}
    assert shown["call-0"] == (None, "evaluating")
    assert shown["call-7"] == (True, "reviewed_success")
    assert shown["late"] == (True, "success")


@pytest.mark.parametrize(
    "path", ["/observability/v1/call-logs/evaluate_metrics", "/observability/v2/call-logs/evaluate_metrics/"]
)
def test_evaluate_metrics_takes_the_contracts_and_the_clients_names(
    alice: Tenant, charlie: Tenant, agent: Agent, calls: list[CallLog], path: str
) -> None:
    metric = make_metric(alice.project, "Polite")
    for fields in (
        {"agent_id": agent.pk, "call_logs": [calls[0].pk], "metrics": [metric.pk]},
        {"project_id": alice.project.pk, "call_logs": [calls[0].pk], "metrics": [metric.pk]},
        {"call_log_ids": [calls[0].pk], "metric_ids": [metric.pk]},
    ):
        response = alice.client.post(path, fields)
        assert response.status_code == 200
        assert [(item["id"], item["success"]) for item in response.json()] == [(calls[0].pk, None)]
    assert {tuple(rerun.metric_version_ids) for rerun in Rerun.objects.all()} == {
        (metric.current_version_id,)
    }
    before = snapshot()
    theirs = make_metric(charlie.project, "Theirs")
    for fields in (
        {"call_logs": [calls[0].pk], "metrics": [theirs.pk]},
        {"call_logs": [999_999], "metrics": [metric.pk]},
        {"call_logs": [], "metrics": [metric.pk]},
        {"metrics": [metric.pk]},
    ):
        assert alice.client.post(path, fields).status_code == 400
    assert snapshot() == before

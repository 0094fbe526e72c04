"""The list of calls: scope, window, pages, search and filters."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgauge.flow.filters import FIELDS, MAX_CONDITIONS, MAX_DEPTH
from callgauge.store.models import CallLog
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant, tenant

FAMILIES = ("v1/call-logs", "v1/call-logs-external", "v2/call-logs")
URL = "/observability/v1/call-logs/"
pytestmark = pytest.mark.django_db


def listed(who: Tenant, url: str = URL, **query: Any) -> tuple[int, Any]:
    response = who.client.get(url, query)
    return response.status_code, json.loads(response.content)


def names(who: Tenant, **query: Any) -> list[str]:
    status, answer = listed(who, **query)
    assert status == 200, answer
    return [item["call_id"] for item in answer["results"]]


def filtered(who: Tenant, *conditions: dict[str, Any], operator: str = "and") -> set[str]:
    tree = {"operator": operator, "conditions": list(conditions)}
    return set(names(who, filters_v2=json.dumps(tree), page_size=100))


def leaf(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_newest_first_under_every_address(alice: Tenant, family: str, slash: str) -> None:
    agent = alice.agent()
    now = timezone.now()
    for hours in (2, 1, 3):
        call_row(agent, f"h{hours}", timestamp=now - timedelta(hours=hours))
    metric = metric_row(alice.project, "Greeting")
    result_row(CallLog.objects.get(call_id="h1"), metric, rerun_row(agent, metric), passed=True)
    status, answer = listed(alice, f"/observability/{family}{slash}")
    assert status == 200
    assert (answer["count"], answer["next"], answer["previous"]) == (3, None, None)
    assert [item["call_id"] for item in answer["results"]] == ["h1", "h2", "h3"]
    kind = "binary" if family.startswith("v2") else "binary_workflow_adherence"
    assert answer["results"][0]["metrics"][0]["type"] == kind


def test_pages(alice: Tenant) -> None:
    agent = alice.agent()
    same = timezone.now()
    for n in range(5):
        call_row(agent, f"c{n}", timestamp=same)
    _, first = listed(alice, page_size=2)
    assert first["count"] == 5
    response = alice.client.get(first["next"])
    second = json.loads(response.content)
    shown = [item["call_id"] for item in first["results"] + second["results"]]
    assert shown == ["c4", "c3", "c2", "c1"]
    assert second["previous"]
    assert listed(alice, page=9)[0] == 404
    assert listed(alice, page=10**30)[0] == 404


def test_nobody_sees_another_tenants_calls(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    agent = alice.agent(assistant_id="asst")
    call = call_row(agent, "c1")
    assert names(alice) == names(bob) == ["c1"]
    assert names(charlie) == names(charlie, call_ids=call.pk) == []
    for scope in ({"agent_id": agent.pk}, {"project_id": alice.project.pk}, {"assistant_id": "asst"}):
        assert listed(charlie, **scope)[0] == 404
        assert names(bob, **scope) == ["c1"]


def test_deleted_calls_that_keep_their_evaluations_are_out_of_sight(alice: Tenant) -> None:
    call_row(alice.agent(), "c1", deleted_at=timezone.now())
    assert names(alice) == []


def test_an_organizations_key_names_a_project_or_an_agent(alice: Tenant) -> None:
    wide = tenant("Acme", None)
    other = tenant("Acme", "Sales")
    agent = alice.agent()
    call = call_row(agent, "c1")
    call_row(other.agent(), "c2")
    status, answer = listed(wide)
    assert (status, list(answer)) == (400, ["project_id"])
    assert names(wide, project_id=alice.project.pk) == names(wide, agent_id=agent.pk) == ["c1"]
    assert names(wide, call_ids=call.pk) == ["c1"]
    assert names(alice) == ["c1"]


def test_the_window_is_thirty_days_unless_times_are_given(alice: Tenant) -> None:
    agent = alice.agent()
    now = timezone.now()
    old = call_row(agent, "old", timestamp=now - timedelta(days=40))
    call_row(agent, "new", timestamp=now - timedelta(days=29))
    call_row(agent, "ahead", timestamp=now + timedelta(minutes=5))
    assert names(alice) == ["ahead", "new"]
    assert names(alice, call_ids=old.pk) == ["old"]
    assert names(alice, timestamp_to=(now - timedelta(days=35)).isoformat()) == ["old"]
    window = {
        "timestamp_from": (now - timedelta(days=41)).isoformat(),
        "timestamp_to": (now - timedelta(days=20)).isoformat(),
    }
    assert names(alice, **window) == ["new", "old"]
    status, answer = listed(alice, timestamp_from=(now - timedelta(days=34)).isoformat())
    assert (status, list(answer)) == (400, ["timestamp_from"])


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"timestamp_from": "soon"}, 400),
        ({"timestamp_to": "a\x00"}, 400),
        ({"call_ids": "1,two"}, 400),
        ({"call_ids": "9" * 30}, 400),
        ({"agent_id": "9" * 30}, 404),
        ({"agent_id": "x"}, 404),
        ({"project_id": "\x00"}, 400),
        ({"assistant_id": "\x00"}, 400),
        ({"search": "\x00"}, 400),
        ({"page": "0"}, 404),
        ({"page": "x"}, 404),
        ({"page_size": "-1"}, 200),
    ],
)
def test_wrong_parameters(alice: Tenant, query: dict[str, str], status: int) -> None:
    found, answer = listed(alice, **query)
    assert found == status
    if status == 400:
        assert list(answer) == list(query)


def test_search_finds_part_of_a_call_id(alice: Tenant) -> None:
    agent = alice.agent()
    for name in ("abc-1", "ABC-2", "x%c"):
        call_row(agent, name)
    assert set(names(alice, search="bC")) == {"abc-1", "ABC-2"}
    assert names(alice, search="%") == ["x%c"]


def test_search_finds_callers_and_our_own_id(alice: Tenant) -> None:
    agent = alice.agent()
    call = call_row(agent, "abc", customer_number="+41791234567")
    call_row(agent, "xyz")
    assert names(alice, search="7912345") == names(alice, search=call.pk) == ["abc"]


def test_order(alice: Tenant) -> None:
    agent = alice.agent()
    for name, secs in (("b", 5), ("a", None), ("c", 5)):
        call_row(agent, name, duration_secs=secs)
    assert names(alice, ordering="duration") == ["b", "c", "a"]
    assert names(alice, ordering="-duration") == ["c", "b", "a"]
    assert names(alice, ordering="call_id") == ["a", "b", "c"]
    assert names(alice, ordering="timestamp") == ["b", "a", "c"]
    status, answer = listed(alice, ordering="feedback")
    assert (status, list(answer)) == (400, ["ordering"])


def test_every_field_and_op(alice: Tenant) -> None:
    one, two = alice.agent("Bookings"), alice.agent("Sales")
    first = call_row(one, "first", success=True, duration_secs=60, topic="Refund", is_reviewed=True)
    second = call_row(
        two, "second", success=False, duration_secs=120, call_ended_reason="customer-ended-call"
    )
    third = call_row(two, "third", duration_secs=None, customer_number="+41", dropoff_point="payment")
    CallLog.objects.filter(pk=second.pk).update(trace_id="a1b2c3", error_message="The judge was down.")
    sample = {
        "id": second.pk,
        "success": True,
        "is_reviewed": True,
        "duration": 60,
        "timestamp": second.timestamp.isoformat(),
        "created_at": second.created_at.isoformat(),
        "call_id": "second",
        "call_ended_reason": "customer-ended-call",
        "customer_number": "+41",
        "dropoff_point": "payment",
        "topic": "Refund",
        "trace_id": "a1b2c3",
        "error_message": "The judge was down.",
        "agent.id": two.pk,
        "agent.agent_name": "Sales",
    }
    assert set(sample) | {"transcript"} == set(FIELDS)
    everything = {"first", "second", "third"}
    for name, value in sample.items():
        equal = filtered(alice, leaf(name, "eq", value))
        assert equal < everything, name
        assert filtered(alice, leaf(name, "neq", value)) == everything - equal, name
        assert filtered(alice, leaf(name, "in", [value])) == equal, name
        unknown = filtered(alice, leaf(name, "isnull", True))
        assert filtered(alice, leaf(name, "isnull", False)) == everything - unknown, name
        if "contains" in FIELDS[name].ops:
            part = str(value)[1:4].upper()
            assert filtered(alice, leaf(name, "contains", part)) == equal, name
            assert filtered(alice, leaf(name, "startswith", str(value)[:3])) == equal, name
            assert filtered(alice, leaf(name, "startswith", part)) == set(), name
            assert filtered(alice, leaf(name, "endswith", str(value)[-3:])) == equal, name
        if "gte" in FIELDS[name].ops:
            more, less = filtered(alice, leaf(name, "gt", value)), filtered(alice, leaf(name, "lt", value))
            assert filtered(alice, leaf(name, "gte", value)) == more | equal, name
            assert filtered(alice, leaf(name, "lte", value)) == less | equal, name
            assert not more & less, name
    assert filtered(alice, leaf("duration", "isnull", True)) == {"third"}
    assert filtered(alice, leaf("success", "eq", None)) == {"third"}
    assert filtered(alice, leaf("topic", "isnull", True)) == {"second", "third"}
    assert filtered(alice, leaf("id", "gt", first.pk), leaf("id", "lt", third.pk)) == {"second"}


def test_conditions_are_joined_and_nested(alice: Tenant) -> None:
    agent = alice.agent()
    for n in range(4):
        call_row(agent, f"c{n}", duration_secs=n, success=n % 2 == 0)
    even_or_long = {"operator": "or", "conditions": [leaf("success", "eq", True), leaf("duration", "gte", 3)]}
    assert filtered(alice, even_or_long) == {"c0", "c2", "c3"}
    assert filtered(alice, even_or_long, leaf("duration", "gt", 0)) == {"c2", "c3"}
    assert filtered(alice) == {"c0", "c1", "c2", "c3"}
    assert names(alice, filters_v2=json.dumps(leaf("call_id", "eq", "c1"))) == ["c1"]


def test_a_call_that_a_large_rerun_has_reset_counts_as_undecided(alice: Tenant) -> None:
    agent = alice.agent()
    done = call_row(agent, "done", success=True)
    call_row(agent, "reset", success=True)
    call_row(agent, "reviewed", success=True, is_reviewed=True)
    last = call_row(agent, "failed", success=False)
    rerun_row(
        agent, planned_at=None, resets_while_planning=True, planned_through=done.pk, last_call_id=last.pk
    )
    assert filtered(alice, leaf("success", "eq", True)) == {"done", "reviewed"}
    assert filtered(alice, leaf("success", "eq", False)) == set()
    assert filtered(alice, leaf("success", "in", [True, False])) == {"done", "reviewed"}
    assert filtered(alice, leaf("success", "isnull", True)) == {"reset", "failed"}
    assert filtered(alice, leaf("success", "isnull", False)) == {"done", "reviewed"}
    assert filtered(alice, leaf("success", "neq", True)) == {"reset", "failed"}
    shown = {item["call_id"]: item["success"] for item in listed(alice)[1]["results"]}
    assert shown == {"done": True, "reset": None, "reviewed": True, "failed": None}


DEEP: dict[str, Any] = leaf("id", "eq", 1)
for _ in range(MAX_DEPTH + 1):
    DEEP = {"operator": "and", "conditions": [DEEP]}


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ("{", "JSON"),
        ("[" * 5000, "JSON"),
        (7, "Expected"),
        (leaf("metadata.", "eq", 1), "key"),
        (leaf("metadata." + "k" * 101, "eq", 1), "100"),
        (leaf("metadata.tier", "regex", "g"), "regex"),
        (leaf("metadata.tier", "gt", "gold"), "metadata.tier"),
        (leaf("metadata.tier", "eq", {"a": 1}), "metadata.tier"),
        (leaf("metadata.tier", "in", 5), "list"),
        (leaf("metadata.tier", "isnull", "maybe"), "metadata.tier"),
        (leaf("metadata.tier", "eq", "\x00"), "metadata.tier"),
        (leaf("metric_evaluations.nothing", "eq", 1), "metric_evaluations.nothing"),
        (leaf("metric_evaluations.value", "regex", 1), "regex"),
        (leaf("metric_evaluations.value", "gt", "much"), "metric_evaluations.value"),
        (leaf("metric_evaluations.value", "isnull", True), "named metric"),
        (leaf("metric_evaluations.outcome", "eq", "great"), "scored"),
        (leaf("metric_evaluations.metric_id", "eq", 10**9), "no metric"),
        (leaf("metric_evaluations.metric_id", "in", []), "1 to"),
        (leaf("metric_evaluations.metric_id", "eq", True), "metric"),
        (leaf("transcript", "eq", "Hello"), "contains"),
        (leaf("timestamp", "gt", "now-7y"), "now-7d"),
        (leaf("timestamp", "gt", "now-999999w"), "1970"),
        ({"operator": "or", "conditions": [leaf("transcript", "contains", "a")] * 21}, "20"),
        (leaf("id", "contains", "1"), "contains"),
        (leaf("call_id", "regex", "1"), "regex"),
        (leaf("id", "eq", "one"), "id"),
        (leaf("id", "eq", 2**70), "id"),
        (leaf("id", "eq", [1]), "id"),
        (leaf("success", "eq", 5), "success"),
        (leaf("duration", "gt", "1e999"), "duration"),
        (leaf("timestamp", "gt", "soon"), "timestamp"),
        (leaf("call_id", "eq", "\x00"), "call_id"),
        (leaf("call_id", "eq", "\ud800"), "call_id"),
        (leaf("call_id", "eq", {"a": 1}), "call_id"),
        (leaf("call_id", "in", 5), "call_id"),
        (leaf("id", "in", list(range(1, 6_000))), "5000"),
        (leaf("topic", "isnull", "maybe"), "topic"),
        ({"field": "id", "op": "eq"}, "value"),
        ({"operator": "xor", "conditions": []}, "xor"),
        ({"operator": "and", "conditions": {}}, "list"),
        ({"operator": "and", "conditions": [leaf("id", "eq", 1)] * (MAX_CONDITIONS + 1)}, "200"),
        (DEEP, "nested"),
    ],
)
def test_filters_that_cannot_be_used_say_what_is_wrong(alice: Tenant, tree: Any, named: str) -> None:
    status, answer = listed(alice, filters_v2=tree if isinstance(tree, str) else json.dumps(tree))
    assert (status, list(answer)) == (400, ["filters_v2"])
    assert named in answer["filters_v2"][0]


NODES = st.recursive(
    st.fixed_dictionaries(
        {
            "field": st.sampled_from([*FIELDS, "nothing", "metadata.tier", "metadata.a.b"])
            | st.sampled_from([f"metric_evaluations.{name}" for name in ("value", "metric_id", "outcome")]),
            "op": st.sampled_from(
                ["eq", "neq", "gt", "lte", "contains", "startswith", "endswith", "in", "isnull"]
            ),
            "value": st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=5)
            | st.lists(st.integers() | st.text(max_size=3), max_size=3),
        }
    ),
    lambda inner: st.fixed_dictionaries(
        {"operator": st.sampled_from(["and", "or", "not"]), "conditions": st.lists(inner, max_size=3)}
    ),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=NODES)
def test_no_filter_is_a_server_error(alice: Tenant, tree: Any) -> None:
    if not CallLog.objects.exists():
        call_row(alice.agent(), "c1")
    assert listed(alice, filters_v2=json.dumps(tree))[0] in (200, 400)


@pytest.mark.parametrize("size", [1, 30])
def test_a_page_costs_the_same_number_of_queries_whatever_its_size(alice: Tenant, size: int) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Greeting")
    rerun = rerun_row(agent, metric)
    for n in range(size):
        result_row(call_row(agent, f"c{n}", success=True), metric, rerun, passed=True)
    listed(alice)
    with CaptureQueriesContext(connection) as queries:
        listed(alice, page_size=size, agent_id=agent.pk)
    # key, agent, count, page, watermarks, payloads, names, results, reviews
    assert len(queries) == 9

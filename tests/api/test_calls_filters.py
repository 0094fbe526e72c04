"""Filters that look beyond a call's own row: metadata, results of metrics, words, relative times."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callgauge.flow.call_metadata import index_metadata
from callgauge.store.models import CallLog, CallMetadata
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

URL = "/observability/v1/call-logs/"
pytestmark = pytest.mark.django_db


def leaf(field: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value, **more}


def found(who: Tenant, *conditions: dict[str, Any], operator: str = "and", **query: Any) -> set[str]:
    tree = {"operator": operator, "conditions": list(conditions)}
    response = who.client.get(URL, {"filters_v2": json.dumps(tree), "page_size": 100, **query})
    answer = json.loads(response.content)
    assert response.status_code == 200, answer
    names = {item["call_id"] for item in answer["results"]}
    assert answer["count"] == len(names) == len(answer["results"])
    return names


def with_metadata(who: Tenant, call_id: str, metadata: Any) -> CallLog:
    call = call_row(who.agent(), call_id)
    index_metadata(call.pk, json.dumps(metadata))
    return call


def test_metadata_by_value(alice: Tenant) -> None:
    with_metadata(alice, "gold", {"tier": "gold", "tries": 3, "vip": True, "spent": 12.5})
    with_metadata(alice, "silver", {"tier": "Silver", "tries": "4", "vip": False, "spent": None})
    with_metadata(alice, "none", {})
    tier, tries, vip, spent = "metadata.tier", "metadata.tries", "metadata.vip", "metadata.spent"
    assert found(alice, leaf(tier, "eq", "gold")) == {"gold"}
    assert found(alice, leaf(tier, "eq", "Gold")) == set()
    assert found(alice, leaf(tier, "neq", "gold")) == {"silver", "none"}
    assert found(alice, leaf(tier, "in", ["gold", "Silver"])) == {"gold", "silver"}
    assert found(alice, leaf(tier, "contains", "IL")) == {"silver"}
    assert found(alice, leaf(tier, "startswith", "s")) == {"silver"}
    assert found(alice, leaf(tier, "endswith", "LD")) == {"gold"}
    assert found(alice, leaf(tier, "isnull", True)) == {"none"}
    assert found(alice, leaf(tier, "eq", None)) == {"none"}
    assert found(alice, leaf(spent, "isnull", False)) == {"gold"}
    assert found(alice, leaf(tries, "gt", 3)) == {"silver"}
    assert found(alice, leaf(tries, "gte", "3")) == {"gold", "silver"}
    assert found(alice, leaf(tries, "eq", 4)) == found(alice, leaf(tries, "eq", "4")) == {"silver"}
    assert found(alice, leaf(tries, "in", [3.0, "4"])) == {"gold", "silver"}
    assert found(alice, leaf(vip, "eq", True)) == found(alice, leaf(vip, "eq", "true")) == {"gold"}
    assert found(alice, leaf(spent, "lt", 13)) == {"gold"}
    assert found(alice, leaf(tier, "eq", "gold"), leaf(tries, "gt", 3)) == set()
    assert found(alice, leaf(tier, "eq", "gold"), leaf(tries, "gt", 3), operator="or") == {"gold", "silver"}


def test_metadata_nested_and_in_lists(alice: Tenant) -> None:
    with_metadata(alice, "deep", {"customer": {"plan": {"name": "pro"}}, "tags": ["refund", "angry"]})
    with_metadata(alice, "flat", {"customer.plan.name": "free", "tags": []})
    assert found(alice, leaf("metadata.customer.plan.name", "eq", "pro")) == {"deep"}
    assert found(alice, leaf("metadata.customer.plan.name", "eq", "free")) == {"flat"}
    assert found(alice, leaf("metadata.tags", "eq", "angry")) == {"deep"}
    assert found(alice, leaf("metadata.tags", "neq", "angry")) == {"flat"}


def test_metadata_follows_the_call(alice: Tenant) -> None:
    agent = alice.agent()
    turns = [{"role": "Main Agent", "content": "Hello.", "start_time": 0, "end_time": 1}]
    sent = {"agent": agent.pk, "call_id": "c1", "transcript_type": "cekura", "transcript_json": turns}
    response = alice.client.post("/observability/v1/observe/", sent | {"metadata": {"tier": "gold"}})
    assert response.status_code == 201, response.content
    call = CallLog.objects.get(call_id="c1")
    assert found(alice, leaf("metadata.tier", "eq", "gold")) == {"c1"}
    alice.client.patch(f"{URL}{call.pk}/", {"metadata": {"tier": "silver", "more": 1}})
    assert found(alice, leaf("metadata.tier", "eq", "gold")) == set()
    assert found(alice, leaf("metadata.tier", "eq", "silver"), leaf("metadata.more", "eq", 1)) == {"c1"}
    alice.client.patch(f"{URL}{call.pk}/", {"feedback": "Fine."})
    assert found(alice, leaf("metadata.tier", "eq", "silver")) == {"c1"}
    organization = alice.project.organization
    organization.duplicate_calls = "update"
    organization.save()
    alice.client.post("/observability/v1/observe/", sent | {"metadata": {"tier": "bronze"}})
    assert found(alice, leaf("metadata.tier", "eq", "bronze"), leaf("metadata.more", "isnull", True)) == {
        "c1"
    }
    alice.client.delete(f"{URL}{call.pk}/?retain_evaluations=true")
    assert not CallMetadata.objects.exists()


def test_metadata_that_nobody_could_index_is_still_stored(alice: Tenant) -> None:
    wide = {f"k{n}": n for n in range(500)}
    odd = {"": 1, "k" * 200: 1, "long": "x" * 5_000, "nul\x00": "a\x00", "big": 10**300, "deep": {}}
    level = odd["deep"]
    for _ in range(20):
        level["deep"] = {}
        level = level["deep"]
    response = alice.client.post(
        "/observability/v1/observe/",
        {
            "agent": alice.agent().pk,
            "call_id": "c1",
            "transcript_type": "cekura",
            "transcript_json": [{"role": "Main Agent", "content": "Hi", "start_time": 0, "end_time": 1}],
            "metadata": odd | wide,
        },
    )
    assert response.status_code == 201, response.content
    assert found(alice, leaf("metadata.long", "startswith", "xxx"), leaf("metadata.k0", "eq", 0)) == {"c1"}
    assert CallMetadata.objects.count() == 200
    shown = json.loads(alice.client.get(URL + str(CallLog.objects.get().pk)).content)["metadata"]
    assert (shown["long"], shown["k499"]) == ("x" * 5_000, 499)


def test_values_of_metrics(alice: Tenant) -> None:
    agent = alice.agent()
    goal = metric_row(alice.project, "Goal reached")
    csat = metric_row(alice.project, "CSAT", "continuous_qualitative")
    mood = metric_row(alice.project, "Mood", "enum")
    rerun = rerun_row(agent, goal, csat, mood)
    good, bad, odd = (call_row(agent, name) for name in ("good", "bad", "odd"))
    call_row(agent, "new")
    result_row(good, goal, rerun, passed=True)
    result_row(bad, goal, rerun, passed=False)
    result_row(odd, goal, rerun, outcome="skipped", reason="not_applicable")
    result_row(good, csat, rerun, number=4.5)
    result_row(bad, csat, rerun, number=2)
    result_row(odd, csat, rerun, outcome="failed", reason="judge_unavailable")
    result_row(good, mood, rerun, label="calm")
    result_row(bad, mood, rerun, label="angry")
    value = "metric_evaluations.value"

    def by(metric: Any, op: str, wanted: Any) -> set[str]:
        alone = found(alice, leaf(value, op, wanted, metric_id=metric))
        beside = found(alice, leaf("metric_evaluations.metric_id", "eq", metric), leaf(value, op, wanted))
        assert alone == beside
        return alone

    for name in (goal.pk, str(goal.pk), "goal-reached", "Goal Reached"):
        assert by(name, "eq", True) == by(name, "eq", 5) == by(name, "eq", "true") == {"good"}
    assert by(goal.pk, "neq", True) == by(goal.pk, "eq", 0) == by(goal.pk, "lt", 3) == {"bad"}
    assert by(goal.pk, "isnull", True) == {"odd", "new"}
    assert by(goal.pk, "isnull", False) == by(goal.pk, "in", [True, False]) == {"good", "bad"}
    assert by(csat.pk, "gte", 4) == {"good"}
    assert by("csat", "lt", 4.5) == by("CSAT", "eq", "2") == {"bad"}
    assert by(csat.pk, "neq", 2) == {"good"}
    assert by(mood.pk, "eq", "angry") == by(mood.pk, "contains", "ANG") == {"bad"}
    assert by(mood.pk, "in", ["calm", "angry"]) == {"good", "bad"}
    assert found(alice, leaf(value, "eq", True)) == found(alice, leaf(value, "eq", "calm")) == {"good"}
    assert found(alice, leaf(value, "eq", 5)) == found(alice, leaf(value, "gt", 4)) == {"good"}
    outcome, reason = "metric_evaluations.outcome", "metric_evaluations.reason"
    assert found(alice, leaf(outcome, "eq", "failed")) == {"odd"}
    assert found(alice, leaf(outcome, "neq", "scored", metric_id=goal.pk)) == {"odd"}
    assert found(alice, leaf(reason, "in", ["judge_unavailable"], metric_id=csat.pk)) == {"odd"}
    assert found(alice, leaf(reason, "eq", "judge_unavailable", metric_id=goal.pk)) == set()


def test_conditions_of_one_group_speak_of_one_result(alice: Tenant) -> None:
    agent = alice.agent()
    goal, polite = metric_row(alice.project, "Goal"), metric_row(alice.project, "Polite")
    rerun = rerun_row(agent, goal, polite)
    call = call_row(agent, "c1")
    result_row(call, goal, rerun, passed=True)
    result_row(call, polite, rerun, passed=False)
    metric, value = "metric_evaluations.metric_id", "metric_evaluations.value"
    assert found(alice, leaf(metric, "eq", goal.pk), leaf(value, "eq", False)) == set()
    assert found(alice, leaf(metric, "eq", polite.pk), leaf(value, "eq", False)) == {"c1"}
    both = [leaf(value, "eq", True, metric_id=goal.pk), leaf(value, "eq", False, metric_id=polite.pk)]
    assert found(alice, *both) == {"c1"}
    two = {"operator": "and", "conditions": [leaf(metric, "eq", goal.pk), leaf(metric, "eq", polite.pk)]}
    response = alice.client.get(URL, {"filters_v2": json.dumps(two)})
    assert response.status_code == 400
    assert "group of its own" in json.loads(response.content)["filters_v2"][0]


def test_only_current_results_count(alice: Tenant) -> None:
    agent = alice.agent()
    goal = metric_row(alice.project, "Goal")
    call = call_row(agent, "c1")
    result_row(call, goal, rerun_row(agent, goal), passed=False, is_current=False)
    result_row(call, goal, rerun_row(agent, goal), passed=True)
    assert found(alice, leaf("metric_evaluations.value", "eq", False, metric_id=goal.pk)) == set()


def test_a_foreign_metric_looks_like_a_missing_one(alice: Tenant, charlie: Tenant) -> None:
    goal = metric_row(alice.project, "Goal")
    answers = []
    for number in (goal.pk, goal.pk + 1_000):
        text = json.dumps(leaf("metric_evaluations.value", "eq", True, metric_id=number))
        response = charlie.client.get(URL, {"filters_v2": text})
        assert response.status_code == 400
        answers.append(response.content.decode().replace(str(number), "N"))
    assert answers[0] == answers[1]


def test_no_filter_reaches_across_the_wall(alice: Tenant, charlie: Tenant) -> None:
    with_metadata(alice, "hers", {"tier": "gold"})
    with_metadata(charlie, "his", {"tier": "gold"})
    for condition in (
        leaf("metadata.tier", "eq", "gold"),
        leaf("metadata.tier", "neq", "iron"),
        leaf("agent.agent_name", "eq", "Bookings"),
        leaf("transcript", "contains", "morning"),
        leaf("id", "gt", 0),
    ):
        assert found(alice, condition) == {"hers"}
        assert found(charlie, condition) == {"his"}


def test_words_of_the_transcript(alice: Tenant) -> None:
    agent = alice.agent()
    call_row(agent, "refund", payload={"transcript": "[00:00] Testing Agent: A refund, please. 100%"})
    call_row(agent, "other")
    assert found(alice, leaf("transcript", "contains", "REFUND")) == {"refund"}
    assert found(alice, leaf("transcript", "contains", "100%")) == {"refund"}
    assert found(alice, leaf("transcript", "contains", "0_%")) == set()


def test_times_told_from_now(alice: Tenant) -> None:
    agent = alice.agent()
    now = timezone.now()
    for hours in (1, 30, 24 * 10):
        call_row(agent, f"h{hours}", timestamp=now - timedelta(hours=hours))
    assert found(alice, leaf("timestamp", "gte", "now-7d")) == {"h1", "h30"}
    assert found(alice, leaf("timestamp", "lt", "NOW - 90m")) == {"h30", "h240"}
    assert found(alice, leaf("timestamp", "lt", "now+1h"), leaf("timestamp", "gt", "now-1w")) == {"h1", "h30"}
    assert found(alice, leaf("timestamp", "gt", "now")) == set()


def test_durations_as_they_are_shown(alice: Tenant) -> None:
    agent = alice.agent()
    call_row(agent, "short", duration_secs=59)
    call_row(agent, "long", duration_secs=61)
    assert (
        found(alice, leaf("duration", "gt", "01:00")) == found(alice, leaf("duration", "gt", 60)) == {"long"}
    )


def test_a_list_of_conditions_is_an_and(alice: Tenant) -> None:
    call_row(alice.agent(), "c1", success=True, duration_secs=10)
    text = json.dumps([leaf("success", "eq", True), leaf("duration", "gt", 60)])
    assert json.loads(alice.client.get(URL, {"filters_v2": text}).content)["count"] == 0


def test_queries_do_not_grow_with_the_page_or_the_filter(alice: Tenant) -> None:
    agent = alice.agent()
    goal = metric_row(alice.project, "Goal")
    rerun = rerun_row(agent, goal)
    for n in range(30):
        call = call_row(agent, f"c{n}", success=False)
        index_metadata(call.pk, '{"tier": "gold", "tries": 2}')
        result_row(call, goal, rerun, passed=False)
    tree = {
        "operator": "and",
        "conditions": [
            {"operator": "or", "conditions": [leaf("success", "eq", False), leaf("duration", "gt", 60)]},
            leaf("metadata.tier", "eq", "gold"),
            leaf("metadata.tries", "lt", 3),
            leaf("metric_evaluations.value", "eq", False, metric_id=goal.pk),
        ],
    }
    found(alice)  # notes that the key was used
    counts = []
    for size in (1, 30):
        query = {"agent_id": agent.pk, "page_size": size, "filters_v2": json.dumps(tree)}
        with CaptureQueriesContext(connection) as queries:
            response = alice.client.get(URL, query)
        answer = json.loads(response.content)
        assert (answer["count"], len(answer["results"])) == (30, size)
        counts.append(len(queries))
    # key, agent, projects, pending resets, metrics, then as without a filter
    assert counts == [12, 12]

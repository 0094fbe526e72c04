"""Following a rerun."""

from __future__ import annotations

from django.db.models.functions import Now

from callgauge.store.models import Chunk, JudgeBatch, Rerun, SavedView
from tests.calls import make_call, make_calls, make_metric
from tests.tenants import Tenant

RERUN = "/observability/v1/call-logs/rerun_evaluation/"
URL = "/callgauge/v1/reruns"


def test_the_answer_of_a_rerun_names_where_to_follow_it(alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    asked = alice.client.post(RERUN, {"agent_id": agent.pk, "call_logs": "all"})
    shown = alice.client.get(f"{URL}/{asked['X-Callgauge-Rerun']}/").json()
    assert (shown["state"], shown["total_calls"], shown["total"], shown["scored"]) == ("planned", 3, 3, 0)
    assert shown["calls"] == "all"
    Rerun.objects.update(scored=2, failed=1, state="done", cost_usd=0.25)
    shown = alice.client.get(f"{URL}/{asked['X-Callgauge-Rerun']}").json()
    assert (shown["state"], shown["scored"], shown["failed"], shown["cost_usd"]) == ("done", 2, 1, 0.25)


def test_what_waits_at_a_provider_is_counted(alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    number = alice.client.post(RERUN, {"agent_id": agent.pk, "call_logs": "all"})["X-Callgauge-Rerun"]
    chunk = Chunk.objects.get()
    for step in ("created", "waiting", "ended"):
        JudgeBatch.objects.create(
            uid=step, rerun_id=chunk.rerun_id, chunk=chunk, keys="[]", questions=2, step=step, due_at=Now()
        )
    shown = alice.client.get(f"{URL}/{number}").json()
    assert shown["waiting_at_provider"] == {"batches": 2, "questions": 4}
    JudgeBatch.objects.update(step="ended")
    shown = alice.client.get(URL).json()["results"][0]
    assert shown["waiting_at_provider"] == {"batches": 0, "questions": 0}


def test_the_list_is_paginated_newest_first_and_leaves_live_calls_out(alice: Tenant) -> None:
    agent = alice.agent()
    other = alice.agent("Sales")
    calls = make_calls(agent, 2)
    live = {"agent": agent.pk, "call_id": "live"}
    assert alice.client.post("/observability/v1/observe/", live).status_code == 201
    for call in calls:
        alice.client.post(RERUN, {"agent_id": agent.pk, "call_logs": [call.pk]})
    alice.client.post(RERUN, {"agent_id": other.pk, "call_logs": "all"})
    page = alice.client.get(URL, {"page_size": 2}).json()
    assert page["count"] == 3
    assert [row["agent"] for row in page["results"]] == [other.pk, agent.pk]
    assert alice.client.get(URL, {"agent_id": agent.pk}).json()["count"] == 2


def test_nobody_sees_anothers_reruns(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    make_call(agent, "one")
    asked = alice.client.post(RERUN, {"agent_id": agent.pk, "call_logs": "all"})
    number = asked["X-Callgauge-Rerun"]
    assert charlie.client.get(URL).json()["count"] == 0
    assert charlie.client.get(f"{URL}/{number}").status_code == 404
    assert charlie.client.get(f"{URL}/{number}").json() == charlie.client.get(f"{URL}/999999").json()
    assert charlie.client.get(URL, {"agent_id": agent.pk}).status_code == 404
    assert charlie.client.get(f"{URL}/{'9' * 30}").status_code == 404


def test_a_plan_stores_nothing_and_names_what_it_would_do(alice: Tenant) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    calls = make_calls(agent, 3)
    body = {"agent_id": agent.pk, "call_logs": [call.pk for call in calls[:2]], "metrics": [metric.pk]}
    plan = alice.client.post(f"{URL}/plan/", body, format="json").json()
    assert (plan["total_calls"], plan["total"], plan["to_measure"], plan["reused"]) == (2, 2, 2, 0)
    assert plan["states"]["new"] == 2
    assert plan["metrics"][0]["name"] == "Confirms"
    assert plan["summary"].startswith("2 calls, 1 metric: 2 results to measure.")
    assert not Rerun.objects.exists()
    assert set(plan) >= {"judge_requests", "input_tokens", "output_tokens", "cost_usd", "secs"}


def test_starting_and_steering(alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    body = {"agent_id": agent.pk, "call_logs": "all", "reuse": "current", "max_cost_usd": 2.5}
    started = alice.client.post(f"{URL}/", body, format="json")
    assert started.status_code == 201
    rerun = started.json()
    assert (rerun["state"], rerun["reuse"], rerun["max_cost_usd"]) == ("planned", "current", 2.5)
    again = alice.client.post(f"{URL}/", body, format="json")
    assert (again.status_code, again.json()["id"]) == (200, rerun["id"])
    item = f"{URL}/{rerun['id']}"
    assert alice.client.get(item).json().keys() == rerun.keys()
    for action, state in (("pause", "paused"), ("pause", "paused"), ("resume", "planned")):
        changed = alice.client.post(f"{item}/{action}/", {}, format="json")
        assert (changed.status_code, changed.json()["state"]) == (200, state)
    assert alice.client.post(f"{item}/retry-failed/", {}, format="json").status_code == 409
    assert alice.client.post(f"{item}/cancel", {}, format="json").json()["state"] == "cancelled"
    refused = alice.client.post(f"{item}/resume/", {}, format="json")
    assert (refused.status_code, refused.json()) == (
        409,
        {"detail": f"Rerun {rerun['id']} is cancelled: it cannot be resumed any more."},
    )
    refused = alice.client.post(f"{item}/retry_failed/", {}, format="json")
    assert refused.status_code == 400
    assert alice.client.get(URL, {"state": "cancelled"}).json()["count"] == 1
    assert alice.client.get(URL, {"state": "gone"}).status_code == 400


def test_filters_and_times_narrow_a_selection(alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    calls = make_calls(agent, 4)
    for number, call in enumerate(calls):
        call.duration_secs = 60.0 * number
        call.timestamp = call.timestamp.replace(year=2020 + number)
        call.save()
    longer = {"operator": "and", "conditions": [{"field": "duration", "op": "gt", "value": 60}]}

    def planned(**more: object) -> int:
        body = {"agent_id": agent.pk, "call_logs": "all", **more}
        answer = alice.client.post(f"{URL}/plan/", body, format="json")
        assert answer.status_code == 200, answer.json()
        return int(answer.json()["total_calls"])

    assert planned() == 4
    assert planned(filters=longer) == 2
    assert planned(since="2021-01-01T00:00:00Z", until="2023-01-01T00:00:00Z") == 2
    assert planned(filters=longer, since="2023-01-01T00:00:00Z") == 1
    assert planned(filters=longer, call_logs=[calls[0].pk, calls[3].pk]) == 1
    body = {"agent_id": agent.pk, "call_logs": "all", "filters": longer, "until": "2020-02-01"}
    assert alice.client.post(f"{URL}/", body, format="json").json() == {
        "filters": ["No call of this agent fits."]
    }
    body["until"] = "2023-01-01"
    started = alice.client.post(f"{URL}/", body, format="json").json()
    assert started["total_calls"] == 1
    assert started["narrowed"] == {"filters": longer, "until": "2023-01-01T00:00:00+00:00"}


def test_wrong_requests_change_nothing(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 1)
    good = {"agent_id": agent.pk, "call_logs": "all"}
    for wrong, field in (
        ({"reuse": "everything"}, "reuse"),
        ({"max_cost_usd": 0}, "max_cost_usd"),
        ({"max_cost_usd": "NaN"}, "max_cost_usd"),
        ({"max_cost_usd": True}, "max_cost_usd"),
        ({"since": "yesterday"}, "since"),
        ({"filters": {"operator": "nor"}}, "filters"),
        ({"metrics": [999]}, "metrics"),
        ({"call_logs": [999]}, "call_logs"),
        ({"call_logs": None}, "call_logs"),
    ):
        for path in ("", "plan/", "pilot/"):
            answer = alice.client.post(f"{URL}/{path}", good | wrong, format="json")
            assert (answer.status_code, list(answer.json())) == (400, [field]), (path, wrong)
    assert charlie.client.post(f"{URL}/", good, format="json").status_code == 404
    assert charlie.client.post(f"{URL}/plan/", good, format="json").status_code == 404
    assert not Rerun.objects.exists()
    pk = alice.client.post(f"{URL}/", good, format="json").json()["id"]
    for action in ("pause", "resume", "cancel", "retry_failed"):
        assert charlie.client.post(f"{URL}/{pk}/{action}/", {}, format="json").status_code == 404
    assert Rerun.objects.get().state == "planned"


def test_a_pilot_is_a_rerun_of_twenty_calls(alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 50)
    body = {"agent_id": agent.pk, "call_logs": "all", "reuse": "current"}
    pilot = alice.client.post(f"{URL}/pilot/", body, format="json")
    assert (pilot.status_code, pilot.json()["total_calls"]) == (201, 20)


def test_a_saved_view_picks_the_calls(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    SavedView.objects.create(project=alice.project, page="calls", name="The second", query="q=call-1")
    SavedView.objects.create(project=charlie.project, page="calls", name="Theirs", query="")
    body = {"agent_id": agent.pk, "call_logs": "all", "view": "The second"}
    assert alice.client.post(f"{URL}/plan/", body, format="json").json()["total_calls"] == 1
    started = alice.client.post(f"{URL}/", body, format="json").json()
    assert (started["total_calls"], started["narrowed"]) == (1, {"view": "The second"})
    refused = alice.client.post(f"{URL}/plan/", {**body, "view": "Theirs"}, format="json")
    assert refused.json() == {"view": ["There is no such saved view here. There are: “The second”."]}

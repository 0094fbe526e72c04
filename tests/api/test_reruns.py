"""Following a rerun."""

from __future__ import annotations

from django.db.models.functions import Now

from callgauge.store.models import Chunk, JudgeBatch, Rerun
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

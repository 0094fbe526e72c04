"""The pages of reruns: plan, start, steer, and what changed."""

from __future__ import annotations

import pytest

from callgauge.store.models import Rerun
from tests.call_rows import rerun_row, result_row
from tests.calls import make_calls, make_metric
from tests.people import People
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db


def test_plan_start_and_steer(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    form = {"agent": agent.pk, "reuse": "current", "max_cost": ""}
    planned = people.owner.client.post(people.path("reruns"), {**form, "plan": "1"})
    assert "3 results to measure" in planned.content.decode()
    assert not Rerun.objects.exists()
    started = people.owner.client.post(people.path("reruns"), {**form, "start": "1"})
    rerun = Rerun.objects.get()
    assert (started.status_code, started["Location"]) == (302, people.path(f"reruns/{rerun.pk}"))
    for action, state in (("pause", "paused"), ("resume", "planned"), ("cancel", "cancelled")):
        assert people.owner.client.post(people.path(f"reruns/{rerun.pk}/{action}")).status_code == 302
        assert Rerun.objects.get(pk=rerun.pk).state == state
    refused = people.viewer.client.post(people.path("reruns"), {**form, "start": "1"})
    assert refused.status_code == 403


def test_what_changed_is_shown_with_both_explanations(people: People, alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    calls = make_calls(agent, 30)
    first, second = rerun_row(agent, metric, state="done"), rerun_row(agent, metric, state="done")
    for number, call in enumerate(calls):
        old = result_row(call, metric, first, passed=True, is_current=False)
        result_row(call, metric, second, passed=number >= 10, previous_id=old.pk)
    shown = people.viewer.client.get(people.path(f"reruns/{second.pk}")).content.decode()
    assert "10 of 30 calls flipped, 10 to fail" in shown
    assert shown.count("Because.") == 20
    listed = people.viewer.client.get(people.path("reruns")).content.decode()
    assert f">{second.pk}</a>" in listed
    theirs = rerun_row(charlie.agent())
    assert people.owner.client.get(people.path(f"reruns/{theirs.pk}")).status_code == 404

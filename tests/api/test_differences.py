"""Differences, versions in use, shadows and noise over HTTP."""

from __future__ import annotations

import pytest

from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.store.models import CallLog, Metric, MetricResult, Rerun
from tests.call_rows import rerun_row, result_row
from tests.calls import make_calls, make_metric
from tests.tenants import Tenant

URL = "/callgauge/v1"


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    """Thirty calls, of which version 2 fails ten that version 1 passed."""
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    calls = make_calls(agent, 30)
    first = rerun_row(agent, metric)
    before = [result_row(call, metric, first, passed=True, is_current=False) for call in calls]
    edit_metric(metric, MetricChange(frozen={"description": "Did the agent confirm twice?"}))
    metric.refresh_from_db()
    second = rerun_row(agent, metric)
    for number, call in enumerate(calls):
        result_row(call, metric, second, passed=number >= 10, previous_id=before[number].pk)
    return metric


def test_what_a_rerun_changed(alice: Tenant, charlie: Tenant, metric: Metric) -> None:
    first, second = Rerun.objects.order_by("pk")
    found = alice.client.get(f"{URL}/reruns/{second.pk}/diff/").json()
    (one,) = found["metrics"]
    assert (one["n"], one["table"]["lost"], one["before_version"], one["after_version"]) == (30, 10, 1, 2)
    assert one["changed"][0]["field"] == "description"
    assert one["p_value"] == pytest.approx(2 / 2**10)
    assert one["flipped_calls"][0]["before"]["explanation"] == ["Because."]
    assert found["summary"].startswith("10 of 30 calls flipped, 10 to fail")
    against = alice.client.get(f"{URL}/reruns/{second.pk}/diff/", {"against": first.pk}).json()
    assert against["metrics"][0]["table"] == one["table"]
    versions = alice.client.get(f"{URL}/metrics/{metric.pk}/diff/", {"before": 1, "after": 2}).json()
    assert versions["metrics"][0]["table"] == one["table"]
    text = alice.client.get(f"{URL}/reruns/{second.pk}/diff.csv").content.decode()
    assert len(text.splitlines()) == 31
    assert charlie.client.get(f"{URL}/reruns/{second.pk}/diff/").status_code == 404
    assert charlie.client.get(f"{URL}/metrics/{metric.pk}/diff/?before=1&after=2").status_code == 404
    assert alice.client.get(f"{URL}/reruns/{second.pk}/diff/?against={second.pk}").status_code == 400


def test_using_another_version_moves_a_pointer_and_nothing_else(
    alice: Tenant, charlie: Tenant, metric: Metric
) -> None:
    results = list(MetricResult.objects.order_by("pk").values())
    address = f"{URL}/metrics/{metric.pk}/use/"
    assert charlie.client.post(address, {"version": 1}, format="json").status_code == 404
    assert alice.client.post(address, {"version": 9}, format="json").status_code == 404
    assert alice.client.post(address, {"version": 1}, format="json").json()["version"] == 1
    assert list(MetricResult.objects.order_by("pk").values()) == results
    edited = edit_metric(metric, MetricChange(frozen={"description": "And a third?"}))
    assert edited.current_version is not None
    assert edited.current_version.number == 3


def test_a_shadow_measures_calls_that_come_in_and_owes_no_verdict(
    alice: Tenant, charlie: Tenant, metric: Metric
) -> None:
    address = f"{URL}/metrics/{metric.pk}/shadow/"
    assert charlie.client.post(address, {"version": 1}, format="json").status_code == 404
    assert alice.client.post(address, {"version": 2}, format="json").status_code == 400
    started = alice.client.post(address, {"version": 1}, format="json")
    assert (started.status_code, started.json()["shadow"]["version"]) == (201, 1)
    agent = CallLog.objects.earliest("pk").agent_id
    live = {"agent": agent, "call_id": "live"}
    assert alice.client.post("/observability/v1/observe/", live).status_code == 201
    shadow = Rerun.objects.get(kind="shadow")
    assert (shadow.aside, shadow.metric_version_ids) == (True, [metric.versions.get(number=1).pk])
    assert CallLog.objects.get(call_id="live").pending_rerun_id == Rerun.objects.get(kind="live").pk
    assert alice.client.delete(address).status_code == 204
    assert alice.client.delete(address).status_code == 404


def test_noise_is_measured_beside_everything(alice: Tenant, charlie: Tenant, metric: Metric) -> None:
    agent = CallLog.objects.earliest("pk").agent_id
    body = {"agent_id": agent, "calls": 20, "times": 2}
    address = f"{URL}/metrics/{metric.pk}/noise/"
    assert charlie.client.post(address, body, format="json").status_code == 404
    assert alice.client.post(address, {**body, "times": 0}, format="json").status_code == 400
    made = alice.client.post(address, body, format="json").json()["reruns"]
    assert [(one["kind"], one["total"]) for one in made] == [("noise", 20), ("noise", 20)]
    assert not CallLog.objects.exclude(pending_rerun_id=None).exists()


def test_a_draft_is_no_version_in_use(alice: Tenant, charlie: Tenant, metric: Metric) -> None:
    address = f"{URL}/metrics/{metric.pk}/drafts/"
    body = {"description": "Did the agent confirm three times?"}
    assert charlie.client.post(address, body, format="json").status_code == 404
    made = alice.client.post(address, body, format="json")
    assert made.status_code == 201, made.json()
    assert (made.json()["version"], made.json()["draft"]) == (2, 3)
    assert alice.client.post(address, {}, format="json").status_code == 400

"""Figures over many calls: exact, walled off, and never a zero that nobody measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from callgauge.store.models import CallLog
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.calls import make_call
from tests.tenants import Tenant

URL = "/observability/v1/call-logs/analyze_call_logs/"


def test_figures_are_of_the_calls_that_the_list_would_show(alice: Tenant, charlie: Tenant) -> None:
    agent, other = alice.agent(), alice.agent(name="Other")
    now = timezone.now()
    for number, (success, secs) in enumerate([(True, 30.0), (True, 60.0), (False, None), (None, 90.0)]):
        call = make_call(agent, f"c{number}")
        CallLog.objects.filter(pk=call.pk).update(
            success=success,
            duration_secs=secs,
            timestamp=now - timedelta(days=number),
            call_ended_reason="hung up",
        )
    make_call(other, "elsewhere")
    make_call(charlie.agent(), "foreign")
    shown = alice.client.get(URL, {"agent_id": agent.pk}).json()
    assert (shown["total_calls"], shown["success_count"], shown["failure_count"]) == (4, 2, 1)
    assert shown["undecided_count"] == 1
    assert shown["success_rate"] == pytest.approx(2 / 3)
    assert (shown["average_duration"], shown["total_duration"]) == (60.0, 180.0)
    assert [row["calls"] for row in shown["calls_by_day"]] == [1, 1, 1, 1]
    assert shown["call_ended_reasons"] == [{"call_ended_reason": "hung up", "calls": 4}]
    filters = '{"field": "success", "op": "eq", "value": true}'
    assert alice.client.get(URL, {"filters_v2": filters}).json()["total_calls"] == 2


def test_nothing_measured_is_null(alice: Tenant) -> None:
    shown = alice.client.get(URL).json()
    assert shown["total_calls"] == 0
    for name in ("success_rate", "average_duration", "total_duration", "first_call"):
        assert shown[name] is None
    assert shown["metrics"] == []
    earliest = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    assert alice.client.get(URL, {"timestamp_from": earliest}).status_code == 400


def test_a_metric_has_a_rate_only_where_something_was_decided(alice: Tenant) -> None:
    agent = alice.agent()
    binary, rated = metric_row(alice.project, "B"), metric_row(alice.project, "R", "numeric")
    rerun = rerun_row(agent, binary, rated)
    for number in range(3):
        call = call_row(agent, f"c{number}")
        result_row(call, binary, rerun, passed=number == 0)
        result_row(call, rated, rerun, outcome="skipped", reason="not_applicable")
    first, second = alice.client.get(URL).json()["metrics"]
    assert (first["name"], first["scored"], first["pass_rate"]) == ("B", 3, pytest.approx(1 / 3))
    assert (second["skipped"], second["pass_rate"], second["average"]) == (3, None, None)

"""What lists can be filtered by, and what is offered while somebody types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callgauge.flow.call_metadata import index_metadata
from tests.call_rows import call_row, metric_row
from tests.tenants import Tenant

FAMILY = "/observability/v1/call-logs"
pytestmark = pytest.mark.django_db


def get(who: Tenant, name: str, **query: Any) -> Any:
    response = who.client.get(f"{FAMILY}/{name}", query)
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def test_fields_and_values(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Mood", "enum", labels=["calm", "angry"])
    for name, tier in (("c1", "gold"), ("c2", "gold"), ("c3", "silver")):
        call = call_row(agent, name, topic="refund", call_ended_reason="hung up")
        index_metadata(call.pk, json.dumps({"tier": tier}))
    found = get(alice, "filters", project_id=alice.project.pk)
    assert {"field": "success", "type": "boolean", "ops": ["eq", "neq", "in", "isnull"]} in found["fields"]
    assert "metadata.tier" in {field["field"] for field in found["fields"]}
    assert found["metadata"] == [{"key": "tier", "values": ["gold", "silver"]}]
    assert found["values"] == {"call_ended_reason": ["hung up"], "topic": ["refund"], "dropoff_point": []}
    assert found["agents"] == [{"id": agent.pk, "agent_name": "Bookings"}]
    assert [(one["id"], one["labels"]) for one in found["metrics"]] == [(metric.pk, ["calm", "angry"])]
    nothing = get(charlie, "filters")
    assert (nothing["metadata"], nothing["agents"], nothing["metrics"]) == ([], [], [])
    assert charlie.client.get(f"{FAMILY}/filters", {"agent_id": agent.pk}).status_code == 404


def test_suggestions(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    for name, number in (("abc-1", "+41"), ("abc-2", "+41"), ("x%", "+49"), ("y", "")):
        call_row(agent, name, customer_number=number)
    assert get(alice, "filters_call_id", search="BC-")["results"] == ["abc-1", "abc-2"]
    assert get(alice, "filters_call_id/", call_id="%")["results"] == ["x%"]
    assert get(alice, "filters_customer_number")["results"] == ["+41", "+49"]
    assert get(charlie, "filters_call_id")["results"] == []

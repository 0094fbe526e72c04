"""Alerts: kept, completed with defaults, walled off. None fires yet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tenants import Tenant, tenant

URL = "/observability/v1/alerts/"
ASK = {"type": "llm_judge", "eval_type": "binary", "description": "Was there a greeting?"}


def metric(tenant: Tenant, name: str = "Greeted") -> int:
    return int(tenant.client.post("/test_framework/v1/metrics/", {"name": name, **ASK}).json()["id"])


def made(tenant: Tenant, name: str = "Low", **said: Any) -> dict[str, Any]:
    body = {"name": name, "source_type": "metric", "source_id": metric(tenant, f"For {name}"), **said}
    answer = tenant.client.post(URL, body)
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("said", "source", "threshold"),
    [
        ({}, {"sub_type": "normal"}, {}),
        (
            {"source": {"sub_type": "threshold"}, "threshold": {"operator": "lt", "value": 3}},
            {"sub_type": "threshold", "window_size": 50},
            {"operator": "lt", "value": 3, "min_breaches": 1},
        ),
        (
            {"source": {"sub_type": "significant_change", "window_size": 10}, "preset": "aggressive"},
            {"sub_type": "significant_change", "window_size": 10},
            {"std_multiplier": 1.5, "ewma_alpha": 0.5, "direction": ""},
        ),
        (
            {"source": {"sub_type": "significant_change"}, "threshold": {"ewma_alpha": 0.2}},
            {"sub_type": "significant_change", "window_size": 50},
            {"std_multiplier": 2.0, "ewma_alpha": 0.2, "direction": ""},
        ),
    ],
)
def test_defaults_are_filled_in(
    alice: Tenant, said: dict[str, Any], source: dict[str, Any], threshold: dict[str, Any]
) -> None:
    shown = made(alice, **said)
    assert (shown["source"], shown["threshold"]) == (source, threshold)
    assert "preset" not in shown


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"source_type": "insight"}, "source_type"),
        ({"source_id": 999_999}, "source_id"),
        ({"source": []}, "source"),
        ({"source": {"sub_type": "insight_uptick"}}, "source"),
        ({"source": {"sub_type": "threshold", "window_size": 0}}, "source"),
        ({"source": {"sub_type": "threshold"}}, "threshold"),
        (
            {"source": {"sub_type": "threshold"}, "threshold": {"operator": "outside", "value": 3}},
            "threshold",
        ),
        (
            {
                "source": {"sub_type": "threshold"},
                "threshold": {"operator": "outside", "value": {"low": 3, "high": 1}},
            },
            "threshold",
        ),
        (
            {
                "source": {"sub_type": "threshold", "window_size": 5},
                "threshold": {"operator": "gt", "value": 3, "min_breaches": 6},
            },
            "threshold",
        ),
        ({"source": {"sub_type": "significant_change"}, "threshold": {"ewma_alpha": 0}}, "threshold"),
        ({"preset": "balanced"}, "preset"),
        ({"name": ""}, "name"),
        ({"project": 999_999}, "project"),
    ],
)
def test_nonsense_is_refused_with_its_field(alice: Tenant, said: dict[str, Any], field: str) -> None:
    body = {"name": "Low", "source_type": "metric", "source_id": metric(alice), **said}
    answer = alice.client.post(URL, body)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_an_edit_changes_what_it_mentions(alice: Tenant) -> None:
    pk = made(alice, source={"sub_type": "threshold"}, threshold={"operator": "lt", "value": 3})["id"]
    shown = alice.client.patch(f"{URL}{pk}/", {"enabled": False}).json()
    assert (shown["enabled"], shown["threshold"]["value"]) == (False, 3)
    shown = alice.client.patch(f"{URL}{pk}/", {"threshold": {"operator": "gt", "value": 4}}).json()
    assert shown["threshold"] == {"operator": "gt", "value": 4, "min_breaches": 1}
    shown = alice.client.patch(f"{URL}{pk}/", {"source": {"sub_type": "normal"}}).json()
    assert shown["threshold"] == {}
    assert alice.client.get(f"{URL}{pk}/").json()["source_object_name"] == "For Low"
    assert alice.client.delete(f"{URL}{pk}/").status_code == 204
    assert alice.client.get(f"{URL}{pk}/").status_code == 404


def test_the_list_is_narrowed_and_ordered(alice: Tenant) -> None:
    made(alice, "B low")
    made(alice, "A high", enabled=False)
    names = [one["name"] for one in alice.client.get(URL, {"ordering": "name"}).json()]
    assert names == ["A high", "B low"]
    assert [one["name"] for one in alice.client.get(URL, {"enabled": "true"}).json()] == ["B low"]
    assert [one["name"] for one in alice.client.get(URL, {"search": "HIGH"}).json()] == ["A high"]
    assert alice.client.get(URL, {"ordering": "metric__project"}).status_code == 400
    assert made(alice, "C")["id"]
    taken = {"name": "C", "source_type": "metric", "source_id": metric(alice, "Another")}
    assert list(alice.client.post(URL, taken).json()) == ["name"]


def test_the_review_says_that_nothing_fires(alice: Tenant) -> None:
    made(alice, "Low")
    shown = alice.client.get(f"{URL}review/", {"hours": 72}).json()
    assert shown["totals"] == {"alerts": 1, "enabled": 1, "triggers": 0}
    assert len(shown["timeline"]) == 24
    assert "none fires" in shown["detail"]
    for hours in ("0", "169", "x"):
        assert alice.client.get(f"{URL}review/", {"hours": hours}).status_code == 400


def test_an_alert_goes_with_its_metric_and_is_walled_off(alice: Tenant, charlie: Tenant) -> None:
    shown = made(alice)
    assert charlie.client.get(URL).json() == []
    for pk in (shown["id"], 999_999):
        for verb in ("get", "put", "patch", "delete"):
            assert getattr(charlie.client, verb)(f"{URL}{pk}/").json() == {"detail": "Not found."}
    boss = tenant("Acme", None)
    assert list(boss.client.post(URL, {"name": "x", "source_type": "metric", "source_id": 1}).json()) == [
        "project"
    ]
    alice.client.delete(f"/test_framework/v1/metrics/{shown['source_id']}/")
    assert alice.client.get(URL).json() == []

"""The document at /openapi.json: complete, sound, and true to the reference's names."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from rest_framework.test import APIClient

from callgauge.api.not_served import find_gap
from callgauge.api.openapi.document import ERRORS, document
from callgauge.api.openapi.paths import places
from callgauge.api.openapi.tables import OPERATIONS, PARTS, SCHEMAS
from callgauge.api.urls import urlpatterns

PLACES = list(places(urlpatterns))
DOCUMENT = document()
EVERY = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_every_route_is_in_the_document() -> None:
    served = {(place.name, method.upper()) for place in PLACES for method in place.methods()}
    assert served - OPERATIONS.keys() == set(), "write a line into api/openapi/table_*.py"
    assert OPERATIONS.keys() - served == set(), "these are served no longer"
    assert sum(len(part.OPERATIONS) for part in PARTS) == len(OPERATIONS), "a view stands in two tables"


def test_it_is_served_without_a_key_and_the_page_needs_no_network() -> None:
    client = APIClient()
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT
    page = client.get("/docs", HTTP_ACCEPT="text/html")
    text = page.content.decode()
    assert page.status_code == 200
    assert "://" not in text
    assert "<script>" not in text
    assert "style=" not in text
    assert "script-src 'self'" in page["Content-Security-Policy"]
    for asset in [part.split('"')[0] for part in text.split('src="')[1:]]:
        assert client.get(asset).status_code == 200


def test_operation_ids_are_unique_and_the_references() -> None:
    ids = [operation["operationId"] for _, _, operation in EVERY]
    assert len(set(ids)) == len(ids)
    paths = DOCUMENT["paths"]
    for path, method, name in [
        ("/observability/v1/call-logs/rerun_evaluation/", "post", "call-logs-rerun-evaluation-create"),
        ("/observability/v1/call-logs/", "get", "call-logs-list"),
        ("/test_framework/v1/metrics/{id}/", "get", "metrics-retrieve"),
        ("/test_framework/v1/metrics/", "get", "metrics-list"),
        ("/test_framework/v1/aiagents/{id}/", "patch", "aiagents-partial-update"),
    ]:
        assert paths[path][method]["operationId"] == name


def test_only_addresses_with_the_last_slash_and_nothing_that_is_not_served() -> None:
    for path, method, _ in EVERY:
        assert path.endswith("/")
        assert find_gap(method.upper(), path) is None


def test_the_tolerance_is_told() -> None:
    rerun = DOCUMENT["paths"]["/observability/v1/call-logs/rerun_evaluation/"]["post"]
    body = rerun["requestBody"]["content"]["application/json"]["schema"]
    valid = jsonschema_rs.validator_for({**body, "components": DOCUMENT["components"]}).is_valid
    for said in (
        {"agent_id": 1, "call_logs": [1, "2"]},
        {"agent_id": "1", "call_logs": "all"},
        {"assistant_id": "asst", "call_logs": 3, "something": "else"},
    ):
        assert valid(said), said
    assert not valid({"agent_id": 1})
    assert "oneOf" in DOCUMENT["components"]["schemas"]["CallLogs"]
    assert set(rerun["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }


@pytest.mark.parametrize(("path", "method", "operation"), EVERY, ids=lambda value: str(value)[:80])
def test_every_operation_is_sound(path: str, method: str, operation: Any) -> None:
    named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
    assert {one["name"] for one in operation["parameters"] if one["in"] == "path"} == named
    assert any(status.startswith("2") for status in operation["responses"])
    for status, answer in operation["responses"].items():
        assert int(status) < 300 or int(status) in {*ERRORS, 416}
        for content in answer.get("content", {}).values():
            check(content.get("schema", {}))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        check(content["schema"])
    for parameter in operation["parameters"]:
        check(parameter["schema"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_sound(name: str) -> None:
    check(SCHEMAS[name])


def check(schema: Any) -> None:
    """It is a JSON Schema, and what it refers to is there."""
    jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})

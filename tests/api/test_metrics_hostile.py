"""Whatever is sent to the routes of projects, agents, metrics and organizations: never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from callgauge.api import agents, metrics, organizations, predefined, projects
from callgauge.api.agents_shape import AgentShape, AgentV2Shape
from callgauge.api.fields import Shape
from callgauge.api.metrics_shape import MetricShape
from callgauge.api.projects import ProjectShape
from tests.tenants import Tenant, tenant

PROJECTS = "/user/v1/projects"
V1_AGENTS, V2_AGENTS = "/test_framework/v1/aiagents", "/test_framework/v2/aiagents"
V1_METRICS, V2_METRICS = "/test_framework/v1/metrics", "/test_framework/v2/metrics"
LISTS = [
    PROJECTS,
    V1_AGENTS,
    V2_AGENTS,
    f"{V1_AGENTS}/short_list",
    f"{V2_AGENTS}/short_list",
    V1_METRICS,
    V2_METRICS,
    "/user/organizations",
    "/user/v2/organizations",
    "/test_framework/v1/predefined-metrics",
]
ONES = [PROJECTS, V1_AGENTS, V2_AGENTS, V1_METRICS, V2_METRICS]
WRITES = [
    ("post", PROJECTS),
    ("post", V1_AGENTS),
    ("post", V2_AGENTS),
    ("post", V1_METRICS),
    ("post", V2_METRICS),
    ("post", V1_METRICS + "/bulk_create"),
    ("post", "/user/api/v1/user-api-key"),
    ("post", "/test_framework/v1/predefined-metrics/copy"),
    ("patch", PROJECTS + "/{project}"),
    ("put", PROJECTS + "/{project}"),
    ("patch", V1_AGENTS + "/{agent}"),
    ("put", V1_AGENTS + "/{agent}"),
    ("patch", V2_AGENTS + "/{agent}"),
    ("put", V2_AGENTS + "/{agent}"),
    ("patch", V1_METRICS + "/{metric}"),
    ("put", V1_METRICS + "/{metric}"),
    ("patch", V2_METRICS + "/{metric}"),
    ("post", V1_METRICS + "/{metric}/restore"),
]
BODIES = [
    b"",
    b"not json",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"[1]",
    b'"text"',
    b"5",
    b'{"name": NaN}',
    b"[" * 100_000,
    b'{"a": ' * 5_000 + b"1" + b"}" * 5_000,
]
VALUES = [
    "\x00",
    "a\x00b",
    "\ud800",
    "x" * 300,
    "",
    " ",
    "🦊" * 10,
    "-1",
    "9" * 30,
    "null",
    "[",
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    2**31,
    2**63,
    10**300,
    [],
    [None],
    ["\x00"],
    ["\ud800"],
    [2**70],
    [[[]]],
    [True],
    {},
    {"\x00": 1},
    {"\ud800": 1},
    {"a": 2**70},
    {"": {"": ""}},
    {"type": [], "config": 5, "inbound": {}, "credentials": [], "chat_agent_details": 5},
]
SHAPES: dict[str, type[Shape]] = {
    PROJECTS: ProjectShape,
    V1_AGENTS: AgentShape,
    V2_AGENTS: AgentV2Shape,
    V2_METRICS: MetricShape,
}
VALID = {
    PROJECTS: {"name": "New"},
    V1_AGENTS: {"agent_name": "New"},
    V2_AGENTS: {"name": "New"},
    V2_METRICS: {"name": "New", "type": "llm_judge", "eval_type": "binary", "description": "?"},
}
NAME_OF = {PROJECTS: "name", V1_AGENTS: "agent_name", V2_AGENTS: "name", V2_METRICS: "name"}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": [value]}
    return value


@pytest.fixture
def boss(alice: Tenant) -> Tenant:
    boss = tenant("Acme", None)
    boss.client.raise_request_exception = False
    return boss


@pytest.fixture
def places(boss: Tenant, alice: Tenant) -> dict[str, int]:
    metric = alice.client.post(V1_METRICS, VALID[V2_METRICS]).data["id"]
    return {"project": alice.project.pk, "agent": alice.agent().pk, "metric": metric}


def send(client: APIClient, method: str, url: str, body: Any) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return getattr(client, method)(url, text, content_type="application/json")


def test_every_route_is_tried() -> None:
    families = [PROJECTS, V1_AGENTS, V2_AGENTS, V1_METRICS, V2_METRICS]
    tried = {*LISTS, *(url for _, url in WRITES), *(f"{url}/1" for url in families)}
    tried |= {"/user/v1/projects-external", f"{V2_METRICS}/1/history", f"{V1_METRICS}/1/history"}
    tried |= {
        f"{V2_METRICS}/1/restore",
        f"{V2_METRICS}/bulk_create",
        "/test_framework/v1/predefined-metrics/1",
        "/user/organizations/1",
    }
    paths = [url.format(project=1, agent=1, metric=1).lstrip("/") for url in tried]
    for module in (projects, agents, metrics, organizations, predefined):
        for route in module.routes:
            assert any(route.pattern.match(path) for path in paths), route


def kinds_of_fields(shape: type[Shape]) -> list[str]:
    """One field of each kind: fields of the same class with the same options are read by the same code."""
    kinds: dict[str, str] = {}
    for name, field in shape().fields.items():
        checked_apart = hasattr(shape, f"validate_{name}")
        kinds.setdefault(name if checked_apart else repr(field), name)
    return list(kinds.values())


@pytest.mark.parametrize(("method", "url"), WRITES)
def test_bodies_that_are_no_object(boss: Tenant, places: dict[str, int], method: str, url: str) -> None:
    for body in BODIES:
        response = send(boss.client, method, url.format_map(places), body)
        empty_is_fine = body == b"" and method == "patch"
        assert response.status_code == (200 if empty_is_fine else 400), response.content[:200]


@pytest.mark.parametrize("url", list(SHAPES))
def test_any_value_in_any_field(boss: Tenant, places: dict[str, int], url: str) -> None:
    """400 in the shape of the contract, or a sound answer that can be read again."""
    for field in kinds_of_fields(SHAPES[url]):
        for number, value in enumerate([*VALUES, nested(50), nested(200)]):
            named = {NAME_OF[url]: f"{field} {number}"}
            given = {**VALID[url], **named, "project": places["project"], field: value}
            response = send(boss.client, "post", url, given)
            assert response.status_code in (201, 400), (field, number)
            if response.status_code == 201:
                assert boss.client.get(f"{url}/{response.json()['id']}").status_code == 200
            else:
                errors = response.json()
                assert all(isinstance(messages, (list, dict)) for messages in errors.values()), errors
    assert boss.client.get(url).status_code == 200


@pytest.mark.parametrize("url", list(SHAPES))
def test_any_text_in_any_field_of_a_form(boss: Tenant, places: dict[str, int], url: str) -> None:
    for field in kinds_of_fields(SHAPES[url]):
        for value in ("a\x00b", "9" * 30, "nan", "[", "[1, null, {}]", "null"):
            named = {NAME_OF[url]: f"{field} {value}".replace("\x00", "")}
            given = {**VALID[url], **named, "project": places["project"], field: value}
            response = boss.client.post(url, given, format="multipart")
            assert response.status_code in (201, 400), (field, value)


@pytest.mark.parametrize("url", ONES)
def test_ids_that_no_row_has(boss: Tenant, url: str) -> None:
    for pk in ("0", "9" * 19, "9" * 30, "9" * 5_000, "٣", "1%00", "x%00y", "-1", "%ff", "%ED%A0%80"):
        for method in ("get", "put", "patch", "delete"):
            assert getattr(boss.client, method)(f"{url}/{pk}").status_code == 404, (method, pk[:40])


SCOPES = ("project_id", "organization_id", "agent_id", "assistant_id", "agents")
QUERIES = ("page", "page_size", "q", "search", *SCOPES, "slug", "filters", "include_scores")


@pytest.mark.parametrize("url", LISTS)
def test_any_query(boss: Tenant, url: str) -> None:
    for value in ("%00", "a%00b", "9" * 30, "9" * 5_000, "-1", "%ff", "%F0%9F%A6%8A", "1,%00", "null", "["):
        for name in QUERIES:
            response = boss.client.get(f"{url}?{name}={value}")
            assert response.status_code in (200, 400, 404), (name, value[:40])


def test_a_file_where_text_belongs(boss: Tenant, places: dict[str, int]) -> None:
    for url, shape in SHAPES.items():
        for field in kinds_of_fields(shape):
            file = SimpleUploadedFile("f.json", b"{}")
            response = boss.client.post(url, {**VALID[url], field: file}, format="multipart")
            assert response.status_code == 400, (url, field)


def test_unknown_fields_are_ignored(boss: Tenant, places: dict[str, int]) -> None:
    for url, valid in VALID.items():
        body = {
            **valid,
            "name": "Again",
            "agent_name": "Again",
            "project": places["project"],
            "nonsense": {"\x00": 1},
        }
        assert send(boss.client, "post", url, body).status_code == 201

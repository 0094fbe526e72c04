"""What the reference has and we do not: one table drives the answers and the docs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import Resolver404, resolve
from rest_framework.test import APIClient

from callgauge.api.not_served import GAPS, HEADER, Gap, as_markdown, find_gap
from tests.contract.client_routes import ClientRoute, client_routes
from tests.tenants import Tenant

DOCS = Path(__file__).parents[2] / "docs" / "not-served.md"
ROUTES = client_routes()


def serves(verb: str, path: str) -> bool:
    try:
        found = resolve(path)
    except Resolver404:
        return False
    if not found.kwargs.get("pk", "1").isdigit():
        return False  # not a route of its own: it reads as the slug of a metric
    view: Any = found.func
    return hasattr(getattr(view, "view_class", None), verb.lower())


def example(gap: Gap) -> tuple[str, str]:
    path = gap.path.replace("/**", "/anything/")
    for name in ("{id}", "{category_slug}"):
        path = path.replace(name, "1")
    return (gap.methods or ("GET",))[0], path


def test_the_client_has_the_routes_that_its_table_names() -> None:
    assert len(ROUTES) > 200
    assert (
        ClientRoute("calls.rerun_evaluation", "POST", "/observability/v1/call-logs/rerun_evaluation")
        in ROUTES
    )
    assert ClientRoute("agents.get", "GET", "/test_framework/v2/aiagents/{id}/") in ROUTES


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.method)
def test_each_request_of_the_client_is_served_or_said_not_to_be(route: ClientRoute) -> None:
    assert serves(route.verb, route.url()) or find_gap(route.verb, route.url()), f"{route.verb} {route.path}"


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: f"{gap.methods} {gap.path}")
def test_a_line_answers_404_and_says_why(alice: Tenant, gap: Gap) -> None:
    verb, path = example(gap)
    for form in (path, path.rstrip("/")):
        answer = getattr(alice.client, verb.lower())(form, {}, format="json")
        assert answer.status_code == 404
        assert answer[HEADER] == "1"
        assert answer.json() == {"detail": f"Callgauge does not serve {gap.what} yet; see docs/not-served.md"}


def test_no_line_stands_for_what_is_served() -> None:
    dead = [gap.path for gap in GAPS for verb in gap.methods if serves(verb, example(gap)[1])]
    assert not dead, "these are served now: take them out of GAPS"


def test_a_missing_row_is_not_a_missing_route(alice: Tenant) -> None:
    for answer in (alice.client.get("/test_framework/v2/aiagents/999/"), APIClient().get("/nothing/here/")):
        assert answer.status_code == 404
        assert HEADER not in answer


def test_the_docs_show_the_table() -> None:
    text = DOCS.read_text("utf-8")
    shown = text.split("<!-- table -->\n")[1].split("<!-- end of table -->")[0]
    assert shown == as_markdown(), "write callgauge.api.not_served.as_markdown() into docs/not-served.md"

"""The frame, its headers, its errors, and that the API has none of it."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callgauge.config import settings
from callgauge.store.models import RerunState
from callgauge.web.frame import present_frame
from tests.call_rows import metric_row, rerun_row
from tests.people import People
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db


def test_the_frame_takes_three_queries_however_much_there_is(
    people: People, alice: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    for _ in range(5):
        rerun_row(agent, metric, state=RerunState.RUNNING, total_calls=10, settled_calls=3)
    with django_assert_num_queries(3):  # projects, reruns, what waits for review
        frame = present_frame(people.owner.who, "calls")
    assert [(one.percent, one.done) for one in frame.running] == [(30, 3)] * 3
    assert [entry.name for entry in frame.entries if entry.active] == ["calls"]


def test_reruns_of_others_are_not_shown(people: People, charlie: Tenant) -> None:
    rerun_row(charlie.agent(), metric_row(charlie.project, "Courtesy"), state=RerunState.RUNNING)
    assert present_frame(people.owner.who, "calls").running == []


def test_pages_forbid_what_is_not_theirs(people: People) -> None:
    answer = people.owner.client.get(people.path("calls"))
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["Cache-Control"] == "private, no-cache"


def test_no_page_has_inline_scripts_or_styles(people: People) -> None:
    for path in ("/sign-in", "/account", people.path("calls"), people.path("settings/rubric"), "/nowhere"):
        text = people.owner.client.get(path).content.decode()
        assert "<style" not in text
        assert " style=" not in text
        assert "<script>" not in text
        assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize(("accept", "kind"), [("text/html,*/*", "text/html"), ("*/*", "application/json")])
def test_what_is_not_there_is_said_as_it_was_asked_for(db: None, accept: str, kind: str) -> None:
    answer = Client(HTTP_ACCEPT=accept).get("/nowhere")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith(kind)


def test_the_api_reads_no_session(alice: Tenant, people: People) -> None:
    """A cookie opens no door of the API, so that no other site can use one."""
    assert people.owner.client.get("/observability/v1/call-logs/").status_code in (401, 403)
    answer = alice.client.get("/observability/v1/call-logs/")
    assert "Set-Cookie" not in answer
    assert "Cookie" not in answer.get("Vary", "")
    assert "Content-Security-Policy" not in answer


def test_the_theme_is_known_before_the_first_paint(people: People) -> None:
    client = people.viewer.client
    answer = client.post("/theme", {"theme": "dark"}, HTTP_REFERER=f"http://testserver{people.path('calls')}")
    assert answer["Location"].endswith(people.path("calls"))
    assert 'data-theme="dark"' in client.get(people.path("calls")).content.decode()
    client.post("/theme", {"theme": '"><script>'})
    assert 'data-theme="dark"' in client.get(people.path("calls")).content.decode()


def test_cookies_are_for_this_site_only() -> None:
    assert settings.SESSION_COOKIE_SECURE is False, "there is no PUBLIC_URL in tests"
    assert settings.CSRF_COOKIE_HTTPONLY

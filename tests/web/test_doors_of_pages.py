"""This walks the table of pages, so none is forgotten: viewers change nothing, and forms from elsewhere pass
nowhere. tests/contract/test_walls.py does the same with the routes of the API."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import URLPattern

from callgauge.web.urls import urlpatterns
from tests.people import People

pytestmark = pytest.mark.django_db
OF_PROJECTS = [route for route in urlpatterns if "project_id" in str(route.pattern)]


def address(route: URLPattern, project_id: int) -> str:
    path = str(route.pattern).replace("<int:project_id>", str(project_id))
    return "/" + re.sub(r"<[^>]*>", "1", path)


def test_no_page_lets_a_viewer_write(people: People) -> None:
    """Refused before anything is looked up: nothing with these ids exists."""
    passed = []
    for route in OF_PROJECTS:
        status = people.viewer.client.post(address(route, people.project.pk)).status_code
        if status not in (403, 405):
            passed.append((route.name, status))
    assert passed == []
    assert len(OF_PROJECTS) > 40


def test_no_page_takes_a_form_from_elsewhere(people: People) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people.owner.user)
    for route in OF_PROJECTS:
        status = strict.post(address(route, people.project.pk)).status_code
        assert status in (403, 405), route.name

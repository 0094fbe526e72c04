"""The reruns that are running, as the top of every page shows them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from callgauge.flow.scope import Person
from callgauge.web.frame import running_reruns
from callgauge.web.page import project_page, show_part


@project_page()
def running(request: HttpRequest, who: Person) -> HttpResponse:
    return show_part(request, who, "web/fragments/running.html", {"running": running_reruns(who)})


routes = [path("projects/<int:project_id>/running", running, name="running")]

"""The list of calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from callgauge.flow.calls import calls_of
from callgauge.flow.scope import Person
from callgauge.store.call_queries import agent_names
from callgauge.store.models import CallLog
from callgauge.web.chips import Chip, verdict_chip
from callgauge.web.page import project_page, show

PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    call_id: str
    agent: str
    when: datetime
    duration_secs: float | None
    chip: Chip


def present_calls(calls: list[CallLog]) -> list[Row]:
    names = agent_names(calls)
    return [
        Row(
            id=call.pk,
            call_id=call.call_id,
            agent=names.get(call.agent_id or 0, ""),
            when=call.timestamp,
            duration_secs=call.duration_secs,
            chip=verdict_chip("not_evaluated"),
        )
        for call in calls
    ]


@project_page()
def calls(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    page = list(calls_of(who).order_by("-timestamp", "-id")[:PAGE])
    return show(request, who, "web/calls.html", {"rows": present_calls(page)}, active="calls")


@project_page()
def search(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    return HttpResponseRedirect(reverse("calls", args=[who.project_id]))


routes = [
    path("projects/<int:project_id>/calls", calls, name="calls"),
    path("projects/<int:project_id>/search", search, name="search"),
]

"""The overview: its address says window, agent and metric."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone

from callgauge.flow.difference_json import safe_cell
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.overview import DAYS, Figures, figures_of, window_of
from callgauge.flow.overview_marks import changes_in
from callgauge.flow.samples.project import is_samples
from callgauge.flow.scope import Person, agents_of, as_id, find_agent
from callgauge.web.overview.links import Links
from callgauge.web.overview.present import present
from callgauge.web.page import project_page, show
from callgauge.web.settings.places import project_of
from callgauge.web.start import has_calls

USUAL = "30d"
WINDOW_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
FIRST_BUDGET_SECS, FURTHER_BUDGET_SECS = 0.15, 1.0
"""The page opens with what could be counted in the first, and then asks for the rest."""
WHOLE_BUDGET_SECS = 60.0
"""For a file, which cannot be completed later."""


@dataclass(frozen=True, slots=True)
class Asked:
    window: str
    agent_id: int | None
    metric_id: int | None


def read_asked(who: Person, query: QueryDict) -> Asked:
    """What is no window is the usual one. Raises NotFound for a foreign agent."""
    window = query.get("window", "")
    agent = find_agent(who, query["agent"]).pk if query.get("agent") else None
    return Asked(window if window in DAYS else USUAL, agent, as_id(query.get("metric", "")))


@project_page()
def overview(request: HttpRequest, who: Person) -> HttpResponse:
    if not has_calls(who):
        return HttpResponseRedirect(reverse("start", args=[who.project_id]))
    asked = read_asked(who, request.GET)
    further = request.headers.get("HX-Request") == "true"
    figures = _figures(who, asked, FURTHER_BUDGET_SECS if further else FIRST_BUDGET_SECS)
    metrics = list(metrics_of(who))
    links = Links(project_of(who).pk, asked.window, asked.agent_id, figures.window.start)
    agents = dict(agents_of(who).order_by("name", "id").values_list("pk", "name"))
    context = {
        "asked": asked,
        "windows": WINDOW_WORDS.items(),
        "agents": agents.items(),
        "samples": is_samples(project_of(who)),
        "uncounted": figures.uncounted,
        "days": len(figures.buckets),
        "csv_address": links.csv,
        **present(
            figures, metrics, changes_in(figures, project_of(who), metrics), asked.metric_id, links, agents
        ),
    }
    return show(request, who, "web/overview.html", context, active="overview")


@project_page()
def as_csv(request: HttpRequest, who: Person) -> HttpResponse:
    """Every count behind the plots, a row for each day (or hour), metric, version and judge."""
    asked = read_asked(who, request.GET)
    figures = _figures(who, asked, WHOLE_BUDGET_SECS)
    names = {metric.pk: metric.name for metric in metrics_of(who)}
    out = StringIO()
    writer = csv.writer(out)
    columns = ("metric_id", "version_id", "judge", "scored", "skipped", "failed", "passed", "decided")
    further = ("numbers", "total", "cost_usd", "priced", "asked")
    writer.writerow(
        [
            "time_utc",
            "calls",
            "calls_passed",
            "calls_passed_unmeasured",
            "calls_failed",
            "metric",
            *columns,
            *further,
        ]
    )
    for bucket in figures.buckets:
        calls = bucket.calls
        head = [
            bucket.name,
            *([calls.calls, calls.passed, calls.unmeasured, calls.failed] if calls else [0, 0, 0, 0]),
        ]
        if not bucket.results:
            writer.writerow(head)
        for row in bucket.results:
            counts = [getattr(row, name) for name in (*columns, *further)]
            writer.writerow([*head, safe_cell(names.get(row.metric_id, "")), *counts])
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="overview-{asked.window}.csv"'
    return answer


def _figures(who: Person, asked: Asked, budget_secs: float) -> Figures:
    window = window_of(asked.window, timezone.now())
    return figures_of(project_of(who), asked.agent_id, window, budget_secs)


routes = [
    path("projects/<int:project_id>/overview", overview, name="overview"),
    path("projects/<int:project_id>/overview/figures.csv", as_csv, name="overview-csv"),
]

"""Reruns: the list with a plan, one rerun under way, and what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from callgauge.domain.money import usd
from callgauge.flow import control, rerun
from callgauge.flow.control import read_cap
from callgauge.flow.difference import difference_of
from callgauge.flow.difference_json import csv_of, present_difference
from callgauge.flow.errors import FlowError, Invalid, NotFound
from callgauge.flow.flip_votes import FlipVote, vote_on_flip
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.plan import PILOT_CALLS
from callgauge.flow.plan_words import duration, plan_words
from callgauge.flow.progress import progress_of
from callgauge.flow.reviewers import voter
from callgauge.flow.saved_views import CALLS_PAGE, views_of
from callgauge.flow.scope import Person, agents_of, as_id
from callgauge.store.models import ASKED_FOR, UNFINISHED, Rerun
from callgauge.web.page import project_page, say, show, show_part
from callgauge.web.reruns.difference import present_parts
from callgauge.web.reruns.form import OtherAgent, one_agent_of, plan_lines, read_asked, read_form

SHOWN = 50


@project_page("GET", "POST")
def reruns(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    """GET lists, with the form as the address fills it; POST plans, tries or starts."""
    agents = list(agents_of(who).order_by("name", "id"))
    given = request.POST if request.method == "POST" else request.GET
    form = read_form(who, given, agents)
    others: Sequence[OtherAgent] = ()
    starts = request.method == "POST" and ("start" in given or "pilot" in given)
    if not starts:
        form, others = one_agent_of(who, form, agents)
    plan, fault = None, ""
    if agents and (request.method == "POST" or "plan" in given):
        try:
            asked = read_asked(who, form)
            if starts:
                started = asked.start() if "start" in given else asked.try_some()
                return HttpResponseRedirect(reverse("rerun", args=[who.project_id, started.pk]))
            plan = asked.plan()
        except NotFound:
            fault = "There is no such agent here."
        except FlowError as error:
            fault = str(error)
    found = Rerun.objects.filter(project=who.project, kind__in=ASKED_FOR).select_related("agent")
    context = {
        "reruns": [_row(one) for one in found.order_by("-id")[:SHOWN]],
        "agents": agents,
        "metrics": [one for one in metrics_of(who) if one.observability_enabled],
        "views": views_of(who, CALLS_PAGE),
        "form": form,
        "form_agent": next((agent.name for agent in agents if agent.pk == form.agent), ""),
        "others": others,
        "plan": plan and plan_words(plan),
        "lines": plan_lines(plan) if plan else (),
        "large": plan is not None and plan.to_measure > PILOT_CALLS,
        "fault": fault,
    }
    return show(request, who, "web/reruns/list.html", context, active="reruns")


@project_page()
def one_rerun(request: HttpRequest, who: Person, pk: int, **captured: Any) -> HttpResponse:
    found, against = _find(who, pk), _against(request, who)
    csv_address = reverse("rerun-csv", args=[who.project_id, found.pk])
    if against is not None:
        csv_address += f"?against={against.pk}"
    difference = present_difference(difference_of(found, against))
    context = {
        "row": _row(found),
        "difference": difference,
        "parts": present_parts(difference, csv_address),
        "csv_address": csv_address,
        "against": against,
        "others": _comparable(found),
    }
    return show(request, who, "web/reruns/rerun.html", context, active="reruns")


@project_page()
def difference_csv(request: HttpRequest, who: Person, pk: int, **captured: Any) -> HttpResponse:
    text = csv_of(difference_of(_find(who, pk), _against(request, who)))
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="rerun-{pk}-difference.csv"'
    return answer


@project_page("POST")
def vote(request: HttpRequest, who: Person, pk: int, **captured: Any) -> HttpResponse:
    """Which of the two values of a flip is right."""
    found, against, said = _find(who, pk), _against(request, who), request.POST
    by = voter(who)
    try:
        vote_on_flip(
            who,
            found,
            call_id=said.get("call"),
            metric_id=said.get("metric"),
            said=said.get("vote"),
            by=by,
            against=against,
        )
        say(request, "Stored as a note." if said.get("vote") == FlipVote.UNSURE else "Stored as a review.")
    except Invalid as error:
        say(request, str(error))
    address = reverse("rerun", args=[who.project_id, found.pk])
    query = f"?against={against.pk}" if against else ""
    return HttpResponseRedirect(
        f"{address}{query}#flip-{as_id(said.get('metric'))}-{as_id(said.get('call'))}"
    )


@project_page()
def rerun_progress(request: HttpRequest, who: Person, pk: int, **captured: Any) -> HttpResponse:
    row = _row(_find(who, pk))
    context = {"row": row, "project_id": who.project_id}
    answer = show_part(request, who, "web/reruns/progress.html", context)
    if not row["unfinished"]:
        answer["HX-Refresh"] = "true"  # the difference is complete now
    return answer


@project_page("POST")
def steer(request: HttpRequest, who: Person, pk: int, action: str, **captured: Any) -> HttpResponse:
    found = _find(who, pk)
    try:
        match action:
            case "pause":
                control.pause(who, found)
            case "resume":
                control.resume(
                    who, found, max_cost_usd=read_cap(request.POST.get("max_cost", "").strip() or None)
                )
            case "cancel":
                control.cancel(who, found)
            case "retry-failed":
                rerun.count_against_limit(found.project)
                found = control.retry_failed(who, found)
            case _:
                raise Http404
    except FlowError as error:
        say(request, str(error))
    return HttpResponseRedirect(reverse("rerun", args=[who.project_id, found.pk]))


def _find(who: Person, pk: int) -> Rerun:
    rows = Rerun.objects.select_related("agent", "project")
    return get_object_or_404(rows, project=who.project, pk=pk)


def _against(request: HttpRequest, who: Person) -> Rerun | None:
    """The rerun to compare with, if the address names one."""
    named = as_id(request.GET.get("against"))
    return None if named is None else _find(who, named)


def _comparable(found: Rerun) -> list[Rerun]:
    """Earlier reruns of the agent that stored results."""
    rows = Rerun.objects.filter(project=found.project_id, agent=found.agent_id, kind__in=ASKED_FOR)
    return list(rows.filter(pk__lt=found.pk, scored__gt=F("reused")).order_by("-pk")[:SHOWN])


def _row(found: Rerun) -> dict[str, Any]:
    progress = progress_of(found)
    left = progress.secs_left
    return {
        "rerun": found,
        "progress": progress,
        "cost": progress.cost.words,
        "cap": None if found.max_cost_usd is None else usd(found.max_cost_usd),
        "left": "" if left is None else duration(left),
        "unfinished": found.state in UNFINISHED,
        "paused": found.state == "paused",
    }


routes = [
    path("projects/<int:project_id>/reruns", reruns, name="reruns"),
    path("projects/<int:project_id>/reruns/<int:pk>", one_rerun, name="rerun"),
    path("projects/<int:project_id>/reruns/<int:pk>/progress", rerun_progress, name="rerun-progress"),
    path("projects/<int:project_id>/reruns/<int:pk>/difference.csv", difference_csv, name="rerun-csv"),
    path("projects/<int:project_id>/reruns/<int:pk>/vote", vote, name="rerun-vote"),
    path("projects/<int:project_id>/reruns/<int:pk>/<str:action>", steer, name="rerun-steer"),
]

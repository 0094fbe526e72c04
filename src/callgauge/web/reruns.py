"""The pages of reruns: the list with a plan, one rerun under way, and what it changed."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from callgauge.flow import control, rerun
from callgauge.flow.difference import difference_of
from callgauge.flow.difference_json import present_difference
from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.plan import plan_for
from callgauge.flow.plan_words import duration, plan_words, usd
from callgauge.flow.progress import progress_of
from callgauge.flow.rerun import Terms
from callgauge.flow.scope import Person, as_id
from callgauge.flow.selection import Selection
from callgauge.store.models import ASKED_FOR, UNFINISHED, Agent, Rerun, Reuse
from callgauge.web.page import project_page, say, show, show_part

SHOWN = 50


@project_page("GET", "POST")
def reruns(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    """GET lists; POST plans, and with `start` starts what was planned."""
    agents = Agent.objects.filter(project=who.project).order_by("name")
    plan, fault, chosen = "", "", request.POST
    if request.method == "POST":
        agent = get_object_or_404(agents, pk=as_id(chosen.get("agent", "")) or 0)
        try:
            terms = _terms(chosen.get("reuse", ""), chosen.get("max_cost", "").strip())
            if "start" in chosen:
                assert who.project is not None
                rerun.count_against_limit(who.project)
                started = rerun.request_rerun(who, agent, Selection(), terms=terms).rerun
                return HttpResponseRedirect(reverse("rerun", args=[who.project_id, started.pk]))
            plan = plan_words(plan_for(agent, Selection(), None, terms))
        except FlowError as error:
            fault = str(error)
    found = Rerun.objects.filter(project=who.project, kind__in=ASKED_FOR).select_related("agent")
    context = {
        "reruns": [_row(one) for one in found.order_by("-id")[:SHOWN]],
        "agents": agents,
        "chosen": chosen,
        "plan": plan,
        "fault": fault,
    }
    return show(request, who, "web/reruns/list.html", context, active="reruns")


@project_page()
def one_rerun(request: HttpRequest, who: Person, pk: int, **captured: Any) -> HttpResponse:
    found = _find(who, pk)
    difference = present_difference(difference_of(found))
    for metric in difference["metrics"]:
        for flip in metric["flipped_calls"]:
            flip["sides"] = [_side(flip[side]) for side in ("before", "after")]
    context = {"row": _row(found), "difference": difference}
    return show(request, who, "web/reruns/rerun.html", context, active="reruns")


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
                control.resume(who, found, max_cost_usd=_dollars(request.POST.get("max_cost", "").strip()))
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


def _side(side: dict[str, Any]) -> tuple[str, str]:
    """The value in words, and its explanation."""
    value = side["value"]
    if isinstance(value, bool):
        words = "pass" if value else "fail"
    else:
        words = side["outcome"].replace("_", " ") if value is None else str(value)
    return words + (" (low trust)" if side["low_trust"] else ""), " ".join(map(str, side["explanation"]))


def _find(who: Person, pk: int) -> Rerun:
    rows = Rerun.objects.select_related("agent", "project")
    return get_object_or_404(rows, project=who.project, pk=pk)


def _row(found: Rerun) -> dict[str, Any]:
    progress = progress_of(found)
    left = progress.secs_left
    return {
        "rerun": found,
        "progress": progress,
        "cost": usd(progress.cost_usd),
        "cap": None if found.max_cost_usd is None else usd(found.max_cost_usd),
        "left": "" if left is None else duration(left),
        "unfinished": found.state in UNFINISHED,
        "paused": found.state == "paused",
    }


def _terms(reuse: str, cap: str) -> Terms:
    return Terms(reuse=Reuse(reuse if reuse in Reuse.values else ""), max_cost_usd=_dollars(cap))


def _dollars(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise Invalid.field("max_cost_usd", "Write a number of dollars above 0.") from None


routes = [
    path("projects/<int:project_id>/reruns", reruns, name="reruns"),
    path("projects/<int:project_id>/reruns/<int:pk>", one_rerun, name="rerun"),
    path("projects/<int:project_id>/reruns/<int:pk>/progress", rerun_progress, name="rerun-progress"),
    path("projects/<int:project_id>/reruns/<int:pk>/<str:action>", steer, name="rerun-steer"),
]

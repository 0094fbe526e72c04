"""The first run of a project: an agent, a key, the call to send, and word when it has come in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from callgauge.flow.agents import MAX_NAME, create_agent
from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.keys import make_key
from callgauge.flow.samples.project import load_samples, questions
from callgauge.flow.scope import Person, agents_of, find_agent
from callgauge.store.models import Agent, CallLog, Role
from callgauge.web.page import project_page, say, show, show_part
from callgauge.web.settings.places import faults_of, project_of, read_text, server_address

PLACEHOLDER = "$CEKURA_API_KEY"
"""Where the text of a key is not known: a shell puts it in."""


@project_page("GET", "POST")
def start(request: HttpRequest, who: Person) -> HttpResponse:
    """POST makes what is missing of agent and key. The key's text is in that answer only."""
    agent, secret, error = _first_agent(who), "", None
    if request.method == "POST":
        try:
            agent = _agent(request, who, agent)
            if who.role == Role.OWNER:
                _, secret = make_key(
                    who, project_of(who), f"First call of {agent.name}"[:MAX_NAME], Role.MEMBER
                )
        except FlowError as refused:
            error = refused
    context = {
        **_arrived(who),
        "agent": agent,
        "agents": agents_of(who).order_by("-id"),
        "secret": secret,
        "key": secret or PLACEHOLDER,
        "address": server_address(request),
        "faults": faults_of(error),
        "questions": questions() if settings.CALLGAUGE.judge else 0,
    }
    response = show(request, who, "web/start.html", context, active="overview", status=400 if error else 200)
    response["Cache-Control"] = "no-store"
    return response


@project_page()
def arrived(request: HttpRequest, who: Person) -> HttpResponse:
    return show_part(request, who, "web/fragments/arrived.html", _arrived(who))


@project_page("POST", owners_only=True)
def samples(request: HttpRequest, who: Person) -> HttpResponse:
    project = load_samples(who)
    say(
        request,
        "These are sample calls, in a project of their own. They are being measured now. Settings, Project "
        "deletes them.",
    )
    return HttpResponseRedirect(reverse("overview", args=[project.pk]))


def has_calls(who: Person) -> bool:
    return CallLog.objects.filter(project=project_of(who), deleted_at=None).exists()


def _arrived(who: Person) -> dict[str, Any]:
    first = CallLog.objects.filter(project=project_of(who), deleted_at=None).order_by("id").first()
    return {"first": first}


def _first_agent(who: Person) -> Agent | None:
    return agents_of(who).order_by("-id").first()


def _agent(request: HttpRequest, who: Person, there: Agent | None) -> Agent:
    """The chosen one, or a new one by the name that was typed. Raises Invalid and NotFound."""
    name = read_text(request.POST, "name", "A name", limit=MAX_NAME)
    if name:
        return create_agent(project_of(who), {"name": name}, {}, who=who)
    if request.POST.get("agent"):
        return find_agent(who, request.POST["agent"])
    if there is None:
        raise Invalid.field("name", "Give the agent a name.")
    return there


routes = [
    path("projects/<int:project_id>/start", start, name="start"),
    path("projects/<int:project_id>/start/arrived", arrived, name="start-arrived"),
    path("projects/<int:project_id>/start/samples", samples, name="start-samples"),
]

"""What the settings pages share: their tabs, who may open them, and the address of this server."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from callgauge.domain.storable import is_storable
from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.keys import MAX_NAME
from callgauge.flow.scope import Person
from callgauge.store.models import Project, Role
from callgauge.web.errors import trouble_of
from callgauge.web.page import show
from callgauge.web.tabs import Tab

TABS = (
    ("settings", "Agents"),
    ("settings-rubric", "Rubric"),
    ("settings-judge", "Judge"),
    ("settings-webhooks", "Webhooks"),
    ("settings-keys", "API keys"),
    ("settings-members", "People"),
    ("settings-project", "Project"),
)
OWNERS_ONLY = frozenset({"settings-keys", "settings-members"})


def project_of(who: Person) -> Project:
    assert who.project is not None
    return who.project


def show_settings(
    request: HttpRequest,
    who: Person,
    template: str,
    tab: str,
    context: dict[str, Any],
    *,
    error: FlowError | None = None,
) -> HttpResponse:
    """`error` is what the form that was sent was refused with."""
    tabs = [
        Tab(words, reverse(name, args=[who.project_id]), name == tab)
        for name, words in TABS
        if name not in OWNERS_ONLY or who.role == Role.OWNER
    ]
    context = {**context, "tabs": tabs, "faults": faults_of(error)}
    status = 200 if error is None else trouble_of(error).status
    return show(request, who, f"web/settings/{template}.html", context, active="settings", status=status)


def faults_of(error: FlowError | None) -> list[str]:
    if error is None:
        return []
    if isinstance(error, Invalid):
        return [text for texts in error.messages.values() for text in texts]
    return [trouble_of(error).what_to_do]


def read_text(said: QueryDict, name: str, words: str, *, limit: int = MAX_NAME, least: int = 0) -> str:
    """What stands in a field of a form, trimmed. Raises Invalid where it cannot be kept."""
    text = said.get(name, "").strip()
    if len(text) < least:
        raise Invalid.field(name, f"{words} is needed.")
    if len(text) > limit or not is_storable(text):
        raise Invalid.field(name, f"{words} may have at most {limit:,} ordinary characters.")
    return text


def to_tab(who: Person, tab: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(tab, args=[who.project_id]))


def server_address(request: HttpRequest) -> str:
    """How clients reach this server: as the operator says, else as this browser did."""
    public: str = settings.CALLGAUGE.public_url
    return (public or request.build_absolute_uri("/")).rstrip("/")

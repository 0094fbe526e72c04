"""The agents of a project: a list, and a form for one. Secrets are set here and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from callgauge.domain.agents import LANGUAGES, PHONE_PROVIDERS, key_name
from callgauge.flow.agents import MAX_NAME, create_agent, delete_agent, edit_agent
from callgauge.flow.errors import Invalid
from callgauge.flow.provider_calls import SECRETS_OF
from callgauge.flow.scope import Person, agents_of, find_agent
from callgauge.flow.webhooks.receivers import URL
from callgauge.formats import WEBHOOKS
from callgauge.store.models import Agent, CallLog
from callgauge.web.page import project_page, say
from callgauge.web.settings.places import project_of, read_text, server_address, show_settings, to_tab
from callgauge.web.settings.sealed import SecretField, read_address, read_secrets, webhook_secrets

MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Listed:
    agent: Agent
    provider: str
    language: str
    last_call: datetime | None


@project_page()
def agents(request: HttpRequest, who: Person) -> HttpResponse:
    newest = CallLog.objects.filter(agent=OuterRef("pk")).order_by("-timestamp").values("timestamp")[:1]
    found = agents_of(who).annotate(last_call=Subquery(newest)).order_by("name", "id")
    rows = [
        Listed(agent, _provider_name(agent), LANGUAGES.get(agent.language, agent.language), agent.last_call)
        for agent in found
    ]
    return show_settings(request, who, "agents", "settings", {"rows": rows})


@project_page("GET", "POST")
def new_agent(request: HttpRequest, who: Person) -> HttpResponse:
    return _form(request, who, None)


@project_page("GET", "POST")
def one_agent(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    return _form(request, who, find_agent(who, pk))


@project_page("POST")
def delete(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    agent = find_agent(who, pk)
    with_calls = request.POST.get("calls") == "delete"
    delete_agent(agent, with_calls=with_calls, who=who)
    say(request, f"{agent.name} is deleted{' with its calls' if with_calls else '; its calls stay'}.")
    return to_tab(who, "settings")


def _form(request: HttpRequest, who: Person, agent: Agent | None) -> HttpResponse:
    error = None
    if request.method == "POST":
        try:
            saved = _save(who, agent, request.POST)
            say(request, f"{saved.name} is saved.")
            return HttpResponseRedirect(reverse("settings-agent", args=[who.project_id, saved.pk]))
        except Invalid as invalid:
            error = invalid
    provider = _provider(agent)
    context = {
        "agent": agent,
        "said": request.POST if error else _as_form(agent),
        "languages": LANGUAGES.items(),
        "providers": PHONE_PROVIDERS.items(),
        "secret_fields": [] if agent is None else _secret_fields(agent, provider),
        "webhook_fields": [] if agent is None else webhook_secrets(agent.secrets),
        "has_address": agent is not None and bool(_address(agent)),
        "hook": _hook(request, agent, provider),
    }
    return show_settings(request, who, "agent", "settings", context, error=error)


def _save(who: Person, agent: Agent | None, said: QueryDict) -> Agent:
    """Raises Invalid."""
    columns = _columns(said)
    provider = said.get("provider", "")
    # What the API calls self_hosted and the like has no entry here, and is left alone.
    settings = {"assistant_provider": provider} if provider in PHONE_PROVIDERS or not provider else {}
    if agent is not None and provider == _provider(agent):
        settings = {}
    if agent is None:
        return create_agent(project_of(who), columns, settings, who=who)
    address = read_address(said)
    if address != _address(agent):
        settings[URL] = address
    fields = [*_secret_fields(agent, _provider(agent)), *webhook_secrets(agent.secrets)]
    return edit_agent(agent, columns, settings, read_secrets(said, fields), who=who)


def _columns(said: QueryDict) -> dict[str, Any]:
    if said.get("language") not in LANGUAGES:
        raise Invalid.field("language", "Choose one of the languages.")
    return {
        "name": read_text(said, "name", "A name", limit=MAX_NAME, least=1),
        "description": read_text(said, "description", "The description", limit=MAX_TEXT),
        "assistant_id": read_text(said, "assistant_id", "The id at the provider", limit=MAX_NAME),
        "language": said["language"],
    }


def _secret_fields(agent: Agent, provider: str) -> list[SecretField]:
    if not provider:
        return []
    names = SECRETS_OF.get(provider, ())
    key = key_name(provider)
    signs = "Its webhooks are signed with it." if key in names else "It is kept, and not used here."
    fields = [(key, "API key of the provider", signs)]
    if names:
        words = "The provider shows it where its webhooks are set up. With it, webhooks need no API key."
        fields.append((f"{provider}_data.webhook_secret", "Webhook secret", words))
    return [SecretField(name, words, said, name in agent.secrets) for name, words, said in fields]


def _hook(request: HttpRequest, agent: Agent | None, provider: str) -> str:
    """Where the provider posts its calls; empty where it has no such way."""
    if agent is None or provider not in WEBHOOKS:
        return ""
    return f"{server_address(request)}/observability/v1/{provider}/observe/?agent_id={agent.pk}"


def _provider(agent: Agent | None) -> str:
    return "" if agent is None else str(agent.settings.get("assistant_provider") or "")


def _address(agent: Agent) -> str:
    """Of its own, for webhooks."""
    return str(agent.settings.get(URL) or "")


def _provider_name(agent: Agent) -> str:
    provider = _provider(agent)
    return PHONE_PROVIDERS.get(provider, provider)


def _as_form(agent: Agent | None) -> Mapping[str, str]:
    if agent is None:
        return {"language": "en"}
    return {
        "name": agent.name,
        "description": agent.description,
        "language": agent.language,
        "assistant_id": agent.assistant_id,
        "provider": _provider(agent),
        URL: _address(agent),
    }

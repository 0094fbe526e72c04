"""Webhooks that are sent: where to, of which calls, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.projects import edit_project
from callgauge.flow.scope import Person, find_agent
from callgauge.flow.webhooks import deliveries
from callgauge.flow.webhooks.deliveries import STATES, state_of
from callgauge.flow.webhooks.events import FORWARDED, ON_FAILURE, ON_SUCCESS
from callgauge.flow.webhooks.outbox import NotSendable, payload_of
from callgauge.flow.webhooks.receivers import URL
from callgauge.store.models import ErrandState, Role, WebhookDelivery
from callgauge.web.page import project_page, say, show_part
from callgauge.web.settings.places import project_of, show_settings, to_tab
from callgauge.web.settings.sealed import read_address, read_secrets, webhook_secrets

TAB: Final = "settings-webhooks"
SHOWN: Final = 50
SWITCHES: Final[Mapping[str, str]] = {
    ON_FAILURE: "Calls that failed, or that got no verdict",
    ON_SUCCESS: "Calls that succeeded",
    FORWARDED["vapi"][0]: "Vapi's own reports, as they come in",
    FORWARDED["retell"][0]: "Retell's own reports, as they come in",
}
EVENTS: Final[Mapping[str, str]] = {
    "call_log.completed": "call measured",
    "vapi.forwarded": "Vapi's report",
    "retell.forwarded": "Retell's report",
    "webhook.test": "test",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery as the log shows it."""

    uid: str
    event: str
    state: str
    call_id: int | None
    call: str
    tries: int
    answer: str
    made: datetime
    next_try: datetime | None
    may_replay: bool

    @property
    def is_open(self) -> bool:
        return self.state in ("queued", "sending")


@project_page("GET", "POST")
def webhooks(request: HttpRequest, who: Person) -> HttpResponse:
    error = None
    if request.method == "POST":
        try:
            _save(who, request.POST)
            say(request, "Saved. Webhooks that wait go by it too.")
            return to_tab(who, TAB)
        except Invalid as invalid:
            error = invalid
    project = project_of(who)
    state = request.GET.get("state", "")
    found = deliveries.deliveries_of(who)
    dead = found.filter(state=ErrandState.FAILED).exists()
    if state in STATES:
        found = found.filter(state=STATES[state])
    said = request.POST if error else project.settings
    context = {
        "url": said.get(URL, ""),
        "switches": [(name, words, bool(said.get(name))) for name, words in SWITCHES.items()],
        "secret_fields": webhook_secrets(project.secrets),
        "has_address": bool(project.settings.get(URL)),
        "is_on": any(project.settings.get(name) for name in SWITCHES),
        "rows": [_sent(row) for row in found[:SHOWN]],
        "state": state if state in STATES else "",
        "states": list(STATES),
        "any_dead": dead,
        "shown": SHOWN,
    }
    return show_settings(request, who, "webhooks", TAB, context, error=error)


@project_page("POST")
def test(request: HttpRequest, who: Person) -> HttpResponse:
    """To the project's address, or to that of the agent which the form names."""
    agent = find_agent(who, request.POST["agent"]) if request.POST.get("agent") else None
    try:
        row = deliveries.send_test(who, project_of(who), agent)
    except Invalid:
        say(request, "Save an address first.")
        return to_tab(who, TAB)
    return _to_one(who, row.uid)


@project_page()
def one(request: HttpRequest, who: Person, uid: str) -> HttpResponse:
    """The whole page, or for htmx the part that changes while it is sent."""
    row = deliveries.find_delivery(who, uid)
    context = {
        "who": who,
        "may_change": who.role != Role.VIEWER,
        "one": _sent(row),
        "tries": [_try(each) for each in row.tries],
        "payload": _payload(row),
    }
    if request.headers.get("HX-Request"):
        return show_part(request, who, "web/settings/webhook_body.html", context)
    return show_settings(request, who, "webhook", TAB, context)


@project_page("POST")
def replay(request: HttpRequest, who: Person, uid: str) -> HttpResponse:
    try:
        deliveries.replay(who, deliveries.find_delivery(who, uid))
    except FlowError as error:
        say(request, str(error))
    return _to_one(who, uid)


@project_page("POST")
def replay_dead(request: HttpRequest, who: Person) -> HttpResponse:
    count = deliveries.replay_dead(who, project_of(who))
    say(request, f"{count} that had been given up are sent again.")
    return to_tab(who, TAB)


def _to_one(who: Person, uid: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("settings-webhook", args=[who.project_id, uid]))


def _save(who: Person, said: QueryDict) -> None:
    """Raises Invalid."""
    project = project_of(who)
    settings = {URL: read_address(said), **{name: name in said for name in SWITCHES}}
    secrets = read_secrets(said, webhook_secrets(project.secrets))
    edit_project(who, project, {}, settings=settings, secrets=secrets)


def _sent(row: WebhookDelivery) -> Sent:
    last: dict[str, Any] = row.tries[-1] if row.tries else {}
    state = state_of(row)
    return Sent(
        uid=row.uid,
        event=EVENTS[row.event],
        state=state,
        call_id=row.call_id,
        call="" if row.call is None else row.call.call_id,
        tries=len(row.tries),
        answer=_outcome(last) if last else "",
        made=row.created_at,
        next_try=row.due_at if state == "queued" and row.tries else None,
        may_replay=state in ("delivered", "dead"),
    )


def _try(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "at": datetime.fromisoformat(said["at"]), "outcome": _outcome(said)}


def _outcome(said: dict[str, Any]) -> str:
    return str(said["error"] or f"Answered {said['status']}.")


def _payload(row: WebhookDelivery) -> str:
    try:
        return json.dumps(json.loads(payload_of(row)), indent=2, ensure_ascii=False)
    except (NotSendable, FlowError):
        return ""

"""API keys: made and shown once, revoked at once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.keys import keys_of, make_key, revoke_key
from callgauge.flow.scope import Person
from callgauge.store.models import Role
from callgauge.web.page import project_page, say
from callgauge.web.settings.places import project_of, read_text, server_address, show_settings, to_tab


@project_page("GET", "POST", owners_only=True)
def keys(request: HttpRequest, who: Person) -> HttpResponse:
    """POST makes one. Its text is in that answer only: no session and no address holds it."""
    secret, error = "", None
    if request.method == "POST":
        try:
            secret = _make(request, who)
        except Invalid as invalid:
            error = invalid
    context = {
        "keys": keys_of(who),
        "roles": Role.values,
        "secret": secret,
        "address": server_address(request),
        "said": request.POST if error else {},
    }
    response = show_settings(request, who, "keys", "settings-keys", context, error=error)
    response["Cache-Control"] = "no-store"
    return response


def _make(request: HttpRequest, who: Person) -> str:
    name, role = read_text(request.POST, "name", "A name", least=1), request.POST.get("role", "")
    if role not in Role.values:
        raise Invalid.field("role", "Choose what the key may do.")
    project = None if request.POST.get("reach") == "organization" else project_of(who)
    _, secret = make_key(who, project, name, Role(role))
    return secret


@project_page("POST", owners_only=True)
def revoke(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    try:
        key = revoke_key(who, pk)
        say(request, f"The key {key.name or key.prefix} is revoked. Whoever used it gets 401 from now on.")
    except FlowError:
        say(request, "That key was revoked already.")
    return to_tab(who, "settings-keys")

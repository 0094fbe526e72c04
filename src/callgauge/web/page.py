"""What a view of a page starts from: who is signed in, in which project, and what they may do.

`project_page` and `account_page` are the only doors. A request that changes something is refused to viewers
here, whatever the page, by the rule that the API asks at its own door (`flow.scope.require_change`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from callgauge.flow.audit import act_as_user
from callgauge.flow.errors import FlowError
from callgauge.flow.scope import Person, person_in, require_change, require_owner
from callgauge.store.models import User
from callgauge.web.errors import show_trouble, trouble_of
from callgauge.web.frame import present_frame

NOTICE = "notice"
READING = frozenset({"GET", "HEAD", "OPTIONS"})


PageView = Callable[..., HttpResponseBase]
"""(request, who, whatever the address names); for `account_page` the user in place of `who`."""


def project_page(*methods: str, owners_only: bool = False) -> Callable[[PageView], PageView]:
    """A view below `/projects/<int:project_id>/`, called with the person instead of the id. `methods` are
    those that it answers to, GET where none is named."""

    def decorate(view: PageView) -> PageView:
        @require_http_methods([*(methods or ("GET",)), "HEAD"])
        @wraps(view)
        def wrapped(request: HttpRequest, project_id: int, **captured: Any) -> HttpResponseBase:
            user = signed_in(request)
            if user is None:
                return to_sign_in(request)
            try:
                who = person_in(user, project_id)
                if owners_only:
                    require_owner(who)
                if request.method not in READING:
                    require_change(who)
                return view(request, who, **captured)
            except FlowError as error:
                return show_trouble(request, trouble_of(error))

        return wrapped

    return decorate


def account_page(*methods: str) -> Callable[[PageView], PageView]:
    """A view of the signed-in user that belongs to no project."""

    def decorate(view: PageView) -> PageView:
        @require_http_methods([*(methods or ("GET",)), "HEAD"])
        @wraps(view)
        def wrapped(request: HttpRequest, **captured: Any) -> HttpResponseBase:
            user = signed_in(request)
            if user is None:
                return to_sign_in(request)
            try:
                return view(request, user, **captured)
            except FlowError as error:
                return show_trouble(request, trouble_of(error))

        return wrapped

    return decorate


def signed_in(request: HttpRequest) -> User | None:
    if not isinstance(request.user, User):
        return None
    act_as_user(request.user, request.META.get("REMOTE_ADDR", ""))
    return request.user


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """For htmx the whole page goes there: a form to sign in inside a table would be absurd."""
    part = request.headers.get("HX-Request") == "true"
    back = request.headers.get("HX-Current-URL", "") if part else request.get_full_path()
    address = f"{reverse('sign-in')}?{urlencode({'next': _path_of(request, back)})}"
    if part:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _path_of(request: HttpRequest, address: str) -> str:
    return safe_next(request, address, "/")


def safe_next(request: HttpRequest, address: str | None, otherwise: str) -> str:
    """Where to go next, if that is on this server."""
    hosts = {request.get_host()}
    if address and url_has_allowed_host_and_scheme(address, hosts, require_https=request.is_secure()):
        return address
    return otherwise


def show(
    request: HttpRequest,
    who: Person,
    template: str,
    context: dict[str, Any],
    *,
    active: str,
    status: int = 200,
) -> HttpResponse:
    """A whole page in the frame; `active` is the entry of the navigation that it belongs to."""
    frame = present_frame(who, active)
    notice = request.session.pop(NOTICE, "") if NOTICE in request.session else ""
    return render(request, template, {"frame": frame, "who": who, "notice": notice, **context}, status=status)


def say(request: HttpRequest, words: str) -> None:
    """What was done, for the top of the next page that is shown."""
    request.session[NOTICE] = words


def show_part(
    request: HttpRequest, who: Person, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A fragment, for htmx to put in place of another."""
    return render(request, template, {"who": who, **context}, status=status)

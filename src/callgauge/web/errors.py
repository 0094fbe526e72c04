"""Pages for what went wrong; each says what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from callgauge.flow.errors import Conflict, FlowError, Forbidden, Invalid, NotFound, RateLimited


@dataclass(frozen=True, slots=True)
class Trouble:
    status: int
    title: str
    what_to_do: str
    retry_after_secs: int | None = None


NOT_FOUND = Trouble(
    404,
    "There is nothing here",
    "It was deleted, or it belongs to a project that you are not in. Start from the list of calls, or ask "
    "whoever gave you the link.",
)
DEAD_LINK = Trouble(
    404,
    "This link does not work",
    "It was used already, it is too old, or a newer one took its place. If you have an account, sign in. "
    "Otherwise ask whoever gave it to you for a new one.",
)
FORBIDDEN = Trouble(
    403,
    "Your role does not allow this",
    "Viewers read only. An owner of the organization can make you a member in Settings.",
)
STALE_FORM = Trouble(
    403,
    "This form is too old",
    "It was opened before you signed in, or cookies are off. Go back, reload the page and send it again. "
    "Nothing was changed.",
)
BAD_REQUEST = Trouble(400, "This request cannot be read", "Go back and try again. Nothing was changed.")
SERVER_ERROR = Trouble(
    500,
    "The server failed",
    "Its log says why. Nothing was half done: try again, and if it stays, tell whoever runs the server.",
)


def trouble_of(error: FlowError) -> Trouble:
    match error:
        case NotFound():
            return NOT_FOUND
        case Forbidden():
            return Trouble(403, FORBIDDEN.title, str(error) if error.args else FORBIDDEN.what_to_do)
        case RateLimited():
            return Trouble(429, "Too many tries", str(error), error.retry_after_secs)
        case Conflict():
            return Trouble(409, "This cannot be done now", str(error))
        case Invalid():
            texts = " ".join(text for texts in error.messages.values() for text in texts)
            return Trouble(400, "This cannot be used", texts)
        case _:
            return Trouble(400, "This cannot be done", str(error))


def show_trouble(request: HttpRequest, trouble: Trouble) -> HttpResponse:
    """A page of its own; a line where htmx asked for a part of one."""
    part = request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"
    template = "web/fragments/trouble.html" if part else "web/trouble.html"
    response = render(request, template, {"trouble": trouble}, status=trouble.status)
    if trouble.retry_after_secs is not None:
        response["Retry-After"] = str(trouble.retry_after_secs)
    return response


def bad_request(request: HttpRequest) -> HttpResponse:
    return show_trouble(request, BAD_REQUEST)


def forbidden(request: HttpRequest) -> HttpResponse:
    return show_trouble(request, FORBIDDEN)


def not_found(request: HttpRequest) -> HttpResponse:
    return show_trouble(request, NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    return show_trouble(request, SERVER_ERROR)


def csrf_failed(request: HttpRequest, reason: str = "", **more: Any) -> HttpResponse:
    return show_trouble(request, STALE_FORM)

"""Signing in and out, and the links that make accounts and set passwords."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from callgauge.flow import people
from callgauge.flow.errors import FlowError, Invalid, NotFound, RateLimited
from callgauge.flow.password_mail import can_mail, mail_password_link
from callgauge.flow.people import NewAccount
from callgauge.flow.sign_in import sign_in
from callgauge.store.models import CallLog, LinkKind, Project, User
from callgauge.web.errors import DEAD_LINK, NOT_FOUND, show_trouble, trouble_of
from callgauge.web.page import account_page, safe_next, signed_in, to_sign_in

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "callgauge_theme"
A_YEAR_SECS = 365 * 24 * 3600

View = Callable[..., HttpResponseBase]


def home(request: HttpRequest) -> HttpResponseBase:
    """The first project that the user is in; what to do first, where it has no calls."""
    user = signed_in(request)
    if user is None:
        return to_sign_in(request)
    project = (
        Project.objects.filter(organization__members__user=user).order_by("organization__name", "id").first()
    )
    if project is None:
        return HttpResponseRedirect(reverse("account"))
    begun = CallLog.objects.filter(project=project, deleted_at=None).exists()
    return HttpResponseRedirect(reverse("overview" if begun else "start", args=[project.pk]))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_page(request: HttpRequest) -> HttpResponse:
    following = safe_next(request, request.POST.get("next") or request.GET.get("next"), "/")
    if request.method != "POST":
        if signed_in(request) is not None:
            return HttpResponseRedirect(following)
        return _sign_in_form(request, following)
    email = request.POST.get("email", "")
    try:
        user = sign_in(email, request.POST.get("password", ""), request.META.get("REMOTE_ADDR", ""))
    except FlowError as error:
        trouble = trouble_of(error)
        shown = _sign_in_form(request, following, email=email, faults=[trouble.what_to_do])
        shown.status_code = trouble.status
        if trouble.retry_after_secs is not None:
            shown["Retry-After"] = str(trouble.retry_after_secs)
        return shown
    login(request, user)
    return HttpResponseRedirect(following)


def _sign_in_form(request: HttpRequest, following: str, **more: Any) -> HttpResponse:
    context = {
        "next": following,
        "no_account": not User.objects.exists(),
        "can_mail": can_mail(settings.CALLGAUGE),
    }
    return render(request, "web/sign_in.html", {**context, **more})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Says the same whether there is such an account or not."""
    if not can_mail(settings.CALLGAUGE):
        return show_trouble(request, NOT_FOUND)
    email = request.POST.get("email", "")
    context: dict[str, Any] = {"email": email}
    status = 200
    if request.method == "POST":
        try:
            mail_password_link(email, request.META.get("REMOTE_ADDR", ""))
            context["sent"] = True
        except RateLimited as error:
            context["faults"], status = [str(error)], 429
    return render(request, "web/forgotten.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponseRedirect(reverse("sign-in"))


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark or as the system has it; kept in the browser, and known before the first paint."""
    back = safe_next(request, request.META.get("HTTP_REFERER"), "/")
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("theme", "auto")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=A_YEAR_SECS,
            samesite="Lax",
            httponly=True,
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response


@account_page("GET", "POST")
def account(request: HttpRequest, user: User) -> HttpResponse:
    """Who one is, in which organizations, and a new password."""
    faults: list[str] = []
    notice = ""
    if request.method == "POST":
        try:
            people.change_own_password(user, request.POST.get("old", ""), request.POST.get("password", ""))
            login(request, user)  # the other sessions of this user end, this one goes on
            notice = "The password is changed. Other sessions of yours have ended."
        except Invalid as error:
            faults = _lines(error)
    memberships = user.memberships.select_related("organization").order_by("organization__name")
    return render(
        request,
        "web/account.html",
        {
            "user": user,
            "faults": faults,
            "notice": notice,
            "memberships": [(one.organization.name, one.role) for one in memberships],
        },
        status=400 if faults else 200,
    )


def _lines(error: FlowError) -> list[str]:
    if isinstance(error, Invalid):
        return [text for texts in error.messages.values() for text in texts]
    return [trouble_of(error).what_to_do]


def _link_page(view: View) -> View:
    """A page behind a one-time link: never cached, and its address is passed on to nobody."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def wrapped(request: HttpRequest, secret: str) -> HttpResponseBase:
        try:
            response = view(request, secret)
        except NotFound:
            response = show_trouble(request, DEAD_LINK)
        except FlowError as error:
            response = show_trouble(request, trouble_of(error))
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return wrapped


def _account_of(request: HttpRequest) -> NewAccount:
    return NewAccount(
        request.POST.get("email", ""), request.POST.get("password", ""), request.POST.get("name", "")
    )


def _account_form(request: HttpRequest, error: FlowError | None = None, **context: Any) -> HttpResponse:
    typed = {
        name: request.POST.get(name, context.get(name, "")) for name in ("email", "name", "organization")
    }
    faults = [] if error is None else _lines(error)
    return render(
        request, "web/new_account.html", {**context, **typed, "faults": faults}, status=400 if faults else 200
    )


def _entering(request: HttpRequest, enter: Callable[[], User | None], **form: Any) -> HttpResponseBase:
    """The form of a link, and what it does when it is sent: whoever `enter` gives is signed in. None: they
    are already."""
    error: FlowError | None = None
    if request.method == "POST":
        try:
            user = enter()
            if user is not None:
                login(request, user)
            return HttpResponseRedirect("/")
        except Invalid as invalid:
            error = invalid
    return _account_form(request, error, **form)


@_link_page
def set_up(request: HttpRequest, secret: str) -> HttpResponseBase:
    people.find_link(LinkKind.SETUP, secret)
    return _entering(
        request,
        lambda: people.set_up(secret, _account_of(request), request.POST.get("organization", "")),
        title="Set up Callgauge",
        intro="You will be the owner of this installation: you invite the others.",
        action="Make my account",
        with_organization=True,
        organization=people.first_organization(),
    )


@_link_page
def invitation(request: HttpRequest, secret: str) -> HttpResponseBase:
    link = people.find_link(LinkKind.INVITATION, secret)
    assert link.organization is not None
    user = signed_in(request)

    def enter() -> User | None:
        if request.POST.get("join") and user is not None:
            people.join(secret, user)
            return None
        return people.accept_invitation(secret, _account_of(request))

    return _entering(
        request,
        enter,
        title=f"Join {link.organization.name}",
        intro=f"You were invited as {link.role}.",
        action="Make my account and join",
        email=link.email,
        joining=user.email if user is not None else "",
    )


@_link_page
def new_password(request: HttpRequest, secret: str) -> HttpResponseBase:
    link = people.find_link(LinkKind.PASSWORD, secret)
    assert link.user is not None
    return _entering(
        request,
        lambda: people.reset_password(secret, request.POST.get("password", "")),
        title="Set a new password",
        intro=f"For {link.user.email}. It ends every session of this account.",
        action="Set the password",
        only_password=True,
    )

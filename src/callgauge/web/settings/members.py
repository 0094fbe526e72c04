"""The people of an organization: roles, invitations by link, removal."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from callgauge.flow import people
from callgauge.flow.errors import Conflict, FlowError, Invalid
from callgauge.flow.members import (
    change_role,
    invitations_of,
    members_of,
    remove_member,
    withdraw_invitation,
)
from callgauge.flow.scope import Person
from callgauge.store.models import Member, Role
from callgauge.web.page import project_page, say
from callgauge.web.settings.places import server_address, show_settings, to_tab


@project_page(owners_only=True)
def members(request: HttpRequest, who: Person) -> HttpResponse:
    return _show(request, who)


def _show(
    request: HttpRequest, who: Person, *, link: str = "", error: FlowError | None = None
) -> HttpResponse:
    context = {
        "members": list(members_of(who)),
        "invitations": list(invitations_of(who)),
        "roles": Role.values,
        "link": link,
        "said": request.POST if error else {},
    }
    response = show_settings(request, who, "members", "settings-members", context, error=error)
    response["Cache-Control"] = "no-store"
    return response


@project_page("POST", owners_only=True)
def role(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    try:
        member = change_role(who, pk, _role(request))
    except (Conflict, Invalid) as error:
        return _show(request, who, error=error)
    say(request, f"{_name(member)} is {member.role} from now on.")
    return _back(who, member)


@project_page("POST", owners_only=True)
def remove(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    try:
        member = remove_member(who, pk)
    except Conflict as error:
        return _show(request, who, error=error)
    say(request, f"{_name(member)} is no longer in {who.organization.name}.")
    return _back(who, member)


@project_page("POST", owners_only=True)
def invite(request: HttpRequest, who: Person) -> HttpResponse:
    """The link is in this answer only: what is stored is its hash."""
    try:
        secret = people.invite(who, _role(request), request.POST.get("email", ""))
    except Invalid as error:
        return _show(request, who, error=error)
    return _show(request, who, link=f"{server_address(request)}/invitation/{secret}")


@project_page("POST", owners_only=True)
def withdraw(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    withdraw_invitation(who, pk)
    say(request, "The invitation is withdrawn. Its link lets nobody in.")
    return to_tab(who, "settings-members")


def _back(who: Person, member: Member) -> HttpResponse:
    """An owner who steps down has no business on this page any more."""
    return HttpResponseRedirect("/") if member.user == who.user else to_tab(who, "settings-members")


def _role(request: HttpRequest) -> Role:
    text = request.POST.get("role", "")
    if text not in Role.values:
        raise Invalid.field("role", "Choose owner, member or viewer.")
    return Role(text)


def _name(member: Member) -> str:
    return member.user.name or member.user.email

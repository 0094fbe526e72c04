"""People who sign in: an owner, a member, a viewer, and a stranger from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.test import Client

from callgauge.flow.scope import Person, person_in
from callgauge.store.models import Member, Organization, Project, Role, User
from callgauge.telemetry.context import view_name
from tests.audited import expect_audited_page

PASSWORD = "correct horse battery"


class AuditedPages(Client):
    """Holds every form that leads on to an entry in the audit log."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        expect_audited_page(
            view_name(response.wsgi_request.resolver_match),
            request.get("REQUEST_METHOD", ""),
            response.status_code,
            response.headers.get("X-Request-ID", ""),
        )
        return response


@dataclass(frozen=True)
class SignedIn:
    user: User
    client: Client
    who: Person


@dataclass(frozen=True)
class People:
    project: Project
    owner: SignedIn
    member: SignedIn
    viewer: SignedIn
    charlie: SignedIn
    """Owns another organization."""

    def path(self, rest: str) -> str:
        return f"/projects/{self.project.pk}/{rest}"


def people_of(project: Project, elsewhere: Project) -> People:
    return People(
        project,
        owner=signed_in("ada@example.com", project, Role.OWNER),
        member=signed_in("bob@example.com", project, Role.MEMBER),
        viewer=signed_in("vera@example.com", project, Role.VIEWER),
        charlie=signed_in("charlie@example.net", elsewhere, Role.OWNER),
    )


def signed_in(email: str, project: Project, role: Role) -> SignedIn:
    user = make_user(email, project.organization, role)
    client = AuditedPages(HTTP_ACCEPT="text/html")
    client.force_login(user)
    return SignedIn(user, client, person_in(user, project.pk))


def make_user(email: str, organization: Organization, role: Role) -> User:
    user = User.objects.create(email=email, password=make_password(PASSWORD))
    Member.objects.create(user=user, organization=organization, role=role)
    return user

"""From whoever asks to the rows they may see. Every query starts here; foreign and missing look the same.

Whoever asks is an API key or a signed-in person. Both have an organization, and a project where they reach
only one; a person also has a role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet

from callgauge.domain.storable import is_storable
from callgauge.flow.errors import Forbidden, Invalid, NotFound
from callgauge.store.models import Agent, ApiKey, Organization, Project, Role, User
from callgauge.store.prepared import Prepared

MAX_ID = 2**63 - 1

_AGENT = Prepared(
    lambda pk, organization: Agent.objects.select_related("project").filter(
        pk=pk, project__organization_id=organization
    ),
    int,
    int,
)


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in member of an organization; with `project`, on the pages of that project."""

    user: User
    role: Role
    organization: Organization
    project: Project | None = None

    @property
    def pk(self) -> str:
        """Tells people from keys wherever who asked is part of a fingerprint."""
        return f"user:{self.user.pk}"

    @property
    def organization_id(self) -> int:
        return self.organization.pk

    @property
    def project_id(self) -> int | None:
        return None if self.project is None else self.project.pk


Who = ApiKey | Person


def require_change(who: Who) -> None:
    """Raises Forbidden for viewers, people and keys alike."""
    if who.role == Role.VIEWER:
        raise Forbidden("Viewers read only. An owner can make you a member in Settings.")


def require_owner(who: Who) -> None:
    """Raises Forbidden for everybody but owners: people, keys, projects and settings are theirs."""
    if who.role != Role.OWNER:
        raise Forbidden("Only owners can do this.")


def asked_by(who: Who) -> dict[str, Any]:
    """The columns of a rerun that say who asked for it."""
    return {
        "requested_by": who if isinstance(who, ApiKey) else None,
        "requested_by_user": who.user if isinstance(who, Person) else None,
    }


def person_in(user: User, project_id: Any) -> Person:
    """The user as a member of the organization that has the project. Raises NotFound."""
    number = as_id(project_id)
    project = (
        Project.objects.select_related("organization")
        .filter(pk=number, organization__members__user=user)
        .annotate(role=F("organization__members__role"))
        .first()
        if number
        else None
    )
    if project is None:
        raise NotFound
    return Person(user, Role(project.role), project.organization, project)


def as_id(value: Any) -> int | None:
    """An id as an integer or as digits; None for anything else. Larger than a row id can be is None too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            return None
        value = int(text)
    if isinstance(value, int) and 0 < value <= MAX_ID:
        return value
    return None


def projects_of(key: Who) -> QuerySet[Project]:
    projects = Project.objects.filter(organization_id=key.organization_id)
    return projects if key.project_id is None else projects.filter(pk=key.project_id)


def agents_of(key: Who) -> QuerySet[Agent]:
    agents = Agent.objects.filter(project__organization_id=key.organization_id)
    return agents if key.project_id is None else agents.filter(project_id=key.project_id)


def find_project(key: Who, project_id: Any) -> Project:
    """Raises NotFound for what is foreign, missing or no id at all."""
    number = as_id(project_id)
    project = projects_of(key).select_related("organization").filter(pk=number).first() if number else None
    if project is None:
        raise NotFound
    return project


def find_agent(key: Who, agent_id: Any) -> Agent:
    """Raises NotFound for what is foreign, missing or no id at all."""
    number = as_id(agent_id)
    agent = next(iter(_AGENT(number, key.organization_id)), None) if number else None
    if agent is None or key.project_id not in (None, agent.project_id):
        raise NotFound
    return agent


def find_agent_by_assistant(key: Who, assistant_id: Any) -> Agent:
    """By the provider's id, which some clients send as a number. An organization's key can see the same
    id in two projects: that is Invalid, because guessing would file a call with the wrong tenant."""
    text = str(assistant_id).strip()
    if not text or not is_storable(text):
        raise NotFound
    found = list(agents_of(key).select_related("project").filter(assistant_id=text)[:2])
    if not found:
        raise NotFound
    if len(found) > 1:
        raise Invalid.field("assistant_id", "Several projects have this assistant id; give agent_id instead.")
    return found[0]


def require_project(key: Who, project_id: Any = None) -> Project:
    """The project that a request is about: the key's own, or the one named.

    Raises Invalid where an organization's key names none, NotFound for a foreign or missing one.
    """
    if project_id not in (None, ""):
        return find_project(key, project_id)
    if key.project is not None:
        return key.project
    raise Invalid.field("project_id", "This key reaches a whole organization: name the project (project_id).")

"""Projects and agents as people name them on a command line: by id or by name."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from callgauge.flow.agents import create_agent
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id
from callgauge.store.models import Agent, Organization, Project

MAX_NAME = 255
MAX_SHOWN = 5
FIRST_ORGANIZATION = "default"


def find_project(text: str) -> Project:
    """By id, else by name. Raises Invalid where none or several have it."""
    projects = Project.objects.select_related("organization")
    number = as_id(text)
    if number is not None:
        by_id = projects.filter(pk=number).first()
        if by_id is not None:
            return by_id
    named = list(projects.filter(name=text.strip())[:2])
    if not named:
        raise Invalid.field("project", f"There is no project {text!r}.")
    if len(named) > 1:
        raise Invalid.field("project", f"Several organizations have a project {text!r}; give its id.")
    return named[0]


def organization_name(named: str | None) -> str:
    """The organization that a command means: the one it names, else the only one there is, and `default`
    where there is none yet. Raises Invalid where several could be meant: a guess would put work where nobody
    looks."""
    if named is not None:
        return named
    names = list(Organization.objects.order_by("pk").values_list("name", flat=True)[: MAX_SHOWN + 1])
    if len(names) > 1:
        shown = ", ".join(repr(name) for name in names[:MAX_SHOWN]) + (
            ", …" if len(names) > MAX_SHOWN else ""
        )
        raise Invalid.field("organization", f"There are several: {shown}. Say which with --organization.")
    return names[0] if names else FIRST_ORGANIZATION


def find_agent(text: str, project: Project | None = None) -> Agent:
    """By id, in the project where one is given. Raises Invalid."""
    number = as_id(text)
    agents = Agent.objects.select_related("project__organization")
    agent = agents.filter(pk=number).first() if number is not None else None
    if agent is None or (project is not None and agent.project_id != project.pk):
        where = f" in project {project.name!r}" if project is not None else ""
        raise Invalid.field("agent", f"There is no agent with the id {text!r}{where}.")
    return agent


def list_agents(project: Project | None) -> QuerySet[Agent]:
    agents = Agent.objects.select_related("project__organization").order_by("pk")
    return agents if project is None else agents.filter(project=project)


@transaction.atomic
def make_agent(*, organization: str, project: str, name: str) -> Agent:
    """Make an agent, and its organization and project where they are missing. Raises Invalid."""
    for field, value in (("organization", organization), ("project", project), ("name", name)):
        if not value.strip():
            raise Invalid.field(field, "This field may not be blank.")
        if len(value) > MAX_NAME:
            raise Invalid.field(field, f"Ensure this field has no more than {MAX_NAME} characters.")
    owner, _ = Organization.objects.get_or_create(name=organization.strip())
    home, _ = Project.objects.get_or_create(organization=owner, name=project.strip())
    return create_agent(home, {"name": name.strip()}, {})

"""The frame around every page of a project: navigation, projects to switch to, reruns that are running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from callgauge.flow.scope import Person
from callgauge.store.models import UNFINISHED, Project, Rerun, RerunKind, Role

NAVIGATION = (
    ("overview", "Overview"),
    ("calls", "Calls"),
    ("metrics", "Metrics"),
    ("reruns", "Reruns"),
    ("review", "Review"),
    ("settings", "Settings"),
)
"""Name of the route (and icon), and words. An entry shows as soon as there is a route of its name."""

WAITING: dict[str, Callable[[Person], int]] = {}
"""How much work waits behind an entry, by its name: at most one query each. A zero is not shown."""

SHOWN_RERUNS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    words: str
    address: str
    active: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Running:
    id: int
    words: str
    address: str
    percent: int
    done: int
    total: int
    paused: bool


@dataclass(frozen=True, slots=True)
class Frame:
    project_id: int
    project: str
    organization: str
    entries: list[Entry]
    projects: list[tuple[str, str, bool]]
    """Address, words, and whether it is this one."""
    running: list[Running]
    may_change: bool
    is_owner: bool
    user: str


def present_frame(who: Person, active: str) -> Frame:
    """Two queries, and one for each entry of WAITING."""
    assert who.project is not None
    return Frame(
        project_id=who.project.pk,
        project=who.project.name,
        organization=who.organization.name,
        entries=_entries(who, active),
        projects=_projects(who, active),
        running=running_reruns(who),
        may_change=who.role != Role.VIEWER,
        is_owner=who.role == Role.OWNER,
        user=who.user.name or who.user.email,
    )


def address_of(name: str, who: Person, *args: int) -> str | None:
    """None where there is no such page (yet)."""
    try:
        return reverse(name, args=[who.project_id, *args])
    except NoReverseMatch:
        return None


def _entries(who: Person, active: str) -> list[Entry]:
    entries = []
    for name, words in NAVIGATION:
        address = address_of(name, who)
        if address is None:
            continue
        waiting = WAITING[name](who) if name in WAITING else 0
        entries.append(Entry(name, words, address, name == active, waiting))
    return entries


def _projects(who: Person, active: str) -> list[tuple[str, str, bool]]:
    rows = (
        Project.objects.filter(organization__members__user=who.user)
        .order_by("organization__name", "name", "id")
        .values_list("id", "name", "organization_id", "organization__name")
    )
    projects = list(rows)
    several = len({organization for _, _, organization, _ in projects}) > 1
    return [
        (
            reverse(active if active in dict(NAVIGATION) else "calls", args=[pk]),
            f"{organization} / {name}" if several else name,
            pk == who.project_id,
        )
        for pk, name, _, organization in projects
    ]


def running_reruns(who: Person) -> list[Running]:
    """The newest unfinished reruns of the project. One query."""
    assert who.project is not None
    reruns = (
        Rerun.objects.filter(project=who.project, state__in=UNFINISHED)
        .exclude(kind=RerunKind.LIVE)
        .select_related("agent")
        .order_by("-id")[:SHOWN_RERUNS]
    )
    return [
        Running(
            id=rerun.pk,
            words=f"Rerun {rerun.pk}" + (f", {rerun.agent.name}" if rerun.agent else ""),
            address=address_of("rerun", who, rerun.pk) or "",
            percent=100 * rerun.settled_calls // max(1, rerun.total_calls),
            done=rerun.settled_calls,
            total=rerun.total_calls,
            paused=rerun.state == "paused",
        )
        for rerun in reruns
    ]

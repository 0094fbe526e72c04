"""Agents: make, edit, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metrics import meet_new_agent
from callgauge.store.models import Agent, CallLog, Project

DELETE_BATCH = 1_000
"""Calls per transaction: on SQLite nobody else can write while one lasts."""


@transaction.atomic
def create_agent(project: Project, columns: Mapping[str, Any], settings: Mapping[str, Any]) -> Agent:
    """`settings` are the wire's fields that are kept. Raises Invalid for an assistant id that is taken."""
    agent = Agent(project=project, settings=dict(settings), **columns)
    _save(agent)
    meet_new_agent(agent)
    return agent


@transaction.atomic
def edit_agent(agent: Agent, columns: Mapping[str, Any], settings: Mapping[str, Any]) -> Agent:
    """Change what is mentioned. Calls that were measured keep their results."""
    locked = Agent.objects.select_for_update(no_key=True).filter(pk=agent.pk).first()
    if locked is None:
        raise NotFound
    for name, value in columns.items():
        setattr(locked, name, value)
    locked.settings = {**locked.settings, **settings}
    _save(locked)
    return locked


def delete_agent(agent: Agent, *, with_calls: bool) -> None:
    """Without its calls those stay in the project and belong to no agent. Metrics only lose the agent."""
    if with_calls:
        delete_calls(CallLog.objects.filter(agent=agent))
    agent.delete()


def delete_calls(calls: QuerySet[CallLog]) -> None:
    """Delete calls with their results and reviews, a batch per transaction; cut short, it can be repeated."""
    while ids := list(calls.order_by("pk").values_list("pk", flat=True)[:DELETE_BATCH]):
        with transaction.atomic():
            CallLog.objects.filter(pk__in=ids).delete()


def _save(agent: Agent) -> None:
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError:
        raise Invalid.field(
            "assistant_id", "Another agent of this project already has this assistant id."
        ) from None

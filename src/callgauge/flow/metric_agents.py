"""Which agents' calls a metric measures."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.utils import timezone

from callgauge.flow.audit import record
from callgauge.flow.errors import Invalid, NotFound
from callgauge.store.models import Agent, Metric


def change_agents(metric: Metric, agents: Sequence[Agent], *, enable: bool) -> bool:
    """Add agents to those that a metric measures, or take them out; whether that changed anything.
    The caller is in a transaction."""
    locked = Metric.objects.select_for_update(no_key=True).filter(pk=metric.pk, deleted_at=None).first()
    if locked is None:
        raise NotFound
    ids = {agent.pk for agent in agents}
    if enable:
        added = set() if locked.every_agent else ids - set(locked.agents.values_list("pk", flat=True))
        if added:
            locked.agents.add(*added)
            record("metric.agents_changed", locked, added=sorted(added))
        return bool(added)
    measured = locked.project.agents if locked.every_agent else locked.agents
    before = set(measured.values_list("pk", flat=True))
    if not before & ids:
        return False
    locked.agents.set(before - ids)
    Metric.objects.filter(pk=locked.pk).update(every_agent=False, updated_at=timezone.now())
    record("metric.agents_changed", locked, removed=sorted(before & ids))
    return True


def meet_new_agent(agent: Agent) -> None:
    """Honour `add_to_new_agents` for an agent that was just made."""
    metrics = Metric.objects.filter(project_id=agent.project_id, deleted_at=None)
    for metric in metrics.filter(every_agent=False, add_to_new_agents=True):
        metric.agents.add(agent)
    others = Agent.objects.filter(project_id=agent.project_id).exclude(pk=agent.pk)
    for metric in metrics.filter(every_agent=True, add_to_new_agents=False):
        metric.agents.set(others)
        Metric.objects.filter(pk=metric.pk).update(every_agent=False)


def named_agents(project_id: int, ids: Collection[int]) -> list[Agent]:
    """Foreign and missing agents look the same."""
    wanted = set(ids)
    found = list(Agent.objects.filter(project_id=project_id, pk__in=wanted))
    missing = sorted(wanted - {agent.pk for agent in found})
    if missing:
        raise Invalid({"agents": [f'Invalid pk "{pk}" - object does not exist.' for pk in missing[:10]]})
    return found


def measure_only(metric: Metric, agents: Sequence[Agent]) -> None:
    """Exactly these agents. A metric of every agent stays one when it is told all there are: that is a
    client that writes back what it read, and agents made later should not drop out because of it."""
    if metric.every_agent:
        others = metric.project.agents.exclude(pk__in=[agent.pk for agent in agents])
        if not others.exists():
            return
    metric.agents.set(agents)
    metric.every_agent = False

"""Taking predefined metrics over into a project: each once."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from callgauge.engine.predefined import Predefined
from callgauge.flow.metrics import MetricChange, create_metric
from callgauge.store.models import Agent, Metric, Project


@transaction.atomic
def copy_predefined(
    project: Project, wanted: Sequence[Predefined], *, agent: Agent | None = None, by: str = ""
) -> list[Metric]:
    """The project's own metrics for these, in the order asked for; one that is there already is not copied
    again. With an agent, each measures at least that agent; without, a new one measures all agents."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two requests must not copy one twice
    there = {
        metric.current_version.predefined_code: metric
        for metric in Metric.objects.filter(
            project=project,
            deleted_at=None,
            current_version__predefined_code__in=[one.code for one in wanted],
        )
        .select_related("current_version")
        .order_by("-id")
        if metric.current_version is not None
    }
    copied: list[Metric] = []
    for one in wanted:
        metric = there.get(one.code)
        if metric is None:
            agents = [] if agent is None else [agent.pk]
            metric = create_metric(project, MetricChange(frozen=_frozen(one), agents=agents), by=by)
            there[one.code] = metric
        elif agent is not None and not metric.every_agent:
            metric.agents.add(agent)
        if metric not in copied:
            copied.append(metric)
    return copied


def _frozen(one: Predefined) -> dict[str, object]:
    return {
        "name": one.name,
        "predefined_code": one.code,
        "kind": one.kind.value,
        "eval_type": one.eval_type.value,
        "description": one.description,
        "prompt": one.prompt,
        "labels": list(one.labels),
        "built_in": one.built_in,
        "configuration": dict(one.configuration),
    }

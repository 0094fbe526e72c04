"""Finding metrics, and what a list of them shows besides their own rows: a fixed number of queries each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Case, F, FloatField, QuerySet, Sum, Value, When

from callgauge.domain.rubric import FAIL_SCORE, PASS_SCORE
from callgauge.domain.storable import is_storable
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.scope import Who, as_id, find_project, projects_of
from callgauge.store.models import Agent, Metric, MetricResult, ResultOutcome


@dataclass(frozen=True, slots=True)
class Average:
    """Over the current scored results of a metric; a pass counts 5 and a fail 0, as on the wire."""

    mean: float | None
    total: float | None


def metrics_of(key: Who) -> QuerySet[Metric]:
    return (
        Metric.objects.filter(project__in=projects_of(key), deleted_at=None)
        .select_related("current_version")
        .order_by("display_order", "id")
    )


def find_metric(key: Who, id_or_slug: str, project_id: Any = None) -> Metric:
    """By id, or by slug, which an organization's key may find in several projects: that is Invalid.

    Raises NotFound for what is foreign or missing."""
    if not is_storable(id_or_slug):
        raise NotFound
    metrics = metrics_of(key)
    if project_id:
        metrics = metrics.filter(project=find_project(key, project_id))
    number = as_id(id_or_slug)
    named = metrics.filter(pk=number) if number else metrics.filter(slug=id_or_slug)
    found = list(named[:2])
    if not found:
        raise NotFound
    if len(found) > 1:
        raise Invalid.field("slug", "Several projects have a metric with this slug; give project_id too.")
    return found[0]


def agents_by_metric(metrics: Sequence[Metric]) -> Mapping[int, Sequence[Agent]]:
    """The agents that each metric measures, by metric id, in the order of their ids."""
    projects = {metric.project_id for metric in metrics}
    agents = list(
        Agent.objects.filter(project_id__in=projects).only("id", "name", "project_id").order_by("id")
    )
    chosen: dict[int, set[int]] = defaultdict(set)
    links = Metric.agents.through.objects.filter(metric__in=[metric.pk for metric in metrics])
    for metric_id, agent_id in links.values_list("metric_id", "agent_id"):
        chosen[metric_id].add(agent_id)
    of_project: dict[int, list[Agent]] = defaultdict(list)
    for agent in agents:
        of_project[agent.project_id].append(agent)
    return {
        metric.pk: [
            agent
            for agent in of_project[metric.project_id]
            if metric.every_agent or agent.pk in chosen[metric.pk]
        ]
        for metric in metrics
    }


def averages(metrics: Sequence[Metric]) -> Mapping[int, Average]:
    """Reads every current result of these metrics: only for requests that ask for it."""
    score = Case(
        When(passed=True, then=Value(PASS_SCORE)),
        When(passed=False, then=Value(FAIL_SCORE)),
        default=F("number"),
        output_field=FloatField(),
    )
    rows = (
        MetricResult.objects.filter(
            metric_id__in=[metric.pk for metric in metrics],
            call__project_id__in={metric.project_id for metric in metrics},
            call__deleted_at=None,
            is_current=True,
            outcome=ResultOutcome.SCORED,
        )
        .values("metric_id")
        .annotate(mean=Avg(score), total=Sum(score))
        .order_by()
    )
    return {row["metric_id"]: Average(row["mean"], row["total"]) for row in rows}

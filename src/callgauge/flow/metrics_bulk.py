"""What is done to several metrics at once: all of it or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from callgauge.flow.audit import audited, record
from callgauge.flow.errors import Invalid
from callgauge.flow.metric_agents import change_agents
from callgauge.flow.metrics import delete_metric
from callgauge.flow.metrics_lists import metrics_of
from callgauge.store.models import Agent, ApiKey, Metric, Project

MAX_METRICS = 1_000


def chosen(key: ApiKey, ids: Sequence[int], *, field: str = "metric_ids") -> list[Metric]:
    """These metrics, in this order, each once. Raises Invalid where one is foreign or missing."""
    wanted = list(dict.fromkeys(ids))
    if not 0 < len(wanted) <= MAX_METRICS:
        raise Invalid.field(field, f"Name 1 to {MAX_METRICS} metrics.")
    found = {metric.pk: metric for metric in metrics_of(key).filter(pk__in=wanted)}
    missing = [pk for pk in wanted if pk not in found]
    if missing:
        raise Invalid({field: [f'Invalid pk "{pk}" - object does not exist.' for pk in missing[:10]]})
    return [found[pk] for pk in wanted]


def set_switches(metrics: Sequence[Metric], switches: Mapping[str, bool]) -> int:
    """Columns of Metric and what they become; how many metrics there were."""
    with transaction.atomic():
        record("metric.switched", metrics, **switches)
        return Metric.objects.filter(pk__in=[metric.pk for metric in metrics], deleted_at=None).update(
            **switches, updated_at=timezone.now()
        )


@audited("metric.reordered")
def reorder(metrics: Sequence[Metric]) -> None:
    """They are shown in this order from now on, before those that are not named."""
    for position, metric in enumerate(metrics):
        Metric.objects.filter(pk=metric.pk).update(display_order=position - len(metrics))


@transaction.atomic
def delete_metrics(metrics: Sequence[Metric]) -> None:
    for metric in metrics:
        delete_metric(metric)


@transaction.atomic
def manage_agents(
    project: Project, metrics: Sequence[Metric], agents: Sequence[Agent], *, enable: bool
) -> int:
    """Have metrics measure these agents too, or no longer; how many metrics that changed.

    Raises Invalid where a metric is of another project."""
    foreign = [metric.pk for metric in metrics if metric.project_id != project.pk]
    if foreign:
        raise Invalid({"metric_ids": [f"Metric {pk} is not of this project." for pk in foreign[:10]]})
    return sum(change_agents(metric, agents, enable=enable) for metric in metrics)

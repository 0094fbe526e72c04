"""Advice on a metric, with what its project knows: its other metrics, and what the rubric asks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callgauge.domain.metrics import EvalType
from callgauge.domain.rubric import Group, RubricError
from callgauge.domain.rubric_reading import parse_rubric
from callgauge.engine.lint import Advice, Draft, lint
from callgauge.flow.metrics import current_version, spec_of
from callgauge.store.models import Metric, MetricVersion


def advice_on(metric: Metric) -> list[Advice]:
    """On a metric as it is saved."""
    version = current_version(metric)
    rules = [rule.conditions for rule in metric.rubric_rules.all()]
    return _advice(metric.project_id, metric.pk, version, rules, metric.settings)


def advice_on_draft(
    project_id: int, frozen: Mapping[str, Any], *, metric: Metric | None = None
) -> list[Advice]:
    """On a metric before it is saved. `frozen` has the columns of a version (as `check_metric` gives them);
    `metric` is what it would change, None for a new one."""
    version = MetricVersion(pk=0, metric_id=0, **frozen)
    if metric is None:
        return _advice(project_id, 0, version, (), {})
    rules = [rule.conditions for rule in metric.rubric_rules.all()]
    return _advice(project_id, metric.pk, version, rules, metric.settings)


def _advice(
    project_id: int,
    metric_id: int,
    version: MetricVersion,
    rules: Sequence[object],
    settings: Mapping[str, Any],
) -> list[Advice]:
    others = Metric.objects.filter(project_id=project_id, deleted_at=None).exclude(pk=metric_id)
    spec = spec_of(version)
    declared = settings.get("metric_description_variables") or ()
    return lint(
        Draft(
            spec=spec,
            hears=version.audio_enabled,
            rules=_rules(rules, spec.name, spec.eval_type),
            other_names=frozenset(others.values_list("name", flat=True)),
            declared_variables=[name for name in declared if isinstance(name, str)],
        )
    )


def _rules(conditions: Sequence[object], name: str, eval_type: EvalType) -> list[Group]:
    config = {"rules": [{"metric_id": 1, "conditions": one} for one in conditions]}
    try:
        return [rule.conditions for rule in parse_rubric(config, {1: (name, eval_type)}).rules]
    except RubricError:  # written for another eval type: settling says so
        return []

"""A project's rubric as rows: written as a whole, checked against the metrics that are there.

Nothing is evaluated again because a rubric changed; `Project.rubric_version` counts the changes.
"""

from __future__ import annotations

from typing import Any, assert_never

from django.db import transaction
from django.db.models import F

from callgauge.domain.metrics import EvalType
from callgauge.domain.rubric import RubricError, tree
from callgauge.domain.rubric_reading import Known, parse_rubric
from callgauge.flow.audit import record
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import Who, require_change
from callgauge.store.models import Metric, MetricVersion, Project, RubricChange, RubricRule

DEFAULT_RATING = 3
"""Of 0 to 5: what `add_to_rubric` asks of a rating where nobody said more."""


def rubric_config(project: Project) -> dict[str, Any]:
    """The rubric as the wire has it; `{}` where there are no rules. Uses prefetched rules where there are."""
    rules = [
        {"metric_id": rule.metric_id, "conditions": rule.conditions}
        for rule in sorted(project.rubric_rules.all(), key=lambda rule: rule.position)
    ]
    return {"evaluation_logic": project.rubric_logic, "rules": rules} if rules else {}


@transaction.atomic
def write_rubric(project: Project, config: object, *, who: Who | None = None) -> bool:
    """Replace all rules; True where that changed anything. Raises Invalid and, for a viewer, Forbidden, and
    then nothing is written. Without `who`, a part of the server that has asked that already."""
    if who is not None:
        require_change(who)
    locked = _lock(project.pk)
    try:
        rubric = parse_rubric(config, _known(project.pk))
    except RubricError as error:
        raise Invalid.field("rubric_config", str(error)) from None
    rules = [(rule.metric_id, tree(rule.conditions)) for rule in rubric.rules]
    before = [(rule.metric_id, rule.conditions) for rule in locked.rubric_rules.all()]
    if rules == before and (not rules or rubric.operator.value == locked.rubric_logic):
        return False
    locked.rubric_rules.all().delete()
    RubricRule.objects.bulk_create(
        RubricRule(project=locked, metric_id=metric_id, conditions=conditions, position=position)
        for position, (metric_id, conditions) in enumerate(rules)
    )
    Project.objects.filter(pk=project.pk).update(rubric_logic=rubric.operator.value)
    _count_change(project.pk)
    return True


@transaction.atomic
def add_rule(metric: Metric, version: MetricVersion) -> None:
    """Put a metric into its project's rubric with the rule that its type suggests, unless it has one."""
    _lock(metric.project_id)
    if metric.rubric_rules.exists():
        return
    last = RubricRule.objects.filter(project_id=metric.project_id).order_by("position").last()
    RubricRule.objects.create(
        project_id=metric.project_id,
        metric=metric,
        conditions=_default_conditions(version),
        position=0 if last is None else last.position + 1,
    )
    _count_change(metric.project_id)


@transaction.atomic
def drop_rules(metric: Metric) -> None:
    _lock(metric.project_id)
    deleted, _ = metric.rubric_rules.all().delete()
    if deleted:
        _count_change(metric.project_id)


def require_fit(metric: Metric, eval_type: EvalType) -> None:
    """Raises Invalid where the rubric asks this metric for something that the new type cannot give."""
    rules = [{"metric_id": metric.pk, "conditions": rule.conditions} for rule in metric.rubric_rules.all()]
    try:
        parse_rubric({"rules": rules}, {metric.pk: (metric.name, eval_type)})
    except RubricError:
        raise Invalid.field(
            "eval_type",
            "The project's rubric has a rule for this metric that does not fit the new type. "
            "Take the rule out of rubric_config first.",
        ) from None


def _known(project_id: int) -> Known:
    rows = Metric.objects.filter(
        project_id=project_id, deleted_at=None, current_version__isnull=False
    ).values_list("id", "name", "current_version__eval_type")
    return {pk: (name, EvalType(eval_type)) for pk, name, eval_type in rows}


def _default_conditions(version: MetricVersion) -> dict[str, Any]:
    eval_type = EvalType(version.eval_type)
    match eval_type:
        case EvalType.BINARY:
            condition: dict[str, Any] = {"field": "score", "op": "eq", "value": True}
        case EvalType.RATING:
            condition = {"field": "score", "op": "gte", "value": DEFAULT_RATING}
        case EvalType.NUMERIC:
            condition = {"field": "score", "op": "gt", "value": 0}
        case EvalType.ENUM:
            if not version.labels:  # the agent's nodes are its labels, and none of them is the good one
                raise Invalid.field("add_to_rubric", "Say in rubric_config which of its values pass.")
            condition = {"field": "enum", "op": "eq", "value": version.labels[0]}
        case _:
            assert_never(eval_type)
    return {"operator": "and", "conditions": [condition]}


def _lock(project_id: int) -> Project:
    """One change of a rubric at a time. The weaker lock: calls that come in refer to the project's row."""
    return Project.objects.select_for_update(no_key=True).get(pk=project_id)


def _count_change(project_id: int) -> None:
    """The caller holds the project's row."""
    Project.objects.filter(pk=project_id).update(rubric_version=F("rubric_version") + 1)
    project = Project.objects.get(pk=project_id)
    RubricChange.objects.create(project_id=project_id, version=project.rubric_version)
    record("rubric.changed", project, version=project.rubric_version)

"""Alerts: make, edit, delete, list. None fires yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from callgauge.domain.alerting import AlertFault, read_rule
from callgauge.flow.audit import audited
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.scope import as_id, projects_of
from callgauge.store.models import Alert, ApiKey, Metric, Project


def alerts_of(key: ApiKey) -> QuerySet[Alert]:
    """Not of metrics that were deleted: nothing is measured that could fire them."""
    return (
        Alert.objects.filter(project__in=projects_of(key), metric__deleted_at=None)
        .select_related("project", "metric__current_version")
        .order_by("-id")
    )


def find_alert(key: ApiKey, pk: Any) -> Alert:
    """Raises NotFound for what is foreign or missing."""
    found = alerts_of(key).filter(pk=as_id(pk) or 0).first()
    if found is None:
        raise NotFound
    return found


@audited("alert.created")
def create_alert(project: Project, metric_id: int, said: Mapping[str, Any]) -> Alert:
    """Raises Invalid in the wire's names."""
    metric = Metric.objects.filter(project=project, pk=metric_id, deleted_at=None).first()
    if metric is None:
        raise Invalid.field("source_id", "This project has no such metric.")
    alert = Alert(project=project, metric=metric, name=said["name"])
    return _written(alert, {"source": {}, **said})


@audited("alert.edited")
def edit_alert(alert: Alert, said: Mapping[str, Any]) -> Alert:
    """Change what is mentioned. Raises Invalid, and NotFound where it was deleted meanwhile."""
    locked = Alert.objects.select_for_update(of=("self",)).filter(pk=alert.pk).first()
    if locked is None:
        raise NotFound
    return _written(locked, said)


@audited("alert.deleted")
def delete_alert(alert: Alert) -> None:
    alert.delete()


def _written(alert: Alert, said: Mapping[str, Any]) -> Alert:
    for name in ("name", "enabled", "notifications"):
        if name in said:
            setattr(alert, name, said[name])
    if {"source", "threshold", "preset"} & said.keys():
        _set_rule(alert, said)
    try:
        with transaction.atomic():
            alert.save()
    except IntegrityError:
        raise Invalid.field("name", "An alert with this name already exists in the project.") from None
    return alert


def _set_rule(alert: Alert, said: Mapping[str, Any]) -> None:
    before = alert.source or {}
    source = said.get("source", before) or {}
    same_kind = source.get("sub_type") in (None, before.get("sub_type")) if isinstance(source, dict) else True
    threshold = said.get("threshold", alert.threshold if same_kind and "preset" not in said else None)
    try:
        rule = read_rule(source, threshold, said.get("preset"))
    except AlertFault as fault:
        raise Invalid.field(fault.field, fault.message) from None
    alert.source, alert.threshold = dict(rule.source), dict(rule.threshold)

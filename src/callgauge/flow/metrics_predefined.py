"""Taking predefined metrics over into a project, each once; and an organization's own predefined metrics."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from callgauge.engine.predefined import PREDEFINED, Predefined
from callgauge.flow.audit import audited, record
from callgauge.flow.errors import Invalid
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics import MetricChange, create_metric, current_version
from callgauge.flow.scope import Who
from callgauge.store.models import Agent, Metric, Organization, OwnPredefined, Project

Offered = Predefined | OwnPredefined


def offered_to(key: Who) -> list[Offered]:
    """The shipped catalogue, then the organization's own in the order in which they came."""
    own = OwnPredefined.objects.filter(organization_id=key.organization_id).order_by("id")
    return [*PREDEFINED, *own]


@audited("predefined.offered")
def offer_metric(metric: Metric) -> OwnPredefined:
    """Offer what a metric asks now to every project of its organization; asked again, the same offer.

    Raises Invalid for a copy of a shipped one: that is in the catalogue already."""
    Organization.objects.select_for_update(no_key=True).get(pk=metric.project.organization_id)
    version = current_version(metric)
    if version.predefined_code in {one.code for one in PREDEFINED}:
        raise Invalid.field("non_field_errors", "This metric is a copy of one that is in the catalogue.")
    frozen = {name: getattr(version, name) for name in FROZEN}
    organization = metric.project.organization
    there = OwnPredefined.objects.filter(organization=organization, source=metric).first()
    if there is None:
        return OwnPredefined.objects.create(
            organization=organization, source=metric, frozen=frozen, code=_new_code()
        )
    there.frozen = frozen
    there.save(update_fields=["frozen"])
    return there


def _new_code() -> str:
    while True:
        code = secrets.token_hex(4)
        taken = code in {one.code for one in PREDEFINED} or OwnPredefined.objects.filter(code=code).exists()
        if not taken and int(code, 16):
            return code


@transaction.atomic
def copy_predefined(
    project: Project, wanted: Sequence[Offered], *, agent: Agent | None = None, by: str = ""
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
            record("metric.agents_changed", metric, added=[agent.pk])
        if metric not in copied:
            copied.append(metric)
    return copied


def _frozen(one: Offered) -> dict[str, Any]:
    if isinstance(one, OwnPredefined):
        return {**one.frozen, "predefined_code": one.code}
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
        "audio_enabled": one.hears,
    }

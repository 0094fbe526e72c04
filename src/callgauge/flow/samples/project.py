"""The sample calls as a project of their own, so that nobody's own figures are mixed with them.

Cut short, it can be asked for again: what is there already is not made twice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from callgauge.domain.metrics import MetricKind
from callgauge.engine.predefined import PREDEFINED
from callgauge.flow.agents import create_agent
from callgauge.flow.importing import import_row
from callgauge.flow.keys import name_of
from callgauge.flow.metrics import MetricChange, create_metric
from callgauge.flow.metrics_predefined import copy_predefined
from callgauge.flow.projects import create_project
from callgauge.flow.rubric import write_rubric
from callgauge.flow.samples import cast
from callgauge.flow.scope import Who, require_owner
from callgauge.store.models import Agent, Metric, Project

NAME: Final = "Samples"
MARK: Final = {"samples": True}
"""In the settings of the project and the metadata of each call."""


def load_samples(who: Who) -> Project:
    """Three agents with their calls, six metrics and a rubric. Raises Forbidden for all but owners."""
    require_owner(who)
    project = _there(who) or create_project(who, {"name": _free_name(who)}, settings=MARK)
    agents = {name: _agent(who, project, name, about) for name, about in cast.AGENTS.items()}
    metrics = _metrics(who, project)
    write_rubric(project, cast.rubric(metrics), who=who)
    for name, rows in cast.sample_rows(datetime.now(UTC)).items():
        for row in rows:
            import_row(agents[name], {**row, "metadata": {**row.get("metadata", {}), **MARK}})
    return project


def is_samples(project: Project) -> bool:
    return bool(project.settings.get("samples"))


def questions() -> int:
    """How many a judge is asked, where one is set."""
    return len(cast.JUDGE_METRICS) * sum(len(rows) for rows in cast.sample_rows(datetime.now(UTC)).values())


def _there(who: Who) -> Project | None:
    projects = Project.objects.filter(organization_id=who.organization_id).order_by("-id")
    return next((project for project in projects if is_samples(project)), None)


def _free_name(who: Who) -> str:
    taken = set(Project.objects.filter(organization_id=who.organization_id).values_list("name", flat=True))
    names = (NAME, *(f"{NAME} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _agent(who: Who, project: Project, name: str, about: str) -> Agent:
    shown = f"{name} (sample)"
    there = Agent.objects.select_related("project__organization").filter(project=project, name=shown).first()
    columns: dict[str, Any] = {"name": shown, "description": about}
    return there or create_agent(project, columns, {}, who=who)


def _metrics(who: Who, project: Project) -> dict[str, int]:
    """Ids by name."""
    by_rule = [one for one in PREDEFINED if one.name in cast.RULE_METRICS]
    found = {metric.name: metric.pk for metric in copy_predefined(project, by_rule, by=name_of(who))}
    for one in cast.JUDGE_METRICS:
        name = str(one["name"])
        there = Metric.objects.filter(project=project, name=name, deleted_at=None).first()
        found[name] = (there or create_metric(project, _asked(dict(one)), by=name_of(who))).pk
    return found


def _asked(one: dict[str, Any]) -> MetricChange:
    labels = one.pop("enum_values", [])
    return MetricChange(frozen={**one, "labels": labels, "kind": MetricKind.LLM_JUDGE.value})

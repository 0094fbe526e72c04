"""What is wrong with a metric's scripts, found when it is saved: syntax and circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.models import F, QuerySet

from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.engine.dependencies import (
    Reads,
    ScriptSyntax,
    check_syntax,
    circle,
    has_code_trigger,
    reads_of,
    runs_code,
    script_reads,
)
from callgauge.flow.errors import Invalid
from callgauge.store.models import Metric, MetricVersion

WIRE_NAMES: Final = {"custom_code": "custom_code", "trigger_code": "evaluation_trigger_custom_code"}
"""Columns with scripts, and what the wire calls them."""


def check_scripts(project_id: int, metric: Metric | None, frozen: Mapping[str, Any]) -> None:
    """Raises Invalid for a script that Python does not accept, and for metrics that would read each other.

    `frozen` is what the metric is to ask from now on; `metric` is None for a new one."""
    spec = compiled(frozen)
    scripts = _scripts(spec)
    if not runs_code(spec):
        return
    reads = {name: found.names for name, found in _others(project_id, metric).items()}
    way = circle(spec.name, {**reads, spec.name: reads_of(spec).names})
    if way:
        column = next(column for column, code in scripts.items() if way[1] in script_reads(code).names)
        shown = " -> ".join(f'"{name}"' for name in way)
        raise Invalid.field(WIRE_NAMES[column], f"These metrics would wait for each other: {shown}.")


def compiled(frozen: Mapping[str, Any]) -> MetricSpec:
    """What is to be asked, if Python accepts its scripts. No database is asked. Raises Invalid."""
    spec = _spec(frozen)
    faults: dict[str, Sequence[str]] = {}
    for column, code in _scripts(spec).items():
        try:
            check_syntax(code)
        except ScriptSyntax as error:
            faults[WIRE_NAMES[column]] = [str(error)]
    if faults:
        raise Invalid(faults)
    return spec


def _others(project_id: int, metric: Metric | None) -> dict[str, Reads]:
    """What the project's other scripts read, by metric name; two metrics of one name count together."""
    found: dict[str, Reads] = {}
    for version in _current(project_id, metric):
        spec = _spec({name: getattr(version, name) for name in _NEEDED})
        if runs_code(spec):
            found[spec.name] = found.get(spec.name, Reads()) | reads_of(spec)
    return found


def _current(project_id: int, metric: Metric | None) -> QuerySet[MetricVersion]:
    """The versions that ask today, without those of `metric`."""
    versions = MetricVersion.objects.filter(
        metric__project_id=project_id, metric__deleted_at=None, metric__current_version_id=F("id")
    )
    return versions if metric is None else versions.exclude(metric=metric)


_NEEDED = ("name", "kind", "eval_type", "custom_code", "trigger", "trigger_type", "trigger_code")


def _spec(frozen: Mapping[str, Any]) -> MetricSpec:
    return MetricSpec(
        metric_id=0,
        version_id=0,
        name=frozen["name"],
        kind=MetricKind(frozen["kind"]),
        eval_type=EvalType(frozen["eval_type"]),
        custom_code=frozen["custom_code"],
        trigger=Trigger(frozen["trigger"]),
        trigger_type=frozen["trigger_type"],
        trigger_code=frozen["trigger_code"],
    )


def _scripts(spec: MetricSpec) -> dict[str, str]:
    scripts = {}
    if spec.kind is MetricKind.CUSTOM_CODE:
        scripts["custom_code"] = spec.custom_code
    if has_code_trigger(spec):
        scripts["trigger_code"] = spec.trigger_code
    return scripts

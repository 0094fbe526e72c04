"""The rubric as a form: which metrics decide success, and how. What the form cannot show stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict

from callgauge.domain.metrics import EvalType
from callgauge.domain.rubric import describe
from callgauge.domain.rubric_reading import parse_rubric
from callgauge.flow import rerun
from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.plan import plan_for
from callgauge.flow.plan_words import plan_words
from callgauge.flow.projects import edit_project
from callgauge.flow.rerun import Terms
from callgauge.flow.rubric import rubric_config
from callgauge.flow.scope import Person, agents_of
from callgauge.flow.selection import Selection
from callgauge.store.models import Agent, CallLog, Metric, MetricVersion, Reuse
from callgauge.web.page import project_page, say
from callgauge.web.settings.places import project_of, show_settings, to_tab

OPS: Mapping[str, str] = {
    "gte": "at least",
    "gt": "more than",
    "lte": "at most",
    "lt": "less than",
    "eq": "exactly",
}
CURRENT = Terms(reuse=Reuse.CURRENT)


@dataclass(frozen=True, slots=True)
class Row:
    """One metric, and its rule as far as it has one."""

    metric: Metric
    kind: str
    """An EvalType; or `words` for a rule that the form cannot show."""
    used: bool
    op: str
    value: str
    labels: list[tuple[str, bool]]
    """All that the metric gives, and whether the rule lets them pass."""
    words: str


@project_page("GET", "POST")
def rubric(request: HttpRequest, who: Person) -> HttpResponse:
    error = None
    if request.method == "POST":
        try:
            changed = _save(who, request.POST)
            say(request, _saved_words(changed))
            return to_tab(who, "settings-rubric")
        except Invalid as invalid:
            error = invalid
    return _show(request, who, error=error)


@project_page("POST")
def decide_again(request: HttpRequest, who: Person) -> HttpResponse:
    """Plans, and with `start` starts, a rerun of every agent that takes over all that has not changed."""
    try:
        agents = [agent for agent in agents_of(who).order_by("name") if _has_calls(agent)]
        if "start" not in request.POST:
            plans = [(agent, plan_words(plan_for(agent, Selection(), None, CURRENT))) for agent in agents]
            return _show(request, who, plans=plans)
        for agent in agents:
            rerun.count_against_limit(project_of(who))
            rerun.request_rerun(who, agent, Selection(), terms=CURRENT)
    except FlowError as error:
        return _show(request, who, error=error)
    say(request, "The calls are being decided again. Follow it under Reruns.")
    return to_tab(who, "reruns")


def _show(
    request: HttpRequest,
    who: Person,
    *,
    plans: list[tuple[Agent, str]] | None = None,
    error: FlowError | None = None,
) -> HttpResponse:
    project = project_of(who)
    config = rubric_config(project)
    rows = [_row(metric, config) for metric in metrics_of(who) if metric.current_version is not None]
    if error is not None and request.POST.get("save"):
        rows = [_as_typed(row, request.POST) for row in rows]
    context = {
        "rows": rows,
        "logic": config.get("evaluation_logic", "and"),
        "ops": OPS.items(),
        "version": project.rubric_version,
        "plans": plans,
        "has_calls": CallLog.objects.filter(project=project, deleted_at=None).exists(),
        "judge": bool(settings.CALLGAUGE.judge),
    }
    return show_settings(request, who, "rubric", "settings-rubric", context, error=error)


def _saved_words(changed: bool) -> str:
    if not changed:
        return "Nothing changed."
    return (
        "The rubric is changed, and decides new calls. Those that are there keep their outcome until they "
        "are decided again, below: no judge is asked for that where nothing else has changed."
    )


def _has_calls(agent: Agent) -> bool:
    return CallLog.objects.filter(agent=agent, deleted_at=None).exists()


# --- from rules to rows -----------------------------------------------------------------------------------


def _row(metric: Metric, config: Mapping[str, Any]) -> Row:
    version = metric.current_version
    assert version is not None
    kind = EvalType(version.eval_type)
    rules = [rule["conditions"] for rule in config.get("rules", ()) if rule["metric_id"] == metric.pk]
    plain = _plain(rules[0], kind, version.labels) if len(rules) == 1 else None
    if rules and plain is None:
        return Row(metric, "words", True, "", "", [], " and ".join(_in_words(metric, one) for one in rules))
    if kind is EvalType.ENUM and not version.labels:
        return Row(metric, "words", False, "", "", [], "")
    op, value = plain or (_first_op(kind), _first_value(kind, version.labels))
    chosen = value if isinstance(value, list) else []
    return Row(
        metric,
        kind.value,
        bool(rules),
        op,
        "" if isinstance(value, list) else _shown(value),
        [(label, label in chosen) for label in version.labels],
        "",
    )


def _plain(conditions: Any, kind: EvalType, labels: list[str]) -> tuple[str, Any] | None:
    """Operator and value of a rule with one condition that the form has fields for."""
    parts = conditions.get("conditions", [])
    if len(parts) != 1 or "conditions" in parts[0]:
        return None
    op, value = parts[0]["op"], parts[0]["value"]
    match kind:
        case EvalType.BINARY:
            return (op, value) if op == "eq" else None
        case EvalType.ENUM:
            wanted = value if isinstance(value, list) else [value]
            return ("in", wanted) if op in ("eq", "in") and set(wanted) <= set(labels) else None
        case _:
            return (op, value) if op in OPS else None


def _same(version: MetricVersion, one: Any, other: Any) -> bool:
    kind = EvalType(version.eval_type)
    return _plain(one, kind, version.labels) == _plain(other, kind, version.labels)


def _in_words(metric: Metric, conditions: Any) -> str:
    assert metric.current_version is not None
    rule = {"metric_id": metric.pk, "conditions": conditions}
    known = {metric.pk: (metric.name, EvalType(metric.current_version.eval_type))}
    return describe(parse_rubric({"rules": [rule]}, known).rules[0].conditions)


def _first_op(kind: EvalType) -> str:
    return {EvalType.BINARY: "eq", EvalType.ENUM: "in"}.get(kind, "gte")


def _first_value(kind: EvalType, labels: list[str]) -> Any:
    match kind:
        case EvalType.BINARY:
            return True
        case EvalType.ENUM:
            return labels[:1]
        case EvalType.RATING:
            return 3
        case _:
            return ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _as_typed(row: Row, said: QueryDict) -> Row:
    """What somebody typed is not lost because one field was wrong."""
    pk = row.metric.pk
    chosen = said.getlist(f"label.{pk}")
    return Row(
        row.metric,
        row.kind,
        bool(said.get(f"use.{pk}")),
        said.get(f"op.{pk}", row.op),
        said.get(f"value.{pk}", row.value),
        [(label, label in chosen) for label, _ in row.labels],
        row.words,
    )


# --- from the form to rules -------------------------------------------------------------------------------


def _save(who: Person, said: QueryDict) -> bool:
    """Whether that changed anything. Raises Invalid."""
    project = project_of(who)
    before = rubric_config(project)
    rules: list[dict[str, Any]] = []
    for metric in metrics_of(who):
        if metric.current_version is None or not said.get(f"use.{metric.pk}"):
            continue
        row = _row(metric, before)
        there = [rule for rule in before.get("rules", ()) if rule["metric_id"] == metric.pk]
        if row.kind == "words":
            rules += there
            continue
        conditions = _conditions(row, said)
        labels = metric.current_version.labels
        kind = EvalType(row.kind)
        if len(there) == 1 and _plain(there[0]["conditions"], kind, labels) == _plain(
            conditions, kind, labels
        ):
            rules += there  # the same, perhaps in other words: that is no change
        else:
            rules.append({"metric_id": metric.pk, "conditions": conditions})
    order = [rule["metric_id"] for rule in before.get("rules", ())]
    rules.sort(key=lambda rule: order.index(rule["metric_id"]) if rule["metric_id"] in order else len(order))
    number = project.rubric_version
    config = {"evaluation_logic": said.get("logic", "and"), "rules": rules}
    return edit_project(who, project, {}, rubric=config).rubric_version != number


def _conditions(row: Row, said: QueryDict) -> dict[str, Any]:
    pk = row.metric.pk
    match EvalType(row.kind):
        case EvalType.BINARY:
            condition: dict[str, Any] = {"op": "eq", "value": said.get(f"value.{pk}") == "true"}
        case EvalType.ENUM:
            known = {label for label, _ in row.labels}
            chosen = [label for label in said.getlist(f"label.{pk}") if label in known]
            if not chosen:
                raise Invalid.field("rules", f"{row.metric.name}: tick at least one value that passes.")
            condition = {"op": "in", "value": chosen}
        case _:
            condition = {
                "op": said.get(f"op.{pk}", "gte"),
                "value": _number(row, said.get(f"value.{pk}", "")),
            }
    field = "enum" if row.kind == EvalType.ENUM else "score"
    return {"operator": "and", "conditions": [{"field": field, **condition}]}


def _number(row: Row, text: str) -> float:
    try:
        number = float(text.strip())
    except ValueError:
        raise Invalid.field("rules", f"{row.metric.name}: write a number to compare with.") from None
    return int(number) if number.is_integer() else number

"""The query of a list of metrics: whose they are, and the small filter language of `filters`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.request import Request

from callgauge.api.fields import json_fault, query_ids, query_text
from callgauge.api.parsers import decode_json
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.scope import agents_of, as_id, find_agent, find_agent_by_assistant, find_project
from callgauge.store.models import Agent, ApiKey, Metric

MAX_DEPTH = 5
MAX_LEAVES = 100
OPS = ("eq", "in", "contains")


def listed(request: Request, key: ApiKey) -> QuerySet[Metric]:
    """An agent's metrics, a project's, or both together; then what the other parameters leave of them."""
    metrics = metrics_of(key)
    wanted = _wanted(request, key)
    if wanted is not None:
        metrics = metrics.filter(wanted)
    slug = query_text(request, "slug")
    if slug:
        metrics = metrics.filter(slug=slug)
    text = query_text(request, "filters")
    if text:
        metrics = metrics.filter(_Filters(key).read(text))
    return metrics


def _wanted(request: Request, key: ApiKey) -> Q | None:
    parts: list[Q] = []
    agent_id, assistant_id = query_text(request, "agent_id"), query_text(request, "assistant_id")
    if agent_id:
        parts.append(_measures([find_agent(key, agent_id)]))
    elif assistant_id:
        parts.append(_measures([find_agent_by_assistant(key, assistant_id)]))
    project_id = query_text(request, "project_id")
    if project_id:
        parts.append(Q(project=find_project(key, project_id)))
    ids = query_ids(request, "agents")
    if ids is not None:
        parts.append(_measures(list(agents_of(key).filter(pk__in=ids))))
    return _any(parts) if parts else None


def _measures(agents: list[Agent]) -> Q:
    """Metrics that measure any of these agents."""
    projects = {agent.project_id for agent in agents}
    chosen = Metric.agents.through.objects.filter(agent__in=agents).values("metric_id")
    return Q(every_agent=True, project_id__in=projects) | Q(pk__in=chosen)


def _any(parts: list[Q]) -> Q:
    joined = parts[0]
    for part in parts[1:]:
        joined |= part
    return joined


class _Filters:
    """`{"field", "op", "value"}`, or `{"operator": "and"|"or", "conditions": […]}`, or a list of these."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.left = MAX_LEAVES
        self.fields: dict[str, Callable[[str, Any], Q]] = {
            "name": self._text("name"),
            "type": self._text("current_version__kind"),
            "eval_type": self._text("current_version__eval_type"),
            "agents__id": self._agents,
        }

    def read(self, text: str) -> Q:
        try:
            tree = decode_json(text)
        except ValueError as error:
            raise Invalid.field("filters", f"This is not JSON: {error}.") from None
        fault = json_fault(tree)
        if fault:
            raise Invalid.field("filters", fault)
        return self._node(tree, 1)

    def _node(self, node: Any, depth: int) -> Q:
        if depth > MAX_DEPTH:
            raise Invalid.field("filters", f"Filters may be nested at most {MAX_DEPTH} levels deep.")
        if isinstance(node, list):
            node = {"operator": "and", "conditions": node}
        if not isinstance(node, dict):
            raise Invalid.field("filters", "A filter is an object with field, op and value.")
        if "conditions" not in node:
            return self._leaf(node)
        operator, parts = node.get("operator", "and"), node["conditions"]
        if operator not in ("and", "or") or not isinstance(parts, list):
            raise Invalid.field("filters", "operator is and or or, and conditions is a list.")
        joined = Q()
        for part in parts:
            read = self._node(part, depth + 1)
            joined = joined & read if operator == "and" else joined | read
        return joined

    def _leaf(self, leaf: dict[str, Any]) -> Q:
        self.left -= 1
        if self.left < 0:
            raise Invalid.field("filters", f"At most {MAX_LEAVES} conditions are possible.")
        field, op = leaf.get("field"), leaf.get("op")
        if not isinstance(field, str) or field not in self.fields:
            raise Invalid.field("filters", f"field is one of {', '.join(self.fields)}.")
        if op not in OPS:
            raise Invalid.field("filters", f"op is one of {', '.join(OPS)}.")
        values = leaf.get("value") if op == "in" else [leaf.get("value")]
        if not isinstance(values, list) or len(values) > 1_000:
            raise Invalid.field("filters", "op in wants a list of at most 1000 values.")
        return self.fields[field](op, values)

    @staticmethod
    def _text(column: str) -> Callable[[str, Any], Q]:
        def condition(op: str, values: list[Any]) -> Q:
            if not all(isinstance(value, str) for value in values):
                raise Invalid.field("filters", "This field is compared with text.")
            return (
                Q(**{f"{column}__icontains": values[0]})
                if op == "contains"
                else Q(**{f"{column}__in": values})
            )

        return condition

    def _agents(self, op: str, values: list[Any]) -> Q:
        ids = [as_id(value) for value in values]
        if None in ids or op == "contains":
            raise Invalid.field("filters", "agents__id is compared with ids, by eq or in.")
        return _measures(list(agents_of(self.key).filter(pk__in=ids)))

"""What calls can be filtered by: fields with their operators, and values to choose from."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_query import listed_calls
from callgauge.api.calls_routes import FAMILY
from callgauge.api.fields import Shape, query_text
from callgauge.api.routing import route
from callgauge.flow.filters.fields import FIELDS, METADATA, METADATA_OPS, METRIC, METRIC_OPS
from callgauge.flow.metrics_lists import metrics_of
from callgauge.store.call_choices import metadata_of, newest_ids, suggestions, values_of
from callgauge.store.models import Agent, CallLog

OFFERED = ("call_ended_reason", "topic", "dropoff_point")


class CallFilters(APIView):
    """Values are those of the newest calls that the list would show."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        key = key_of(request)
        ids = newest_ids(listed_calls(request, key))
        projects = set(CallLog.objects.filter(pk__in=ids[:500]).values_list("project_id", flat=True))
        metadata = metadata_of(ids)
        agents = Agent.objects.filter(project_id__in=projects).order_by("name", "id")[:500]
        metrics = metrics_of(key).filter(project_id__in=projects).select_related("current_version")
        return Response(
            {
                "fields": [*_plain(), *_metadata(list(metadata)), *_metric()],
                "values": {column: values_of(ids, column) for column in OFFERED},
                "metadata": [{"key": key, "values": values} for key, values in metadata.items()],
                "agents": [{"id": agent.pk, "agent_name": agent.name} for agent in agents],
                "metrics": [
                    {
                        "id": metric.pk,
                        "name": metric.name,
                        "slug": metric.slug,
                        "eval_type": metric.current_version.eval_type if metric.current_version else None,
                        "labels": metric.current_version.labels if metric.current_version else [],
                    }
                    for metric in metrics[:500]
                ],
                "calls_looked_at": len(ids),
            }
        )


class CallIdChoices(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return _suggested(request, "call_id")


class CustomerNumberChoices(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return _suggested(request, "customer_number")


def _suggested(request: Request, column: str) -> Response:
    """`search`, or the column's own name, is what was typed so far."""
    typed = query_text(request, column) or query_text(request, "search")
    calls = listed_calls(request, key_of(request), search=False)
    return Response({"results": suggestions(calls, column, typed)})


def _field(name: str, kind: str, ops: tuple[str, ...]) -> dict[str, Any]:
    return {"field": name, "type": kind, "ops": list(ops)}


def _plain() -> list[dict[str, Any]]:
    return [_field(name, field.kind.name, field.ops) for name, field in FIELDS.items()]


def _metadata(keys: list[str]) -> list[dict[str, Any]]:
    return [_field(f"{METADATA}{key}", "text or number", METADATA_OPS) for key in keys]


def _metric() -> list[dict[str, Any]]:
    kinds = {"value": "by the metric", "metric_id": "id, slug or name"}
    return [_field(f"{METRIC}{name}", kinds.get(name, "text"), ops) for name, ops in METRIC_OPS.items()]


routes = [
    route(rf"{FAMILY}/filters", CallFilters.as_view()),
    route(rf"{FAMILY}/filters_call_id", CallIdChoices.as_view()),
    route(rf"{FAMILY}/filters_customer_number", CustomerNumberChoices.as_view()),
]

"""Actions on metrics, on several at once or beside the metric itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Choice, Flag, Ids, JSONValue, RowId, Shape, Text, query_text
from callgauge.api.metrics_filters import listed
from callgauge.api.metrics_present import present_basic, present_detail, present_history
from callgauge.api.predefined import present_predefined
from callgauge.api.routing import ID, route
from callgauge.engine.faults import MissingVariable
from callgauge.engine.variables import references
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metrics import MetricChange, current_version, edit_metric, label_version
from callgauge.flow.metrics_bulk import (
    chosen,
    delete_metrics,
    manage_agents,
    reorder,
    set_switches,
)
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.metrics_predefined import offer_metric
from callgauge.flow.scope import agents_of, find_project, require_project
from callgauge.store.models import Metric

TOGGLES = ("observability_enabled", "simulation_enabled", "sampling_enabled", "add_to_new_agents")
VARIABLES = ("metric_description_variables", "evaluation_trigger_variables")


class ToggleShape(Shape):
    metric_ids = Ids(required=True)
    observability_enabled = Flag()
    simulation_enabled = Flag()
    sampling_enabled = Flag()
    add_to_new_agents = Flag()


class ReorderShape(Shape):
    metric_ids = Ids(required=True)


class DeleteShape(Shape):
    metrics = Ids()
    metric_ids = Ids()


class AgentsShape(Shape):
    project_id = RowId(allow_null=True)
    metric_ids = Ids(required=True)
    agent_ids = Ids(required=True)
    mode = Choice(["enable", "disable"], required=True)


class LabelShape(Shape):
    history_id = RowId(required=True)
    version_name = Text(255)
    history_change_reason = Text(100)
    change_reason = Text(100)


class VariablesShape(Shape):
    metric_description_variables = JSONValue(list)
    evaluation_trigger_variables = JSONValue(list)


class MetricToggle(APIView):
    serializer_class = ToggleShape

    def post(self, request: Request) -> Response:
        said = ToggleShape.read(request)
        switches = {name: said[name] for name in TOGGLES if name in said}
        if not switches:
            raise Invalid.field("non_field_errors", f"Set at least one of {', '.join(TOGGLES)}.")
        count = set_switches(chosen(key_of(request), said["metric_ids"]), switches)
        return Response({"updated_count": count, "message": _counted(count, "changed")})


class MetricReorder(APIView):
    serializer_class = ReorderShape

    def patch(self, request: Request) -> Response:
        metrics = chosen(key_of(request), ReorderShape.read(request)["metric_ids"])
        reorder(metrics)
        return Response({"metric_ids": [metric.pk for metric in metrics]})


class MetricDeleteMany(APIView):
    serializer_class = DeleteShape

    def post(self, request: Request) -> Response:
        said = DeleteShape.read(request)
        field = "metrics" if said.get("metrics") or "metric_ids" not in said else "metric_ids"
        metrics = chosen(key_of(request), said.get(field, []), field=field)
        delete_metrics(metrics)
        return Response({"deleted_count": len(metrics), "message": _counted(len(metrics), "deleted")})


class MetricAgents(APIView):
    serializer_class = AgentsShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = AgentsShape.read(request)
        try:
            project = require_project(key, said.get("project_id"))
        except NotFound:
            raise Invalid.field("project_id", "There is no such project.") from None
        agents = list(agents_of(key).filter(project=project, pk__in=said["agent_ids"]))
        missing = sorted(set(said["agent_ids"]) - {agent.pk for agent in agents})
        if missing or not agents:
            texts = [f'Invalid pk "{pk}" - object does not exist.' for pk in missing[:10]]
            raise Invalid({"agent_ids": texts or ["Name at least one agent."]})
        metrics = chosen(key, said["metric_ids"])
        count = manage_agents(project, metrics, agents, enable=said["mode"] == "enable")
        return Response({"updated_count": count, "message": _counted(count, "changed")})


class MetricBasicList(APIView):
    def get(self, request: Request) -> Response:
        return Response(present_basic(list(listed(request, key_of(request)))))


class MetricHistoryEdit(APIView):
    serializer_class = LabelShape

    def patch(self, request: Request, pk: str) -> Response:
        metric = _named(request, pk)
        said = LabelShape.read(request)
        reason = said.get("history_change_reason", said.get("change_reason"))
        try:
            version = label_version(metric, said["history_id"], label=said.get("version_name"), reason=reason)
        except NotFound:
            raise Invalid.field("history_id", "This metric has no such version.") from None
        return Response(present_history(metric, [version])[0])


class MetricVariables(APIView):
    """The `{{variables}}` of a metric's wording: as the request names them, else as they stand there."""

    serializer_class = VariablesShape

    def post(self, request: Request, pk: str) -> Response:
        metric = _named(request, pk)
        version = current_version(metric)
        said = VariablesShape.read(request)
        found = {
            VARIABLES[0]: _variables(version.prompt or version.description, "description"),
            VARIABLES[1]: _variables(version.trigger_prompt, "evaluation_trigger_prompt"),
        }
        named: Mapping[str, Any] = {name: said.get(name) or found[name] for name in VARIABLES}
        metric = edit_metric(metric, MetricChange(settings=named))
        return Response({**present_detail(metric), **named})


class MetricOffer(APIView):
    """Add a metric to the predefined ones of its organization."""

    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        metric = _named(request, pk)
        project = find_project(key, metric.project_id)
        metric.project = project
        return Response(
            {**present_detail(metric), "predefined_metric": present_predefined(offer_metric(metric))}
        )


def _variables(template: str, field: str) -> list[str]:
    try:
        return sorted(references(template))
    except MissingVariable as error:
        raise Invalid.field(field, f"{{{{{error.name}}}}} is no variable.") from None


def _counted(count: int, what: str) -> str:
    return f"{count} metric{'' if count == 1 else 's'} {what}."


def _named(request: Request, pk: str) -> Metric:
    return find_metric(key_of(request), pk, query_text(request, "project_id"))


FAMILY = r"test_framework/v[12]/metrics(?:-external)?"
routes = [
    route(rf"{FAMILY}/bulk-toggle-settings", MetricToggle.as_view()),
    route(rf"{FAMILY}/reorder", MetricReorder.as_view()),
    route(rf"{FAMILY}/delete_metrics", MetricDeleteMany.as_view()),
    route(rf"{FAMILY}/bulk_manage_agents", MetricAgents.as_view()),
    route(rf"{FAMILY}/basic_list", MetricBasicList.as_view()),
    route(rf"{FAMILY}/{ID}/history/edit", MetricHistoryEdit.as_view()),
    route(rf"{FAMILY}/{ID}/variables", MetricVariables.as_view()),
    route(rf"{FAMILY}/{ID}/add_to_predefined_metrics", MetricOffer.as_view()),
]

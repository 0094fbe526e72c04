"""Metrics on the wire: v1, its alias, and v2."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import RowId, Shape, query_flag, query_text
from callgauge.api.metrics_filters import listed
from callgauge.api.metrics_present import (
    present_detail,
    present_edit,
    present_history,
    present_list,
    with_warnings,
)
from callgauge.api.metrics_shape import MetricShape, change_of
from callgauge.api.pagination import paginated
from callgauge.api.routing import ID, route
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.keys import name_of
from callgauge.flow.metrics import (
    create_metric,
    create_metrics,
    current_version,
    delete_metric,
    edit_metric,
    restore_version,
)
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.scope import agents_of, find_agent_by_assistant, find_project
from callgauge.store.models import ApiKey, Metric, Project

MAX_BULK = 200
DEPRECATED_AGENT = '299 - "agent is deprecated: the metric was made for the whole project; send agents"'


class RestoreShape(Shape):
    history_id = RowId(required=True)


class MetricList(APIView):
    serializer_class = MetricShape
    v2 = False

    def get(self, request: Request) -> Response:
        metrics = list(listed(request, key_of(request)))
        scores = query_flag(request, "include_scores", default=False)
        return Response(present_list(metrics, v2=self.v2, scores=scores))

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = MetricShape.read(request)
        metric = create_metric(_project(key, said), change_of(said, None), by=name_of(key))
        shown = present_detail(metric) if self.v2 else present_edit(metric, said.get("assistant_id", ""))
        response = Response(with_warnings(shown, metric), status=status.HTTP_201_CREATED)
        if said.get("agent"):
            response["Warning"] = DEPRECATED_AGENT
        return response


class MetricV2List(MetricList):
    v2 = True


class MetricBulkCreate(APIView):
    """A bare array in, a bare array out; all or none."""

    serializer_class = MetricShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        bodies = request.data
        if not isinstance(bodies, list) or not 0 < len(bodies) <= MAX_BULK:
            raise Invalid.field("non_field_errors", f"Expected an array of 1 to {MAX_BULK} metrics.")
        wanted = [self._read(key, position, body) for position, body in enumerate(bodies)]
        made = create_metrics([(project, change_of(said, None)) for project, said in wanted], by=name_of(key))
        shown = [
            with_warnings(present_edit(metric, said.get("assistant_id", "")), metric)
            for metric, (_, said) in zip(made, wanted, strict=True)
        ]
        return Response(shown, status=status.HTTP_201_CREATED)

    @staticmethod
    def _read(key: ApiKey, position: int, body: Any) -> tuple[Project, dict[str, Any]]:
        faults: dict[str, Any]
        try:
            said = MetricShape.check(body)
            return _project(key, said), said
        except exceptions.ValidationError as error:
            faults = dict(error.detail) if isinstance(error.detail, dict) else {}
        except Invalid as refused:
            faults = dict(refused.messages)
        raise exceptions.ValidationError({f"{position}.{name}": texts for name, texts in faults.items()})


class MetricDetail(APIView):
    serializer_class = MetricShape
    v2 = False

    def get(self, request: Request, pk: str) -> Response:
        scores = query_flag(request, "include_scores", default=False)
        return Response(present_detail(_named(request, pk), scores=scores))

    def put(self, request: Request, pk: str) -> Response:
        metric = self._edit(request, pk, partial=False)
        return Response(with_warnings(present_edit(metric), metric))

    def patch(self, request: Request, pk: str) -> Response:
        metric = self._edit(request, pk, partial=True)
        shown = present_detail(metric) if self.v2 else present_edit(metric)
        return Response(with_warnings(shown, metric))

    def delete(self, request: Request, pk: str) -> Response:
        delete_metric(_named(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _edit(self, request: Request, pk: str, *, partial: bool) -> Metric:
        metric = _named(request, pk)
        said = MetricShape.read(request, partial=partial)
        if said.get("project") not in (None, metric.project_id):
            raise Invalid.field("project", "A metric stays in the project that it was made in.")
        change = change_of(said, current_version(metric))
        return edit_metric(metric, change, by=name_of(key_of(request)))


class MetricV2Detail(MetricDetail):
    v2 = True


class MetricHistory(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        metric = _named(request, pk)
        versions = metric.versions.select_related("changed_by_user").order_by("-number")
        return paginated(request, versions, lambda page: present_history(metric, page))


class MetricRestore(APIView):
    serializer_class = RestoreShape

    def post(self, request: Request, pk: str) -> Response:
        metric = _named(request, pk)
        version_id = RestoreShape.read(request)["history_id"]
        try:
            restored = restore_version(metric, version_id, by=name_of(key_of(request)))
        except NotFound:
            raise Invalid.field("history_id", "This metric has no such version.") from None
        return Response(with_warnings(present_detail(restored), restored))


def _named(request: Request, pk: str) -> Metric:
    return find_metric(key_of(request), pk, query_text(request, "project_id"))


def _project(key: ApiKey, said: dict[str, Any]) -> Project:
    """The project that a new metric belongs to: named, the key's own, or that of the agents it names."""
    try:
        project = find_project(key, said["project"]) if said.get("project") else key.project
    except NotFound:
        raise Invalid.field("project", "There is no such project.") from None
    for name, ids in (("agents", said.get("agents") or []), ("agent", [said.get("agent")])):
        wanted = [pk for pk in ids if pk]
        agents = {agent.pk: agent for agent in agents_of(key).select_related("project").filter(pk__in=wanted)}
        missing = [pk for pk in wanted if pk not in agents]
        if missing:
            raise Invalid({name: [f'Invalid pk "{pk}" - object does not exist.' for pk in missing[:10]]})
        if wanted and project is None:
            project = agents[wanted[0]].project
    assistant_id = said.get("assistant_id", "")
    if assistant_id:
        found = _project_of_assistant(key, assistant_id, project)
        project = project or found
    if project is None:
        raise Invalid.field("project", "This field is required with an organization's key.")
    return project


def _project_of_assistant(key: ApiKey, assistant_id: str, project: Project | None) -> Project:
    if project is not None:
        if not project.agents.filter(assistant_id=assistant_id).exists():
            raise Invalid.field("assistant_id", "No agent of this project has this assistant id.")
        return project
    try:
        return find_agent_by_assistant(key, assistant_id).project
    except NotFound:
        raise Invalid.field("assistant_id", "No agent has this assistant id.") from None


V1 = r"test_framework/v1/metrics(?:-external)?"
V2 = r"test_framework/v2/metrics"
NAME = r"(?P<pk>[-\w]+)"
routes = [
    *(
        line
        for family in (V1, V2)
        for line in (
            route(rf"{family}/{ID}/history", MetricHistory.as_view()),
            route(rf"{family}/{ID}/restore", MetricRestore.as_view()),
            route(rf"{family}/bulk_create", MetricBulkCreate.as_view()),
        )
    ),
    route(V1, MetricList.as_view()),
    route(rf"{V1}/{NAME}", MetricDetail.as_view()),
    route(V2, MetricV2List.as_view()),
    route(rf"{V2}/{NAME}", MetricV2Detail.as_view()),
]

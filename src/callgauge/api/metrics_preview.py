"""Trying a metric on past calls before it is saved: ask for it, then look until it is done."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Ids, JSONValue, RowId, Shape, query_text
from callgauge.api.metrics_present import present_advice
from callgauge.api.metrics_shape import MetricShape, change_of
from callgauge.api.present_results import present_rows
from callgauge.api.routing import route
from callgauge.flow import previews
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.lint import advice_on_draft
from callgauge.flow.scope import find_agent, require_project
from callgauge.store.models import Agent, ApiKey, CallLog, MetricPreview, Project
from callgauge.store.result_queries import ResultRow


class PreviewShape(Shape):
    agent_id = RowId(allow_null=True)
    project_id = RowId(allow_null=True)
    call_log_ids = Ids()
    run_ids = Ids()
    metric_data = JSONValue(dict, required=True, allow_null=False)


class MetricPreviewRequest(APIView):
    serializer_class = PreviewShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = PreviewShape.read(request)
        if said.get("run_ids"):
            raise Invalid.field("run_ids", "There are no test runs here: name calls in call_log_ids.")
        project, agent = _scope(key, said)
        change = change_of(MetricShape.check(said["metric_data"]), None)
        previews.count_against_limit(project)
        preview = previews.request_preview(
            project, change.frozen, said.get("call_log_ids") or [], agent=agent
        )
        warnings = present_advice(advice_on_draft(project.pk, preview.metric))
        return Response({"progress_id": preview.uid, "status": preview.state, "warnings": warnings})


class MetricPreviewProgress(APIView):
    def get(self, request: Request) -> Response:
        uid = query_text(request, "progress_id")
        if not uid:
            raise Invalid.field("progress_id", "This parameter is required.")
        return Response(_present(previews.find_preview(key_of(request), uid)))


def _scope(key: ApiKey, said: dict[str, Any]) -> tuple[Project, Agent | None]:
    agent = find_agent(key, said["agent_id"]) if said.get("agent_id") else None
    if agent is None:
        return require_project(key, said.get("project_id")), None
    if said.get("project_id") not in (None, agent.project_id):
        raise NotFound
    return agent.project, agent


def _present(preview: MetricPreview) -> dict[str, Any]:
    names = dict(CallLog.objects.filter(pk__in=preview.call_ids).values_list("pk", "call_id"))
    rows = {row["call_id"]: row for row in preview.results}
    return {
        "progress_id": preview.uid,
        "status": preview.state,
        "progress": {"done": len(rows), "total": len(preview.call_ids)},
        "results": [
            {"call_log_id": pk, "call_id": names.get(pk), **_result(preview, rows[pk])}
            for pk in preview.call_ids
            if pk in rows
        ],
    }


def _result(preview: MetricPreview, row: dict[str, Any]) -> dict[str, Any]:
    """In the shape of `evaluation.metrics[]`; the metric has no id yet."""
    created_at = parse_datetime(row["created_at"])
    assert created_at is not None
    stored = ResultRow(
        **{**row, "created_at": created_at},
        id=0,
        metric_id=0,
        rerun_id=0,
        is_stale=False,
        version_number=0,
        name=preview.metric["name"],
        eval_type=preview.metric["eval_type"],
        function_name="",
        predefined_code="",
    )
    (shown,) = present_rows([stored], {}, None, "v2")
    return {**shown, "id": None}


FAMILY = r"test_framework/v[12]/metrics(?:-external)?"
routes = [
    route(rf"{FAMILY}/preview", MetricPreviewRequest.as_view()),
    route(rf"{FAMILY}/preview-progress", MetricPreviewProgress.as_view()),
]

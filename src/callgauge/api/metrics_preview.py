"""Trying a metric on past calls before it is saved: ask for it, then look until it is done."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Ids, JSONValue, RowId, Shape, Text, query_text
from callgauge.api.metrics_present import present_advice
from callgauge.api.metrics_shape import EvalTypeField, Labels, MetricShape, change_of
from callgauge.api.routing import ID, route
from callgauge.flow import previews
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.lint import advice_on_draft
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.presenting.results import present_rows
from callgauge.flow.scope import as_id, find_agent, require_project
from callgauge.store.models import Agent, ApiKey, CallLog, Metric, MetricPreview, Project
from callgauge.store.result_queries import ResultRow


class PreviewShape(Shape):
    agent_id = RowId(allow_null=True)
    project_id = RowId(allow_null=True)
    call_log_ids = Ids()
    run_ids = Ids()
    metric_id = RowId(allow_null=True)
    """Ours: a saved metric, which `metric_data` then changes."""
    metric_data = JSONValue(dict)


class MetricPreviewRequest(APIView):
    serializer_class = PreviewShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = PreviewShape.read(request)
        if said.get("run_ids"):
            raise Invalid.field("run_ids", "There are no test runs here: name calls in call_log_ids.")
        metric = _saved(key, said.get("metric_id"))
        project, agent = _scope(key, said, metric)
        version = current_version(metric) if metric is not None else None
        if metric is None and not said.get("metric_data"):
            raise Invalid.field("metric_data", "This field is required, unless metric_id names a metric.")
        changes = MetricShape.check(said.get("metric_data") or {}, partial=metric is not None)
        change = change_of(changes, version)
        previews.count_against_limit(project)
        preview = previews.request_preview(
            project, change.frozen, said.get("call_log_ids") or [], agent=agent, changes=metric
        )
        warnings = present_advice(advice_on_draft(project.pk, preview.metric, metric=metric))
        return Response({"progress_id": preview.uid, "status": preview.state, "warnings": warnings})


class EvaluateShape(Shape):
    call_log_id = RowId(allow_null=True)
    call_log_ids = Ids()
    data = JSONValue(dict)  # type: ignore[assignment] # the wire's word
    description = Text()
    eval_type = EvalTypeField(required=False)
    enum_values = Labels()


class MetricEvaluate(APIView):
    """A saved metric on chosen calls, or other words in its place; nothing is stored with the calls.

    The calls are named, or `data` is what a Python metric is given, which holds `call_log_id`."""

    serializer_class = EvaluateShape

    def post(self, request: Request, pk: str) -> Response:
        metric = find_metric(key_of(request), pk)
        said = EvaluateShape.read(request)
        ids = said.get("call_log_ids") or [said.get("call_log_id") or _call_of(said.get("data") or {})]
        version = current_version(metric)
        wording = {name: getattr(version, name) for name in FROZEN}
        instead = {"description": "description", "eval_type": "eval_type", "enum_values": "labels"}
        wording |= {column: said[name] for name, column in instead.items() if said.get(name)}
        if said.get("description"):
            wording["prompt"] = ""
        previews.count_against_limit(metric.project)
        preview = previews.request_preview(metric.project, wording, ids)
        return Response({"progress_id": preview.uid, "status": preview.state})


class MetricPreviewProgress(APIView):
    def get(self, request: Request) -> Response:
        uid = query_text(request, "progress_id")
        if not uid:
            raise Invalid.field("progress_id", "This parameter is required.")
        return Response(_present(previews.find_preview(key_of(request), uid)))


def _call_of(data: dict[str, Any]) -> int:
    number = as_id(data.get("call_log_id"))
    if number is None:
        raise Invalid.field("call_log_id", "Name a call here, in call_log_ids or in data.call_log_id.")
    return number


def _saved(key: ApiKey, metric_id: int | None) -> Metric | None:
    try:
        return None if metric_id is None else find_metric(key, str(metric_id))
    except NotFound:
        raise Invalid.field("metric_id", "There is no such metric.") from None


def _scope(key: ApiKey, said: dict[str, Any], metric: Metric | None) -> tuple[Project, Agent | None]:
    agent = find_agent(key, said["agent_id"]) if said.get("agent_id") else None
    if metric is not None:
        project = metric.project
    else:
        project = agent.project if agent is not None else require_project(key, said.get("project_id"))
    if said.get("project_id") not in (None, project.pk) or (agent and agent.project_id != project.pk):
        raise NotFound
    return project, agent


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
    route(rf"{FAMILY}/evaluate_metric_progress", MetricPreviewProgress.as_view()),
    route(rf"{FAMILY}/{ID}/evaluate_advance_metric", MetricEvaluate.as_view()),
    route(rf"{FAMILY}/{ID}/evaluate_basic_metric", MetricEvaluate.as_view()),
    route(rf"{FAMILY}/{ID}/evaluate_llm_judge_metric", MetricEvaluate.as_view()),
]

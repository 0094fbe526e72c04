"""Calls as they were scored at a moment or by a version, and every result that a call ever had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orjson import Fragment
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape, query_text
from callgauge.api.routing import ID, route
from callgauge.flow.calls import find_call
from callgauge.flow.history import check_versions, read_then, verdict_of
from callgauge.flow.scope import as_id, projects_of
from callgauge.store.models import CallLog
from callgauge.store.result_history import KeptRow, Then, kept_results, results_then


class CallHistory(APIView):
    """By metric, the newest first."""

    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        call = find_call(key_of(request), pk)
        metric = query_text(request, "metric_id")
        kept = kept_results([call.pk], as_id(metric) or 0 if metric else None)
        metrics = [
            {"id": metric_id, "name": rows[-1].row.name, "results": [_result(one) for one in reversed(rows)]}
            for (_, metric_id), rows in kept.items()
        ]
        return Response({"call_log_id": call.pk, "call_id": call.call_id, "metrics": metrics})


def _result(one: KeptRow) -> dict[str, Any]:
    row = one.row
    values: Sequence[Any] = (row.passed, row.number, row.label)
    return {
        "id": row.id,
        "version": row.version_number,
        "outcome": row.outcome,
        "value": next((value for value in values if value is not None), None),
        "reason": row.reason or None,
        "explanation": Fragment(row.explanation),
        "low_trust": row.low_trust,
        "judge_model": row.judge_model or None,
        "cost_usd": row.cost_usd,
        "rerun": row.rerun_id,
        "kind": one.kind,
        "is_current": one.is_current,
        "is_stale": row.is_stale,
        "current_again_by": one.reused_by,
        "created_at": row.created_at,
    }


def then_of(request: Request) -> Then:
    """`as_of` and `metric_version` of the address. Raises Invalid."""
    then = read_then(query_text(request, "as_of"), request.query_params.getlist("metric_version"))
    if then.versions:
        check_versions(list(projects_of(key_of(request)).values_list("pk", flat=True)), then)
    return then


def as_scored(call: CallLog, then: Then) -> dict[str, Any]:
    """What was asked for, which of the versions have not measured the call, and what it would come to."""
    rows = results_then([call.pk], then).get(call.pk, [])
    measured = {row.metric_id for row in rows}
    return {
        "as_of": then.as_of,
        "metric_versions": {str(metric): number for metric, number in then.versions.items()},
        "not_measured": [metric for metric in then.versions if metric not in measured],
        "success_by_todays_rubric": verdict_of(call, rows),
    }


routes = [route(rf"callgauge/v1/calls/{ID}/history", CallHistory.as_view())]

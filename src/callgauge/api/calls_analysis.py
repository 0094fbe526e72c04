"""Figures over the calls that a list would show."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_query import listed_calls
from callgauge.api.calls_routes import FAMILY
from callgauge.api.routing import route
from callgauge.flow.scope import projects_of
from callgauge.store.call_statistics import by_day, by_ending, by_metric, tally


class AnalyzeCallLogs(APIView):
    def get(self, request: Request) -> Response:
        key = key_of(request)
        calls = listed_calls(request, key)
        found = tally(calls, list(projects_of(key).values_list("pk", flat=True)))
        return Response(
            {
                "total_calls": found.calls,
                "success_count": found.succeeded,
                "failure_count": found.failed,
                "undecided_count": found.undecided,
                "success_rate": found.success_rate,
                "reviewed_count": found.reviewed,
                "average_duration": found.mean_secs,
                "total_duration": found.total_secs,
                "first_call": found.first,
                "last_call": found.last,
                "calls_by_day": by_day(calls),
                "call_ended_reasons": by_ending(calls),
                "metrics": [_metric(row) for row in by_metric(calls)],
            }
        )


def _metric(row: dict[str, Any]) -> dict[str, Any]:
    """A rate only where something was decided, a mean only where a number was given."""
    return {
        "id": row["metric_id"],
        "name": row["metric__name"],
        "eval_type": row["version__eval_type"],
        "scored": row["scored"],
        "skipped": row["skipped"],
        "failed": row["failed"],
        "pass_rate": row["passes"] / row["decided"] if row["decided"] else None,
        "average": row["mean"],
    }


routes = [route(rf"{FAMILY}/analyze_call_logs", AnalyzeCallLogs.as_view())]

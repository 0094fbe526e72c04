"""How far reruns are: ours, beside the contract, which only has a way to ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape
from callgauge.api.pagination import paginated
from callgauge.api.routing import ID, route
from callgauge.flow.batches import AtProvider, at_provider
from callgauge.flow.errors import NotFound
from callgauge.flow.scope import as_id, find_agent, find_project, projects_of
from callgauge.store.models import UNFINISHED, Rerun, RerunKind


class RerunList(APIView):
    """Newest first. First evaluations of calls that came in are left out: each is a rerun of one call."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        key = key_of(request)
        found = _visible(request).exclude(kind=RerunKind.LIVE).order_by("-id")
        if agent_id := request.query_params.get("agent_id"):
            found = found.filter(agent=find_agent(key, agent_id))
        if project_id := request.query_params.get("project_id"):
            found = found.filter(project=find_project(key, project_id))
        return paginated(request, found, _present)


class RerunItem(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        rerun = _visible(request).filter(pk=as_id(pk) or 0).first()
        if rerun is None:
            raise NotFound
        return Response(_present([rerun])[0])


def _visible(request: Request) -> QuerySet[Rerun]:
    return Rerun.objects.filter(project__in=projects_of(key_of(request)))


def _present(reruns: Sequence[Rerun]) -> list[dict[str, Any]]:
    waiting = at_provider([rerun.pk for rerun in reruns if rerun.state in UNFINISHED])
    return [
        {
            "id": rerun.pk,
            "state": rerun.state,
            "kind": rerun.kind,
            "project": rerun.project_id,
            "agent": rerun.agent_id,
            "calls": rerun.selection.get("calls"),
            "metric_versions": rerun.metric_version_ids,
            "judge_model": rerun.judge_model,
            "planned": rerun.planned_at is not None,
            "total_calls": rerun.total_calls,
            "settled_calls": rerun.settled_calls,
            "failed_calls": rerun.failed_calls,
            "total": rerun.total,
            "scored": rerun.scored,
            "skipped": rerun.skipped,
            "failed": rerun.failed,
            "waiting_at_provider": asdict(waiting.get(rerun.pk, AtProvider())),
            "judge_requests": rerun.judge_requests,
            "input_tokens": rerun.input_tokens,
            "cached_tokens": rerun.cached_tokens,
            "output_tokens": rerun.output_tokens,
            "cost_usd": rerun.cost_usd,
            "created_at": rerun.created_at,
            "finished_at": rerun.finished_at,
        }
        for rerun in reruns
    ]


routes = [
    route(r"callgauge/v1/reruns", RerunList.as_view()),
    route(rf"callgauge/v1/reruns/{ID}", RerunItem.as_view()),
]

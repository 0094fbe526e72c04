"""Exports of calls: the contract's two addresses, and ours, where the file is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_query import MAX_IDS
from callgauge.api.calls_routes import FAMILY
from callgauge.api.fields import Shape, query_ids, query_text, query_time
from callgauge.api.pagination import address, paginated
from callgauge.api.routing import route
from callgauge.flow.errors import Invalid
from callgauge.flow.exports import (
    Wanted,
    content_of,
    delete_export,
    expires_at,
    file_name,
    find_export,
    media_type,
    request_export,
)
from callgauge.flow.filters import PARAMETER
from callgauge.flow.scope import find_agent, find_agent_by_assistant, projects_of, require_project
from callgauge.store.models import CallExport, ErrandState, ExportFormat

UID = r"(?P<uid>[0-9a-fA-F-]{32,36})"


class ExportCallLogs(APIView):
    """The contract asks for an export by GET; the client may repeat it, and gets the same one."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return Response(_shown(request, _asked(request)))


class ExportProgress(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        uid = query_text(request, "progress_id")
        if not uid:
            raise Invalid.field("progress_id", "This field is required.")
        return Response(_shown(request, find_export(key_of(request), uid)))


class ExportList(APIView):
    """Newest first."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        rows = CallExport.objects.filter(project__in=projects_of(key_of(request))).order_by("-id")

        def present(page: Sequence[CallExport]) -> list[dict[str, Any]]:
            return [_shown(request, export) for export in page]

        return paginated(request, rows, present)


class ExportItem(APIView):
    serializer_class = Shape

    def get(self, request: Request, uid: str) -> Response:
        return Response(_shown(request, find_export(key_of(request), uid)))

    def delete(self, request: Request, uid: str) -> Response:
        delete_export(find_export(key_of(request), uid))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportDownload(APIView):
    serializer_class = Shape

    def get(self, request: Request, uid: str) -> HttpResponseBase:
        export = find_export(key_of(request), uid)
        response = StreamingHttpResponse(content_of(export), content_type=media_type(export))
        response["Content-Disposition"] = f'attachment; filename="{file_name(export)}"'
        response["Cache-Control"] = "private, no-store"
        response["X-Content-Type-Options"] = "nosniff"
        return response


def _asked(request: Request) -> CallExport:
    """The parameters of a list, without its default window: an export is of everything that is asked for."""
    key = key_of(request)
    agent_id, assistant_id = query_text(request, "agent_id"), query_text(request, "assistant_id")
    agent = None
    if agent_id:
        agent = find_agent(key, agent_id)
    elif assistant_id:
        agent = find_agent_by_assistant(key, assistant_id)
    project_id = query_text(request, "project_id")
    project = require_project(key, project_id) if agent is None or project_id else agent.project
    ids = query_ids(request, "call_ids")
    if ids is not None and len(ids) > MAX_IDS:
        raise Invalid.field("call_ids", f"Name at most {MAX_IDS} calls at once.")
    wanted = Wanted(
        agent_id=None if agent is None else agent.pk,
        call_ids=ids,
        since=_moment(request, "timestamp_from"),
        until=_moment(request, "timestamp_to"),
        search=query_text(request, "search"),
        filters=query_text(request, PARAMETER),
    )
    return request_export(project, query_text(request, "format").lower() or ExportFormat.CSV, wanted)


def _moment(request: Request, name: str) -> str | None:
    found = query_time(request, name)
    return None if found is None else found.isoformat()


def _shown(request: Request, export: CallExport) -> dict[str, Any]:
    done = export.state == ErrandState.COMPLETED
    total = export.total
    return {
        "progress_id": export.uid,
        "status": export.state,
        "format": export.format,
        "project": export.project_id,
        "total": total,
        "completed": export.written,
        "progress": 100.0 if done else round(100.0 * export.written / total, 1) if total else 0.0,
        "error": export.error or None,
        "file_name": file_name(export),
        "download_url": address(request, f"/callgauge/v1/exports/{export.uid}/download/") if done else None,
        "created_at": export.created_at,
        "finished_at": export.finished_at,
        "expires_at": expires_at(export),
    }


routes = [
    route(rf"{FAMILY}/export_call_logs", ExportCallLogs.as_view()),
    route(rf"{FAMILY}/export_call_logs_progress", ExportProgress.as_view()),
    route(r"callgauge/v1/exports", ExportList.as_view()),
    route(rf"callgauge/v1/exports/{UID}", ExportItem.as_view()),
    route(rf"callgauge/v1/exports/{UID}/download", ExportDownload.as_view()),
]

"""The audit log, for owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape, query_text, query_time
from callgauge.api.pagination import paginated
from callgauge.api.routing import route
from callgauge.flow.audit import entries_of
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id, find_project
from callgauge.store.models import AuditEntry


class AuditLog(APIView):
    """Newest first."""

    serializer_class = Shape
    owner_methods = ("GET",)

    def get(self, request: Request) -> Response:
        key = key_of(request)
        found = entries_of(key)
        if project_id := request.query_params.get("project_id"):
            found = found.filter(project_id=find_project(key, project_id).pk)
        for name in ("action", "object_type"):
            if wanted := query_text(request, name):
                found = found.filter(**{name: wanted})
        if object_id := query_text(request, "object_id"):
            found = found.filter(object_id=_id(object_id))
        if since := query_time(request, "since"):
            found = found.filter(created_at__gte=since)
        if until := query_time(request, "until"):
            found = found.filter(created_at__lt=until)
        return paginated(request, found, present_entries)


def present_entries(entries: Sequence[AuditEntry]) -> list[dict[str, Any]]:
    return [
        {
            "id": entry.pk,
            "created_at": entry.created_at,
            "project": entry.project_id,
            "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
            "address": entry.address,
            "request_id": entry.request_id,
            "action": entry.action,
            "object": {"type": entry.object_type, "id": entry.object_id, "name": entry.object_name},
            "details": entry.details,
        }
        for entry in entries
    ]


def _id(text: str) -> int:
    number = as_id(text)
    if number is None:
        raise Invalid.field("object_id", "Write an id.")
    return number


routes = [route("callgauge/v1/audit", AuditLog.as_view())]

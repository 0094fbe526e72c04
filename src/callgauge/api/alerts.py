"""Alerts on the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Choice, Flag, JSONValue, Name, RowId, Shape, query_flag, query_text
from callgauge.api.routing import ID, route
from callgauge.domain.alerting import PRESETS
from callgauge.flow.alerts import alerts_of, create_alert, delete_alert, edit_alert, find_alert
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metrics import current_version
from callgauge.flow.scope import find_project, require_project
from callgauge.store.models import Alert

SOURCE = "metric"
ORDERS = ("id", "name", "enabled", "created_at", "updated_at", "trigger_count", "last_triggered_at")
HOURS, MAX_HOURS = 24, 168
BUCKETS = ((24, 1), (72, 3), (MAX_HOURS, 6))
"""Up to so many hours back, buckets of so many hours."""


class AlertUpdateShape(Shape):
    name = Name(required=False)
    enabled = Flag()
    source = JSONValue(dict, allow_null=False)  # type: ignore[assignment] # the wire's word
    threshold = JSONValue(dict)
    notifications = JSONValue(dict)
    preset = Choice(list(PRESETS), required=False, allow_null=True)


class AlertShape(AlertUpdateShape):
    name = Name()
    project = RowId()
    source_type = Choice([SOURCE], required=True)
    source_id = RowId(required=True)


class AlertList(APIView):
    serializer_class = AlertShape

    def get(self, request: Request) -> Response:
        alerts = alerts_of(key_of(request))
        project_id = query_text(request, "project_id")
        if project_id:
            alerts = alerts.filter(project=find_project(key_of(request), project_id))
        if query_text(request, "enabled"):
            alerts = alerts.filter(enabled=query_flag(request, "enabled", default=True))
        if query_text(request, "source_type") not in ("", SOURCE):
            raise Invalid.field("source_type", f"Write {SOURCE}.")
        words = query_text(request, "search")
        if words:
            alerts = alerts.filter(name__icontains=words)
        order = query_text(request, "ordering")
        if order and order.removeprefix("-") not in ORDERS:
            raise Invalid.field(
                "ordering", f"Write one of {', '.join(ORDERS)}, with - before it for downwards."
            )
        if order:
            alerts = alerts.order_by(order, "-id")
        return Response([present_row(alert) for alert in alerts])

    def post(self, request: Request) -> Response:
        said = AlertShape.read(request)
        try:
            project = require_project(key_of(request), said.get("project"))
        except NotFound:
            raise Invalid.field("project", "There is no such project.") from None
        except Invalid:
            raise Invalid.field("project", "This field is required with an organization's key.") from None
        alert = create_alert(project, said["source_id"], _columns(said))
        return Response(present_edit(alert), status=status.HTTP_201_CREATED)


class AlertDetail(APIView):
    serializer_class = AlertUpdateShape

    def get(self, request: Request, pk: str) -> Response:
        return Response(present_detail(find_alert(key_of(request), pk)))

    def put(self, request: Request, pk: str) -> Response:
        return self.patch(request, pk)

    def patch(self, request: Request, pk: str) -> Response:
        alert = find_alert(key_of(request), pk)
        return Response(
            present_edit(edit_alert(alert, _columns(AlertUpdateShape.read(request, partial=True))))
        )

    def delete(self, request: Request, pk: str) -> Response:
        delete_alert(find_alert(key_of(request), pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AlertReview(APIView):
    """What fired in the last hours: nothing, as long as no alert fires."""

    def get(self, request: Request) -> Response:
        project_id = query_text(request, "project_id")
        hours = _hours(request)
        alerts = alerts_of(key_of(request))
        if project_id:
            alerts = alerts.filter(project=find_project(key_of(request), project_id))
        rows = [present_row(alert) for alert in alerts]
        step = next(size for limit, size in BUCKETS if hours <= limit)
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        starts = [now - timedelta(hours=back) for back in range((hours - 1) // step * step, -1, -step)]
        return Response(
            {
                "hours": hours,
                "detail": "Alerts are kept and shown; none fires yet.",
                "totals": {
                    "alerts": len(rows),
                    "enabled": sum(row["enabled"] for row in rows),
                    "triggers": sum(row["trigger_count"] for row in rows),
                },
                "timeline": [{"start": start, "hours": step, "triggers": 0} for start in starts],
                "alerts": rows,
            }
        )


def _hours(request: Request) -> int:
    text = query_text(request, "hours") or str(HOURS)
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_HOURS):
        raise Invalid.field("hours", f"Write a number from 1 to {MAX_HOURS}.")
    return int(text)


def _columns(said: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "enabled", "source", "threshold", "notifications", "preset")
    columns = {name: said[name] for name in names if name in said}
    if columns.get("preset", "") is None:
        del columns["preset"]
    if columns.get("notifications", "") is None:
        columns["notifications"] = {}
    return columns


def _shared(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "name": alert.name,
        "enabled": alert.enabled,
        "project": alert.project_id,
        "source_type": SOURCE,
        "source_id": alert.metric_id,
        "source": alert.source,
        "threshold": alert.threshold,
        "notifications": alert.notifications,
    }


def present_edit(alert: Alert) -> dict[str, Any]:
    """AlertCreate and AlertUpdate."""
    return _shared(alert)


def present_row(alert: Alert) -> dict[str, Any]:
    """AlertList."""
    fired = alert.last_triggered_at
    return {
        **_shared(alert),
        "source_object_name": alert.metric.name,
        "source_object_eval_type": current_version(alert.metric).eval_type,
        "trigger_count": alert.trigger_count,
        "last_triggered_at": fired,
        "last_triggered_at_formatted": f"{fired:%Y-%m-%d %H:%M} UTC" if fired else "",
        "created_at": alert.created_at,
        "updated_at": alert.updated_at,
    }


def present_detail(alert: Alert) -> dict[str, Any]:
    """AlertDetail."""
    version = current_version(alert.metric)
    return {
        **_shared(alert),
        "project_name": alert.project.name,
        "source_object_name": alert.metric.name,
        "source_object_details": {
            "id": alert.metric_id,
            "name": alert.metric.name,
            "type": version.kind,
            "eval_type": version.eval_type,
            "enum_values": version.labels,
        },
        "last_triggered_at": alert.last_triggered_at,
        "trigger_count": alert.trigger_count,
        "created_at": alert.created_at,
        "updated_at": alert.updated_at,
        "last_updated_by": None,
        "last_updated_by_email": "",
    }


ALERTS = r"observability/v1/alerts"
routes = [
    route(ALERTS, AlertList.as_view()),
    route(rf"{ALERTS}/review", AlertReview.as_view()),
    route(rf"{ALERTS}/{ID}", AlertDetail.as_view()),
]

"""Webhooks that were sent or wait for it: the log, sending again, trying an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import RowId, Shape, Text, query_text
from callgauge.api.pagination import paginated
from callgauge.api.routing import ID, route
from callgauge.flow.call_fields import timestamp_field
from callgauge.flow.errors import FlowError, Invalid, NotFound
from callgauge.flow.scope import find_agent, find_project, require_project
from callgauge.flow.webhooks import deliveries
from callgauge.flow.webhooks.deliveries import STATES, state_of
from callgauge.flow.webhooks.outbox import NotSendable, payload_of
from callgauge.store.models import Agent, ApiKey, ErrandState, Project, WebhookDelivery, WebhookEvent

UID = r"(?P<uid>[0-9a-fA-F]{32})"


class TestShape(Shape):
    project_id = RowId()
    agent_id = RowId()


class ReplayShape(Shape):
    project_id = RowId()
    since = Text(64)


class DeliveryList(APIView):
    """Newest first."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        key = key_of(request)
        found = deliveries.deliveries_of(key)
        if project_id := query_text(request, "project_id"):
            found = found.filter(project=find_project(key, project_id))
        if agent_id := query_text(request, "agent_id"):
            found = found.filter(agent=find_agent(key, agent_id))
        if state := query_text(request, "state"):
            found = found.filter(state=STATES[_word("state", state, list(STATES))])
        if event := query_text(request, "event"):
            found = found.filter(event=_word("event", event, list(WebhookEvent.values)))
        if call_id := query_text(request, "call_id"):
            found = found.filter(call__call_id=call_id)
        return paginated(request, found, _lines)


class DeliveryItem(APIView):
    serializer_class = Shape

    def get(self, request: Request, uid: str) -> Response:
        found = deliveries.find_delivery(key_of(request), uid)
        return Response(_line(found) | {"tries": found.tries, "payload": _payload(found)})


class DeliveryReplay(APIView):
    serializer_class = Shape

    def post(self, request: Request, uid: str) -> Response:
        key = key_of(request)
        return Response(_line(deliveries.replay(key, deliveries.find_delivery(key, uid))))


class DeadReplay(APIView):
    """All that was given up in a project; `since` narrows it to what is younger."""

    serializer_class = ReplayShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = ReplayShape.read(request)
        project = require_project(key, said.get("project_id"))
        since = timestamp_field("since", said["since"]) if said.get("since") else None
        return Response({"replayed": deliveries.replay_dead(key, project, since)})


class WebhookTest(APIView):
    serializer_class = TestShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = TestShape.read(request)
        agent = find_agent(key, said["agent_id"]) if said.get("agent_id") else None
        project_id = said.get("project_id")
        project = agent.project if agent is not None and not project_id else require_project(key, project_id)
        return _tested(key, project, agent)


class ProjectWebhookTest(APIView):
    """The contract's address of it."""

    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        return _tested(key, find_project(key, pk), None)


def _tested(key: ApiKey, project: Project, agent: Agent | None) -> Response:
    if agent is not None and agent.project_id != project.pk:
        raise NotFound
    return Response(_line(deliveries.send_test(key, project, agent)), status=201)


def _word(name: str, value: str, known: list[str]) -> str:
    if value not in known:
        raise Invalid.field(name, f"Write one of {', '.join(known)}.")
    return value


def _lines(rows: Sequence[WebhookDelivery]) -> list[dict[str, Any]]:
    return [_line(row) for row in rows]


def _line(row: WebhookDelivery) -> dict[str, Any]:
    last = row.tries[-1] if row.tries else {}
    return {
        "id": row.uid,
        "event": row.event,
        "state": state_of(row),
        "project": row.project_id,
        "agent": row.agent_id,
        "call_log": row.call_id,
        "call_id": None if row.call is None else row.call.call_id,
        "attempts": row.attempts,
        "url": last.get("url"),
        "response_status": last.get("status"),
        "error": last.get("error") or None,
        "created_at": row.created_at,
        "next_try_at": row.due_at if row.state == ErrandState.QUEUED else None,
        "finished_at": row.finished_at,
    }


def _payload(row: WebhookDelivery) -> Any:
    """What a try would send now; None where nothing could be sent."""
    try:
        return orjson.Fragment(payload_of(row))
    except (NotSendable, FlowError):
        return None


routes = [
    route(r"callgauge/v1/webhooks", DeliveryList.as_view()),
    route(r"callgauge/v1/webhooks/test", WebhookTest.as_view()),
    route(r"callgauge/v1/webhooks/replay", DeadReplay.as_view()),
    route(rf"callgauge/v1/webhooks/{UID}", DeliveryItem.as_view()),
    route(rf"callgauge/v1/webhooks/{UID}/replay", DeliveryReplay.as_view()),
    route(rf"user/v1/projects(?:-external)?/{ID}/test-webhook", ProjectWebhookTest.as_view()),
]

"""What is kept beside a call: the agent's log entries, and its trace."""

from __future__ import annotations

import orjson
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_routes import FAMILY
from callgauge.api.routing import ID, route
from callgauge.flow.calls import find_call
from callgauge.store.models import CallPayload


class CallLogEntries(APIView):
    def get(self, request: Request, pk: str) -> Response:
        call = find_call(key_of(request), pk)
        payload = CallPayload.objects.filter(pk=call.pk).only("logs", "raw_source", "raw_format").first()
        if payload is None or not payload.logs:
            raise exceptions.NotFound("No log entries came with this call.")
        return Response(
            {
                "provider": payload.raw_source or payload.raw_format or "cekura",
                "format": "events",
                "fetched_at": call.created_at,
                "entries": orjson.Fragment(payload.logs),
            }
        )


class CallTrace(APIView):
    """Spans go to the tracing system that the agent exports to: none come in here."""

    def get(self, request: Request, pk: str) -> Response:
        call = find_call(key_of(request), pk)
        if not call.trace_id:
            raise exceptions.NotFound("This call has no trace id.")
        raise exceptions.NotFound(
            f"No spans of trace {call.trace_id} are stored here. Look it up in the system that your agent "
            "exports its traces to."
        )


routes = [
    route(rf"{FAMILY}/{ID}/logs", CallLogEntries.as_view()),
    route(rf"{FAMILY}/{ID}/trace", CallTrace.as_view()),
]

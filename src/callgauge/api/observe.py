"""A finished call comes in."""

from __future__ import annotations

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_body import body_of
from callgauge.api.calls_routes import wire_version
from callgauge.api.present_calls import present_list, present_new
from callgauge.api.routing import route
from callgauge.flow.ingest import Ingested, agent_for, ingest_call, read_new_call

DUPLICATE_HEADER = "X-Callgauge-Duplicate"


class Observe(APIView):
    def post(self, request: Request) -> Response:
        ingested = take_in(request)
        version = wire_version(request)
        if ingested.created:
            shown = present_new(ingested.call, version=version)
        else:
            (shown,) = present_list([ingested.call], version=version)
        return Response(shown, status=status.HTTP_201_CREATED, headers=duplicate_headers(ingested))


def take_in(request: Request) -> Ingested:
    data = body_of(request)
    new = read_new_call(data)
    agent = agent_for(key_of(request), data)
    return ingest_call(agent.project, agent, new)


def duplicate_headers(ingested: Ingested) -> dict[str, str]:
    """A known call id is 201 too, because clients check for it; the header tells the difference."""
    if ingested.created:
        return {}
    return {DUPLICATE_HEADER: "updated" if ingested.updated else "kept"}


routes = [route("observability/v1/observe", Observe.as_view())]

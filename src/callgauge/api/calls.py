"""Call logs on the wire: list, read, edit, delete, vote."""

from __future__ import annotations

from typing import Any

from orjson import Fragment
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_body import body_of
from callgauge.api.calls_history import as_scored, then_of
from callgauge.api.calls_query import listed_calls
from callgauge.api.calls_routes import FAMILY, wire_version
from callgauge.api.fields import query_flag
from callgauge.api.observe import duplicate_headers, take_in
from callgauge.api.pagination import base_url, paginated
from callgauge.api.routing import ID, route
from callgauge.flow.call_fields import FieldReader
from callgauge.flow.calls import delete_call, delete_calls, edit_call, find_call, read_edit
from callgauge.flow.presenting.calls import present_details, present_list
from callgauge.flow.recordings.waveform import waveform_of
from callgauge.flow.reviewers import voter
from callgauge.flow.reviews import cast_vote, read_vote
from callgauge.store.models import CallLog
from callgauge.store.result_history import NOW, Then


class CallLogs(APIView):
    def get(self, request: Request) -> Response:
        calls = listed_calls(request, key_of(request))
        then = then_of(request)
        return paginated(
            request, calls, lambda page: present_list(page, version=wire_version(request), then=then)
        )

    def post(self, request: Request) -> Response:
        """The generic create of the contract; `observe` is the address that clients are told of."""
        ingested = take_in(request)
        return _detail(
            request, ingested.call, status=status.HTTP_201_CREATED, headers=duplicate_headers(ingested)
        )


class OneCallLog(APIView):
    def get(self, request: Request, pk: str) -> Response:
        call, then = find_call(key_of(request), pk), then_of(request)
        return Response(present_one(request, call, then))

    def patch(self, request: Request, pk: str) -> Response:
        call = find_call(key_of(request), pk)
        return _detail(request, edit_call(call, read_edit(body_of(request))))

    def delete(self, request: Request, pk: str) -> Response:
        call = find_call(key_of(request), pk)
        delete_call(call, retain_evaluations=query_flag(request, "retain_evaluations", default=False))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeleteCallLogs(APIView):
    def post(self, request: Request) -> Response:
        reader = FieldReader(body_of(request))
        if not reader.given("call_logs"):
            reader.fault("call_logs", "This field is required.")
        ids = reader.ids("call_logs")
        agents = reader.ids("agent_id") if reader.given("agent_id") else None
        retain = reader.flag("retain_evaluations")
        reader.check()
        delete_calls(
            key_of(request), ids or (), agent_id=agents[0] if agents else None, retain_evaluations=retain
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class MarkMetricVote(APIView):
    def post(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        call = find_call(key, pk)
        said = body_of(request)
        review = cast_vote(call, read_vote(said), by=voter(key, said.get("reviewer")))
        call.refresh_from_db(fields=["is_reviewed"])
        done = "Stored; the call is reviewed." if call.is_reviewed else "Stored as a note."
        return Response({"detail": done, "id": review.pk})


def _detail(request: Request, call: CallLog, **options: Any) -> Response:
    return Response(present_one(request, call), **options)


def present_one(request: Request, call: CallLog, then: Then = NOW) -> dict[str, Any]:
    """CallLogDetail with the outline of its recording."""
    (shown,) = present_details([call], version=wire_version(request), base_url=base_url(request), then=then)
    more = {"as_scored": as_scored(call, then)} if then else {}
    return {**shown, "waveform": Fragment(waveform_of(call)), **more}


routes = [
    route(FAMILY, CallLogs.as_view()),
    route(rf"{FAMILY}/{ID}", OneCallLog.as_view()),
    route(rf"{FAMILY}/delete_call_logs", DeleteCallLogs.as_view()),
    route(rf"{FAMILY}/{ID}/mark_metric_vote", MarkMetricVote.as_view()),
]

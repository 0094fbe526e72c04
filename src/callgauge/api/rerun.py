"""`rerun_evaluation` and `evaluate_metrics`: the thin face of the main job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_routes import FAMILY, wire_version
from callgauge.api.pagination import base_url
from callgauge.api.rerun_body import NOT_AN_ID, Body, read_flag, read_ids, read_selection
from callgauge.api.routing import route
from callgauge.domain.storable import is_storable
from callgauge.flow import rerun, scope
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.presenting.calls import present_details, present_list
from callgauge.flow.presenting.json import dump
from callgauge.flow.presenting.results import WireVersion
from callgauge.flow.rerun import RerunTicket, Terms
from callgauge.store.models import Agent, ApiKey, CallLog, Project

PAGE = 200
"""Calls in memory at once while an answer streams."""
MAX_KEY_CHARS = 255


class RerunEvaluation(APIView):
    def post(self, request: Request) -> HttpResponseBase:
        key = key_of(request)
        body = Body(request)
        agent = agent_of(key, body)
        rerun.count_against_limit(agent.project)
        selection = read_selection(body)
        ticket = rerun.request_rerun(
            key,
            agent,
            selection,
            metric_ids=read_ids(body, "metrics", "metric_ids"),
            idempotency_key=idempotency_key(request),
            body_hash=body.hash(),
            terms=Terms(notify=read_flag(body, "notify")),
        )
        chunks = _stream(ticket, wire_version(request), base_url(request))
        response: HttpResponseBase
        if ticket.rerun.total_calls <= PAGE and ticket.rerun.planned_at is not None:
            response = HttpResponse(b"".join(chunks), content_type="application/json")
        else:
            response = StreamingHttpResponse(chunks, content_type="application/json")
        response["X-Callgauge-Rerun"] = str(ticket.rerun.pk)
        if ticket.joined:
            response["X-Callgauge-Joined"] = "true"
        return response


class EvaluateMetrics(APIView):
    def post(self, request: Request) -> Response:
        key = key_of(request)
        body = Body(request)
        project, agent = _project_and_agent(key, body)
        rerun.count_against_limit(project)
        call_ids = read_ids(body, "call_logs", "call_log_ids")
        if call_ids is None:
            raise Invalid.field("call_logs", "This field is required.")
        metric_ids = read_ids(body, "metrics", "metric_ids")
        notify = read_flag(body, "notify")
        rerun.request_evaluation(key, project, call_ids, metric_ids, agent=agent, notify=notify)
        calls = _in_order(list(dict.fromkeys(call_ids)))
        return Response(present_list(calls, version=wire_version(request)))


def agent_of(key: ApiKey, body: Body) -> Agent:
    agent_id, assistant_id = body.value("agent_id"), body.value("assistant_id")
    if agent_id is None and assistant_id is None:
        raise Invalid.field("agent_id", "Provide either agent_id or assistant_id.")
    if agent_id is not None and assistant_id is not None:
        raise Invalid.field("agent_id", "Provide either agent_id or assistant_id, not both.")
    if agent_id is not None:
        return scope.find_agent(key, _id("agent_id", agent_id))
    if isinstance(assistant_id, bool) or not isinstance(assistant_id, (str, int)):
        raise Invalid.field("assistant_id", "Write the assistant's id as text or as a number.")
    if isinstance(assistant_id, int) and assistant_id.bit_length() > 512:
        raise NotFound
    return scope.find_agent_by_assistant(key, assistant_id)


def _project_and_agent(key: ApiKey, body: Body) -> tuple[Project, Agent | None]:
    agent_id, project_id = body.value("agent_id"), body.value("project_id")
    agent = None if agent_id is None else scope.find_agent(key, _id("agent_id", agent_id))
    if project_id is None and agent is not None:
        return agent.project, agent
    project = scope.require_project(key, None if project_id is None else _id("project_id", project_id))
    if agent is not None and agent.project_id != project.pk:
        raise NotFound
    return project, agent


def _id(name: str, value: object) -> int:
    number = scope.as_id(value)
    if number is None:
        raise Invalid.field(name, NOT_AN_ID)
    return number


def idempotency_key(request: Request) -> str:
    text = str(request.META.get("HTTP_IDEMPOTENCY_KEY", "")).strip()
    if len(text) > MAX_KEY_CHARS or not is_storable(text):
        raise Invalid.field("Idempotency-Key", f"At most {MAX_KEY_CHARS} printable characters.")
    return text


def _stream(ticket: RerunTicket, version: WireVersion, base: str) -> Iterator[bytes]:
    """The JSON array, a page of calls at a time: memory stays flat and no transaction stays open."""
    yield b"["
    separator = b""
    for ids in ticket.pages(PAGE):
        details = present_details(_in_order(ids), version=version, base_url=base, as_reset=not ticket.joined)
        if details:
            yield separator + dump(details)[1:-1]
            separator = b","
    yield b"]"


def _in_order(ids: Sequence[int]) -> list[CallLog]:
    rows = CallLog.objects.in_bulk(list(ids))
    return [rows[call_id] for call_id in ids if call_id in rows]


routes = [
    route(rf"{FAMILY}/rerun_evaluation", RerunEvaluation.as_view()),
    route(rf"{FAMILY}/evaluate_metrics", EvaluateMetrics.as_view()),
]

"""Reruns beside the contract, which only has a way to ask for one: plan, start, follow, steer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape, query_text
from callgauge.api.pagination import paginated
from callgauge.api.present_reruns import present_plan, present_reruns
from callgauge.api.rerun import agent_of, idempotency_key
from callgauge.api.rerun_body import Body, read_flag, read_ids, read_selection
from callgauge.api.routing import ID, route
from callgauge.flow import control, rerun
from callgauge.flow.call_fields import timestamp_field
from callgauge.flow.control import read_cap
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.plan import Plan, plan_for
from callgauge.flow.rerun import Terms
from callgauge.flow.saved_views import CALLS_PAGE, find_view
from callgauge.flow.scope import Who, as_id, find_agent, find_project, projects_of
from callgauge.flow.selection import Narrowing, Selection, narrowed
from callgauge.store.models import ASKED_FOR, Agent, ApiKey, Rerun, RerunState, Reuse, SavedView


class RerunList(APIView):
    """Newest first. What comes by itself, one for each call, is left out."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        key = key_of(request)
        found = _visible(request).filter(kind__in=ASKED_FOR).order_by("-id")
        if agent_id := request.query_params.get("agent_id"):
            found = found.filter(agent=find_agent(key, agent_id))
        if project_id := request.query_params.get("project_id"):
            found = found.filter(project=find_project(key, project_id))
        if state := query_text(request, "state"):
            if state not in RerunState.values:
                raise Invalid.field("state", f"Write one of {', '.join(RerunState.values)}.")
            found = found.filter(state=state)
        return paginated(request, found, present_reruns)

    def post(self, request: Request) -> Response:
        """Start one; 201, or 200 where an identical one is under way."""
        asked = _Asked(request)
        rerun.count_against_limit(asked.agent.project)
        ticket = rerun.request_rerun(
            asked.key,
            asked.agent,
            asked.selection,
            metric_ids=asked.metric_ids,
            idempotency_key=idempotency_key(request),
            body_hash=asked.body.hash(),
            terms=asked.terms,
        )
        return Response(present_reruns([ticket.rerun])[0], status=200 if ticket.joined else 201)


class RerunPlan(APIView):
    """What a rerun would do and cost. Nothing is stored and nobody is asked."""

    serializer_class = Shape

    def post(self, request: Request) -> Response:
        return Response(present_plan(_Asked(request).plan()))


class RerunPilot(APIView):
    """Measure twenty of the calls that have something to measure, so that the plan can go by them."""

    serializer_class = Shape

    def post(self, request: Request) -> Response:
        asked = _Asked(request)
        rerun.count_against_limit(asked.agent.project)
        ids = asked.plan().pilot()
        if not ids:
            raise Invalid.field("call_logs", "Nothing is to be measured, so there is nothing to try.")
        ticket = rerun.request_rerun(
            asked.key,
            asked.agent,
            Selection(ids=tuple(ids)),
            metric_ids=asked.metric_ids,
            terms=replace(asked.terms, notify=False),  # receivers hear of the calls once, by the rerun
        )
        return Response(present_reruns([ticket.rerun])[0], status=200 if ticket.joined else 201)


class RerunItem(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        return Response(present_reruns([find_rerun(key_of(request), pk)])[0])


class RerunAction(APIView):
    """Pause, resume, cancel, retry_failed."""

    serializer_class = Shape

    def post(self, request: Request, pk: str, action: str) -> Response:
        key = key_of(request)
        found = find_rerun(key, pk)
        changed = _ACTIONS[action.replace("-", "_")](key, found, request)
        return Response(present_reruns([changed])[0], status=200 if changed.pk == found.pk else 201)


def _resume(who: Who, found: Rerun, request: Request) -> Rerun:
    return control.resume(who, found, max_cost_usd=read_cap(Body(request).value("max_cost_usd")))


def _retry_failed(who: Who, found: Rerun, request: Request) -> Rerun:
    rerun.count_against_limit(found.project)
    return control.retry_failed(who, found)


_ACTIONS: dict[str, Callable[[Who, Rerun, Request], Rerun]] = {
    "pause": lambda who, found, request: control.pause(who, found),
    "resume": _resume,
    "cancel": lambda who, found, request: control.cancel(who, found),
    "retry_failed": _retry_failed,
}


class _Asked:
    """A rerun as a request describes it: for its plan, its pilot, and itself. Raises Invalid and NotFound."""

    def __init__(self, request: Request) -> None:
        self.key: ApiKey = key_of(request)
        self.body = Body(request)
        self.agent: Agent = agent_of(self.key, self.body)
        _, reuse = self.body.values("reuse")
        if reuse not in (None, *Reuse.values):
            raise Invalid.field("reuse", 'Write "current" to keep every result that nothing has changed for.')
        narrowing = Narrowing(
            filters=self.body.value("filters"),
            view=self._view(),
            since=_moment(self.body, "since"),
            until=_moment(self.body, "until"),
        )
        self.selection = narrowed(self.agent, read_selection(self.body), narrowing)
        self.metric_ids = read_ids(self.body, "metrics", "metric_ids")
        self.terms = Terms(
            reuse=Reuse(reuse or ""),
            max_cost_usd=read_cap(self.body.value("max_cost_usd")),
            narrowed=narrowing.as_json(),
            notify=read_flag(self.body, "notify"),
        )

    def _view(self) -> SavedView | None:
        named = self.body.value("view")
        return None if named is None else find_view(self.agent.project, CALLS_PAGE, named)

    def plan(self) -> Plan:
        return plan_for(self.agent, self.selection, self.metric_ids, self.terms)


def _moment(body: Body, name: str) -> datetime | None:
    value = body.value(name)
    return None if value is None else timestamp_field(name, value)


def find_rerun(key: ApiKey, pk: str) -> Rerun:
    """Raises NotFound for what is foreign or missing."""
    rows = Rerun.objects.select_related("project", "agent", "agent__project")
    found = rows.filter(project__in=projects_of(key), pk=as_id(pk) or 0).first()
    if found is None:
        raise NotFound
    return found


def _visible(request: Request) -> QuerySet[Rerun]:
    return Rerun.objects.filter(project__in=projects_of(key_of(request)))


routes = [
    route(r"callgauge/v1/reruns", RerunList.as_view()),
    route(r"callgauge/v1/reruns/plan", RerunPlan.as_view()),
    route(r"callgauge/v1/reruns/pilot", RerunPilot.as_view()),
    route(rf"callgauge/v1/reruns/{ID}", RerunItem.as_view()),
    route(
        rf"callgauge/v1/reruns/{ID}/(?P<action>pause|resume|cancel|retry[_-]failed)", RerunAction.as_view()
    ),
]

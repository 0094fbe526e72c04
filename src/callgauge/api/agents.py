"""Agents on the wire: v1 flat, v2 nested."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api import agents_shape as shape
from callgauge.api.agents_present import present_short, present_v1, present_v2
from callgauge.api.auth import key_of
from callgauge.api.fields import query_flag, query_text
from callgauge.api.knowledge_base import present_file
from callgauge.api.pagination import paginated
from callgauge.api.routing import ID, route
from callgauge.flow.agents import create_agent, delete_agent, edit_agent
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.knowledge_base import files_of_all
from callgauge.flow.scope import agents_of, as_id, find_agent, find_project, require_project
from callgauge.store.models import Agent


class ShownFlat:
    """v1's way of showing agents."""

    def shown_all(self, request: Request, agents: Sequence[Agent]) -> list[dict[str, Any]]:
        return [present_v1(agent) for agent in agents]

    def shown(self, request: Request, agent: Agent) -> dict[str, Any]:
        return self.shown_all(request, [agent])[0]


class ShownNested(ShownFlat):
    """v2's."""

    def shown_all(self, request: Request, agents: Sequence[Agent]) -> list[dict[str, Any]]:
        files: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for file in files_of_all(agents):
            files[file.agent_id].append(present_file(request, file))
        return [present_v2(agent, files[agent.pk]) for agent in agents]


class _Flat(ShownFlat):
    """v1's way of reading an agent."""

    serializer_class: type[shape.AgentShape] = shape.AgentShape

    def flat(self, said: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        return said


class _Nested(ShownNested, _Flat):
    """v2's."""

    serializer_class = shape.AgentV2Shape

    def flat(self, said: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        return shape.flat_from_v2(said, before)


class AgentList(_Flat, APIView):
    def get(self, request: Request) -> Response:
        return paginated(request, _listed(request), lambda agents: self.shown_all(request, agents))

    def post(self, request: Request) -> Response:
        said = self.serializer_class.read(request)
        try:
            project = require_project(key_of(request), said.pop("project", None))
        except NotFound:
            raise Invalid.field("project", "There is no such project.") from None
        except Invalid:
            raise Invalid.field("project", "This field is required with an organization's key.") from None
        flat = self.flat(said, {})
        agent = create_agent(project, *shape.parts(flat), who=key_of(request))
        return Response(self.shown(request, agent), status=status.HTTP_201_CREATED)


class AgentDetail(_Flat, APIView):
    def get(self, request: Request, pk: str) -> Response:
        return Response(self.shown(request, find_agent(key_of(request), pk)))

    def put(self, request: Request, pk: str) -> Response:
        return self._edit(request, pk, partial=False)

    def patch(self, request: Request, pk: str) -> Response:
        return self._edit(request, pk, partial=True)

    def delete(self, request: Request, pk: str) -> Response:
        agent = find_agent(key_of(request), pk)
        with_calls = query_flag(request, "delete_related", default=True)
        delete_agent(agent, with_calls=with_calls, who=key_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _edit(self, request: Request, pk: str, *, partial: bool) -> Response:
        agent = find_agent(key_of(request), pk)
        said = self.serializer_class.read(request, partial=partial)
        if said.pop("project", agent.project_id) != agent.project_id:
            raise Invalid.field("project", "An agent stays in the project that it was made in.")
        flat = self.flat(said, agent.settings)
        parts = shape.parts(flat, agent.secrets)
        return Response(self.shown(request, edit_agent(agent, *parts, who=key_of(request))))


class AgentV2List(_Nested, AgentList):
    pass


class AgentV2Detail(_Nested, AgentDetail):
    pass


class AgentShortList(APIView):
    serializer_class = shape.AgentShape

    def get(self, request: Request) -> Response:
        return paginated(request, _listed(request).select_related("project"), _short)


def _short(agents: Sequence[Agent]) -> list[dict[str, Any]]:
    return [present_short(agent) for agent in agents]


def _listed(request: Request) -> QuerySet[Agent]:
    key = key_of(request)
    agents = agents_of(key).order_by("-id")
    project_id = query_text(request, "project_id")
    if project_id:
        agents = agents.filter(project=find_project(key, project_id))
    organization_id = query_text(request, "organization_id")
    if organization_id and as_id(organization_id) != key.organization_id:
        raise NotFound
    words = query_text(request, "q")
    if words:
        agents = agents.filter(Q(name__icontains=words) | Q(pk=as_id(words) or 0))
    return agents


V1 = r"test_framework/v1/aiagents(?:-external)?"
V2 = r"test_framework/v2/aiagents"
routes = [
    route(V1, AgentList.as_view()),
    route(rf"{V1}/short_list", AgentShortList.as_view()),
    route(rf"{V1}/{ID}", AgentDetail.as_view()),
    route(V2, AgentV2List.as_view()),
    route(rf"{V2}/short_list", AgentShortList.as_view()),
    route(rf"{V2}/{ID}", AgentV2Detail.as_view()),
]

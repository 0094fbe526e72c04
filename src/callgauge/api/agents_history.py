"""An agent's history on the wire: look, label, restore; and copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.agents import V1, V2, ShownFlat, ShownNested
from callgauge.api.auth import key_of
from callgauge.api.fields import Flag, RowId, Shape, Text
from callgauge.api.history import history_entry
from callgauge.api.pagination import paginated
from callgauge.api.routing import ID, route
from callgauge.flow.agents import duplicate_agent, label_version, restore_agent
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.scope import find_agent
from callgauge.store.models import AgentVersion

VARIABLES = "dynamic_variables"


class RestoreAgentShape(Shape):
    history_id = RowId(required=True)


class LabelShape(Shape):
    history_id = RowId(required=True)
    version_name = Text(255)
    history_change_reason = Text(100)
    change_reason = Text(100)


class CopyShape(Shape):
    copy_scenarios = Flag()
    name = serializers.CharField(max_length=255, required=False)
    agent_name = serializers.CharField(max_length=255, required=False)


class AgentHistory(APIView):
    def get(self, request: Request, pk: str) -> Response:
        agent = find_agent(key_of(request), pk)
        return paginated(
            request, agent.history.select_related("changed_by_user").order_by("-number"), _present
        )


class AgentHistoryEdit(APIView):
    serializer_class = LabelShape

    def patch(self, request: Request, pk: str) -> Response:
        agent = find_agent(key_of(request), pk)
        said = LabelShape.read(request)
        reason = said.get("history_change_reason", said.get("change_reason"))
        try:
            version = label_version(
                agent,
                said["history_id"],
                label=said.get("version_name"),
                reason=reason,
                who=key_of(request),
            )
        except NotFound:
            raise Invalid.field("history_id", "This agent has no such version.") from None
        return Response(_present([version])[0])


class AgentRestore(ShownNested, APIView):
    serializer_class = RestoreAgentShape

    def post(self, request: Request, pk: str) -> Response:
        agent = find_agent(key_of(request), pk)
        version_id = RestoreAgentShape.read(request)["history_id"]
        try:
            restored = restore_agent(agent, version_id, who=key_of(request))
        except NotFound:
            raise Invalid.field("history_id", "This agent has no such version.") from None
        return Response(self.shown(request, restored))


class AgentDuplicate(ShownFlat, APIView):
    serializer_class = CopyShape

    def post(self, request: Request, pk: str) -> Response:
        agent = find_agent(key_of(request), pk)
        said = CopyShape.read(request)
        name = said.get("name") or said.get("agent_name") or ""
        copy = duplicate_agent(agent, name=name, who=key_of(request))
        return Response(self.shown(request, copy), status=status.HTTP_201_CREATED)


class AgentV2Duplicate(ShownNested, AgentDuplicate):
    pass


def _present(versions: Sequence[AgentVersion]) -> list[dict[str, Any]]:
    """AIAgentHistory of the contract. Mock tools and files have no history."""
    return [
        {
            **history_entry(version),
            "id": version.agent_id,
            "agent_name": version.columns["name"],
            "language": version.columns["language"],
            "description": version.columns["description"],
            "mock_tools": "",
            "dynamic_variables": ", ".join(
                one["name"] for one in version.settings.get("dynamic_variables", [])
            ),
            "knowledge_base_files": "",
            "changed_by": version.changed_by,
        }
        for version in versions
    ]


routes = [
    *(
        line
        for family in (V1, V2)
        for line in (
            route(rf"{family}/{ID}/history", AgentHistory.as_view()),
            route(rf"{family}/{ID}/history/edit", AgentHistoryEdit.as_view()),
        )
    ),
    # The contract answers v2's shape to a restore whichever version is asked.
    route(rf"(?:{V1}|{V2})/{ID}/restore", AgentRestore.as_view()),
    route(rf"{V1}/{ID}/duplicate", AgentDuplicate.as_view()),
    route(rf"{V2}/{ID}/duplicate", AgentV2Duplicate.as_view()),
]

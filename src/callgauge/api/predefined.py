"""Predefined metrics on the wire: the catalogue, and copying from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.text import slugify
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Ids, RowId, Shape
from callgauge.api.metrics_present import present_list
from callgauge.api.routing import ID, route
from callgauge.engine.predefined import Predefined
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metrics_predefined import Offered, copy_predefined, offered_to
from callgauge.flow.scope import as_id, find_agent, require_project
from callgauge.store.models import Agent, ApiKey, OwnPredefined, Project


def wire_id(one: Offered) -> int:
    """The code as a number: stays the same when the catalogue grows or is put in another order."""
    return int(one.code, 16)


class Codes(serializers.ListField):
    child = serializers.CharField(max_length=32)

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=1_000, **options)


class CopyShape(Shape):
    predefined_metric_ids = Ids(max_length=1_000)
    metric_codes = Codes()
    project_id = RowId(allow_null=True)
    agent_id = RowId(allow_null=True)


class PredefinedList(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return Response([present_predefined(one) for one in offered_to(key_of(request))])


class PredefinedDetail(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        number = as_id(pk)
        for one in offered_to(key_of(request)):
            if wire_id(one) == number:
                return Response(present_predefined(one))
        raise NotFound


class PredefinedCopy(APIView):
    serializer_class = CopyShape

    def post(self, request: Request) -> Response:
        key = key_of(request)
        said = CopyShape.read(request)
        wanted = _wanted(said, offered_to(key))
        project, agent = _place(key, said)
        metrics = copy_predefined(project, wanted, agent=agent, by=key.name or key.prefix)
        return Response(present_list(metrics, v2=False, scores=False))


def _wanted(said: Mapping[str, Any], offered: Sequence[Offered]) -> list[Offered]:
    ids, codes = said.get("predefined_metric_ids", []), said.get("metric_codes", [])
    by_id = {wire_id(one): one for one in offered}
    by_code = {one.code: one for one in offered}
    if not ids and not codes:
        raise Invalid.field("predefined_metric_ids", "Name at least one, here or in metric_codes.")
    if not all(pk in by_id for pk in ids):
        raise Invalid.field("predefined_metric_ids", "At least one of these is no predefined metric.")
    if not all(code.lower() in by_code for code in codes):
        raise Invalid.field("metric_codes", "At least one of these is no predefined metric's code.")
    return [*(by_id[pk] for pk in ids), *(by_code[code.lower()] for code in codes)]


def _place(key: ApiKey, said: Mapping[str, Any]) -> tuple[Project, Agent | None]:
    project_id, agent_id = said.get("project_id"), said.get("agent_id")
    if project_id and agent_id:
        raise Invalid.field("agent_id", "Send project_id or agent_id, not both.")
    if agent_id:
        try:
            agent = find_agent(key, agent_id)
        except NotFound:
            raise Invalid.field("agent_id", "There is no such agent.") from None
        return agent.project, agent
    try:
        return require_project(key, project_id), None
    except NotFound:
        raise Invalid.field("project_id", "There is no such project.") from None


def present_predefined(one: Offered) -> dict[str, Any]:
    """A PredefinedMetric of the contract."""
    shown = _own(one) if isinstance(one, OwnPredefined) else _shipped(one)
    return {
        "id": wire_id(one),
        "code": one.code,
        "simulation_enabled": False,
        "observability_enabled": True,
        "cost": "0.00",
        "sub_category": None,
        **shown,
    }


def _shipped(one: Predefined) -> dict[str, Any]:
    return {
        "name": one.name,
        "description": one.description,
        "slug": one.slug,
        "type": one.kind.value,
        "eval_type": one.eval_type.value,
        "audio_enabled": one.hears,
        "prompt": one.prompt,
        "function_name": one.built_in or None,
        "enum_values": list(one.labels),
        "custom_code": "",
        "configuration": dict(one.configuration),
        "evaluation_trigger": "always",
        "evaluation_trigger_prompt": "",
        "category": one.category.value,
        "organization": None,
    }


def _own(one: OwnPredefined) -> dict[str, Any]:
    frozen = one.frozen
    return {
        "name": frozen["name"],
        "description": frozen["description"],
        "slug": slugify(frozen["name"])[:255] or None,
        "type": frozen["kind"],
        "eval_type": frozen["eval_type"],
        "audio_enabled": frozen["audio_enabled"],
        "prompt": frozen["prompt"],
        "function_name": frozen["built_in"] or None,
        "enum_values": frozen["labels"],
        "custom_code": frozen["custom_code"],
        "configuration": frozen["configuration"],
        "evaluation_trigger": frozen["trigger"],
        "evaluation_trigger_prompt": frozen["trigger_prompt"],
        "category": None,
        "organization": one.organization_id,
    }


FAMILY = r"test_framework/v1/predefined-metrics(?:-external)?"
routes = [
    route(FAMILY, PredefinedList.as_view()),
    route(rf"{FAMILY}/copy", PredefinedCopy.as_view()),
    route(rf"{FAMILY}/{ID}", PredefinedDetail.as_view()),
]

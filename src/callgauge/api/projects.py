"""Projects on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.agents_secrets import CONFIGURED, MAX_SECRET, NOT_CONFIGURED, Secrets
from callgauge.api.auth import key_of
from callgauge.api.fields import (
    Flag,
    Ids,
    JSONValue,
    Name,
    Number,
    RowId,
    Shape,
    Text,
    WebhookUrl,
    Whole,
    query_text,
)
from callgauge.api.routing import ID, route
from callgauge.flow.errors import Invalid
from callgauge.flow.projects import create_project, delete_project, edit_project
from callgauge.flow.rubric import rubric_config
from callgauge.flow.scope import as_id, find_project, projects_of
from callgauge.store.models import ApiKey, Member, Project

SWITCHES = (
    "evaluate_relevant_metrics_enabled",
    "end_call_enabled",
    "generate_scenario_auto_assign_numbers_enabled",
    "enable_client_side_testing",
    "use_provider_transcript",
    "should_show_powered_by",
    "notify_results_completion",
    "notify_daily_report",
    "notify_daily_report_no_calls",
    "daily_report_ai_summary_enabled",
    "notify_cron_failure",
    "notify_cron_success",
    "notify_no_calls",
    "notify_daily_report_webhook",
    "notify_pre_run_webhook",
    "notify_result_webhook_failed",
    "notify_result_webhook_success",
    "notify_result_webhook_error",
    "notify_cronjob_webhook_failed",
    "notify_cronjob_webhook_success",
    "notify_cronjob_webhook_error",
    "notify_call_log_webhook_failed",
    "notify_call_log_webhook_success",
    "notify_frequent_calls_for_number",
    "forward_vapi_webhook",
    "forward_retell_webhook",
    "is_send_emails_enabled",
)
NUMBERS = (
    "outbound_timeout",
    "max_call_duration",
    "min_call_duration",
    "max_messages_chat_runs_limit",
    "frequent_calls_threshold",
    "frequent_calls_time_period",
    "frequent_calls_cooldown",
)
KEPT: Mapping[str, Any] = {
    **dict.fromkeys(SWITCHES, False),
    **dict.fromkeys(NUMBERS, 0),
    "webhook_url": "",
    "timezone": "UTC",
    "no_calls_notify_time_period": None,
    "daily_report_dashboard_ids": [],
}
"""What is kept as it is, with what is shown until somebody sets it. Webhooks go by some of it (see
flow.webhooks), nothing by the rest."""
SECRETS = (
    "webhook_secret",
    "webhook_signing_secret",
    "vapi_api_key",
    "vapi_public_key",
    "retell_api_key",
    "syntflow_api_key",
    "elevenlabs_api_key",
    "livekit_api_key",
    "pipecat_api_key",
)
"""Write-only; see agents_secrets for what a request can say of one."""


class ProjectShape(Shape):
    name = Name()
    organization_id = RowId(write_only=True)
    sample_rate = Number(min_value=0, max_value=1)
    rubric_config = JSONValue(dict)
    webhook_url = WebhookUrl()
    timezone = Text(64)
    no_calls_notify_time_period = JSONValue()
    daily_report_dashboard_ids = Ids()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        fields.update({name: Flag() for name in SWITCHES})
        fields.update({name: Whole() for name in NUMBERS})
        fields.update({name: Text(MAX_SECRET, write_only=True) for name in SECRETS})
        return fields


class ProjectList(APIView):
    serializer_class = ProjectShape
    owner_methods = ("POST",)

    def get(self, request: Request) -> Response:
        projects = _with_related(projects_of(key_of(request)))
        for name, column in (("project_id", "id"), ("organization_id", "organization_id")):
            text = query_text(request, name)
            if text:
                projects = projects.filter(**{column: as_id(text) or 0})
        return Response([present_project(project) for project in projects])

    def post(self, request: Request) -> Response:
        key = key_of(request)
        if key.project_id is not None:
            raise exceptions.PermissionDenied(
                "This key reaches one project; an organization's key makes more."
            )
        said = ProjectShape.read(request)
        _require_own_organization(key, said)
        project = create_project(
            key,
            _columns(said),
            settings=_kept(said),
            rubric=_rubric(said),
            secrets=_secrets(said),
        )
        return Response(_present_one(key, project), status=status.HTTP_201_CREATED)


class ProjectDetail(APIView):
    serializer_class = ProjectShape
    owner_methods = ("DELETE",)

    def get(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        return Response(_present_one(key, find_project(key, pk)))

    def put(self, request: Request, pk: str) -> Response:
        return self._edit(request, pk, partial=False)

    def patch(self, request: Request, pk: str) -> Response:
        return self._edit(request, pk, partial=True)

    def delete(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        delete_project(key, find_project(key, pk))
        return Response({"detail": "The project was deleted."})

    def _edit(self, request: Request, pk: str, *, partial: bool) -> Response:
        key = key_of(request)
        project = find_project(key, pk)
        said = ProjectShape.read(request, partial=partial)
        _require_own_organization(key, said)
        project = edit_project(
            key,
            project,
            _columns(said),
            settings=_kept(said),
            rubric=_rubric(said),
            secrets=_secrets(said),
        )
        return Response(_present_one(key, project))


def _require_own_organization(key: ApiKey, said: Mapping[str, Any]) -> None:
    if said.get("organization_id", key.organization_id) != key.organization_id:
        raise Invalid.field("organization_id", "This is not the organization of your key.")


def _columns(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("name", "sample_rate") if name in said}


def _kept(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in KEPT if name in said}


def _secrets(said: Mapping[str, Any]) -> Secrets:
    return {name: said[name] for name in SECRETS if name in said}


def _rubric(said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return said["rubric_config"] or {} if "rubric_config" in said else None


def _with_related(projects: QuerySet[Project]) -> QuerySet[Project]:
    return (
        projects.select_related("organization")
        .prefetch_related("rubric_rules", "organization__members__user")
        .order_by("id")
    )


def _present_one(key: ApiKey, project: Project) -> dict[str, Any]:
    return present_project(_with_related(projects_of(key)).get(pk=project.pk))


def present_project(project: Project) -> dict[str, Any]:
    """A Project of the contract; organization, members and rules should be prefetched."""
    return {
        "id": project.pk,
        "name": project.name,
        "members": present_members(project.organization.members.all()),
        "organization": {"id": project.organization.pk, "name": project.organization.name},
        "sample_rate": project.sample_rate,
        **{name: project.settings.get(name, default) for name, default in KEPT.items()},
        "rubric_config": rubric_config(project),
        **{
            f"{name}_configured": CONFIGURED if name in project.secrets else NOT_CONFIGURED
            for name in SECRETS
        },
        "is_deleted": False,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def present_members(members: Iterable[Member]) -> list[dict[str, Any]]:
    return [
        {
            "id": member.pk,
            "role": member.role,
            "user": {"id": member.user.pk, "name": member.user.name, "email": member.user.email},
        }
        for member in members
    ]


PROJECTS = r"user/v1/projects(?:-external)?"
routes = [
    route(PROJECTS, ProjectList.as_view()),
    route(rf"{PROJECTS}/{ID}", ProjectDetail.as_view()),
]

"""The organization of a key, and keys for its projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.agents_secrets import NOT_CONFIGURED
from callgauge.api.auth import key_of
from callgauge.api.fields import Choice, Flag, Name, RowId, Shape, Text, query_text
from callgauge.api.pagination import paginated
from callgauge.api.projects import present_members
from callgauge.api.routing import ID, route
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.keys import edit_organization, keys_of, make_key
from callgauge.flow.scope import as_id, projects_of, require_project
from callgauge.store.models import ApiKey, DuplicateCallPolicy, Organization, Role

NO_LIMIT = 2**31 - 1
UNUSED: dict[str, Any] = {
    "team_size": "1",
    "discovery_source": None,
    "outbound_timeout": 0,
    "max_agents_limit": NO_LIMIT,
    "max_members_limit": NO_LIMIT,
    "max_concurrent_runs_limit": 0,
    "max_concurrent_chat_runs_limit": 0,
    "max_call_duration": 0,
    "evaluate_relevant_metrics_enabled": False,
    "end_call_enabled": False,
    "generate_scenario_auto_assign_numbers_enabled": False,
    "show_custom_dashboards": False,
    "notify_daily_report": False,
    "notify_cron_failure": False,
    "notify_cron_success": False,
    "notify_no_calls": False,
    "notify_result_webhook": False,
    "notify_cronjob_webhook": False,
    "notify_call_log_webhook": False,
    "forward_vapi_webhook": False,
    "forward_retell_webhook": False,
    "is_send_emails_enabled": False,
    "notify_frequent_calls_for_number": False,
    "frequent_calls_threshold": 0,
    "frequent_calls_time_period": 0,
    "frequent_calls_cooldown": 0,
    "notify_metric_significant_shift": False,
    "notify_low_credits": False,
    "low_credits_threshold": "0.00",
    "cronjob_low_balance_mute_days": "0",
    "limit_to_exclusive_numbers": False,
    "allow_join_requests": False,
    "conditional_actions_generation_enabled": False,
    "vapi_api_key_configured": NOT_CONFIGURED,
    "vapi_public_key_configured": NOT_CONFIGURED,
    "retell_api_key_configured": NOT_CONFIGURED,
    "syntflow_api_key_configured": NOT_CONFIGURED,
    "is_internal_view_only": False,
    "timezone": "UTC",
    "is_2fa_required": False,
    "skip_onboarding": True,
    "onboarding_flow": "observability",
    "user_onboarding": "",
    "phone_number_verified": False,
    "slack_invite_sent": False,
    "auto_refill": False,
    "auto_refill_threshold": "0.00",
    "auto_refill_amount": "0.00",
    "auto_refill_max_cap": None,
}
"""Fields of the contract that mean nothing here: no simulations, no credits, no phone numbers."""


class KeyShape(Shape):
    name = Text(255)
    project = RowId(allow_null=True)
    role = Choice(Role.values, required=False)


class OrganizationShape(Shape):
    name = Name(required=False)
    allow_duplicate_call_ids = Flag()
    duplicate_calls = Choice(DuplicateCallPolicy.values, required=False)


class OrganizationList(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return Response(_present(list(_listed(request))))


class OrganizationItem(APIView):
    serializer_class = OrganizationShape
    owner_methods = ("PATCH",)

    def get(self, request: Request, pk: str) -> Response:
        return Response(_present([_find(request, pk)])[0])

    def patch(self, request: Request, pk: str) -> Response:
        organization = _find(request, pk)
        said = OrganizationShape.read(request, partial=True)
        policy = said.get("duplicate_calls")
        if policy is None and "allow_duplicate_call_ids" in said:
            policy = _policy(organization, allowed=said["allow_duplicate_call_ids"])
        edit_organization(key_of(request), organization, name=said.get("name"), duplicate_calls=policy)
        return self.get(request, pk)


class OrganizationPages(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return paginated(request, _listed(request), _present)


class KeyList(APIView):
    serializer_class = KeyShape
    owner_methods = ("GET", "POST")

    def get(self, request: Request) -> Response:
        return Response([_present_key(one) for one in keys_of(key_of(request))])

    def post(self, request: Request) -> Response:
        said = KeyShape.read(request)
        key = key_of(request)
        try:
            project = require_project(key, said.get("project"))
        except NotFound:
            raise Invalid.field("project", "There is no such project.") from None
        except Invalid:
            raise Invalid.field("project", "This field is required with an organization's key.") from None
        role = Role(said.get("role", Role.OWNER))
        made, secret = make_key(key, project, said.get("name", ""), role)
        return Response(_present_key(made, secret), status=status.HTTP_201_CREATED)


def _present_key(key: ApiKey, secret: str = "") -> dict[str, Any]:
    """UserAPIKey of the contract. The text of a key is known only when it is made."""
    return {
        "id": key.pk,
        "name": key.name,
        "organization_name": key.organization.name,
        "project": key.project_id,
        "project_name": None if key.project is None else key.project.name,
        "role": key.role,
        "key": secret or f"{key.prefix}…",
        "created_at": key.created_at,
    }


def _find(request: Request, pk: str) -> Organization:
    found = _listed(request, search=False).filter(pk=as_id(pk) or 0).first()
    if found is None:
        raise NotFound
    return found


def _policy(organization: Organization, *, allowed: bool) -> str:
    """The contract's switch knows only allowed and refused; what "allowed" means here stays as it was."""
    if not allowed:
        return DuplicateCallPolicy.REFUSE
    if organization.duplicate_calls == DuplicateCallPolicy.REFUSE:
        return DuplicateCallPolicy.KEEP
    return organization.duplicate_calls


def _listed(request: Request, *, search: bool = True) -> QuerySet[Organization]:
    key: ApiKey = key_of(request)
    found = Organization.objects.filter(pk=key.organization_id).order_by("id")
    words = query_text(request, "search")
    if words and search:
        found = found.filter(name__icontains=words)
    visible = projects_of(key).order_by("id")
    return found.prefetch_related(Prefetch("projects", queryset=visible), "members__user")


def _present(organizations: Sequence[Organization]) -> list[dict[str, Any]]:
    return [
        {
            "id": organization.pk,
            "name": organization.name,
            **UNUSED,
            "allow_duplicate_call_ids": organization.duplicate_calls != DuplicateCallPolicy.REFUSE,
            "duplicate_calls": organization.duplicate_calls,
            "members": present_members(organization.members.all()),
            "projects": [{"id": project.pk, "name": project.name} for project in organization.projects.all()],
            "created_at": organization.created_at,
            "updated_at": organization.updated_at,
        }
        for organization in organizations
    ]


routes = [
    route(r"user/organizations", OrganizationList.as_view()),
    route(rf"user/organizations/{ID}", OrganizationItem.as_view()),
    route(r"user/v2/organizations", OrganizationPages.as_view()),
    route(r"user/api/v1/user-api-key", KeyList.as_view()),
]

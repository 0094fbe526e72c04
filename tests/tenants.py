"""Alice owns, Bob is on her team, Charlie must see nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.test import APIClient

from callgauge.flow.keys import create_key
from callgauge.store.models import Agent, ApiKey, Project
from callgauge.telemetry.context import view_name
from tests.audited import expect_audited


@dataclass
class Tenant:
    project: Project
    key: ApiKey
    secret: str
    client: APIClient

    def agent(self, name: str = "Bookings", **fields: Any) -> Agent:
        return Agent.objects.create(project=self.project, name=name, **fields)


class AuditedClient(APIClient):
    """Holds every request that changes something to what tests/audited.py says of its route."""

    def request(self, **kwargs: Any) -> Any:
        response = super().request(**kwargs)
        match = response.wsgi_request.resolver_match
        # Without a look into the table: that would be a query more for tests that count them.
        expect_audited(
            (view_name(match), kwargs.get("REQUEST_METHOD", "")),
            response.status_code,
            response.headers.get("X-Request-ID", ""),
        )
        return response


def tenant(organization: str, project: str | None) -> Tenant:
    """A key of its own and a client that sends it; without a project, an organization's key."""
    key, secret = create_key(organization=organization, project=project)
    client = AuditedClient(HTTP_X_CEKURA_API_KEY=secret)
    scope = key.project or Project.objects.filter(organization=key.organization).first()
    assert scope is not None
    return Tenant(scope, key, secret, client)

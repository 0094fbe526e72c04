"""Alice owns, Bob is on her team, Charlie must see nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.test import APIClient

from callgauge.flow.keys import create_key
from callgauge.store.models import Agent, ApiKey, Project


@dataclass
class Tenant:
    project: Project
    key: ApiKey
    secret: str
    client: APIClient

    def agent(self, name: str = "Bookings", **fields: Any) -> Agent:
        return Agent.objects.create(project=self.project, name=name, **fields)


def tenant(organization: str, project: str | None) -> Tenant:
    """A key of its own and a client that sends it; without a project, an organization's key."""
    key, secret = create_key(organization=organization, project=project)
    client = APIClient(HTTP_X_CEKURA_API_KEY=secret)
    scope = key.project or Project.objects.filter(organization=key.organization).first()
    assert scope is not None
    return Tenant(scope, key, secret, client)

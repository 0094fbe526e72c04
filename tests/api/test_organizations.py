"""The organization of a key, and keys for its projects."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from callgauge.store.models import ApiKey, Member, Organization, User
from tests.tenants import Tenant, tenant

KEYS = "/user/api/v1/user-api-key"


def test_a_key_sees_its_own_organization(alice: Tenant, charlie: Tenant) -> None:
    user = User.objects.create(email="alice@example.com", name="Alice")
    Member.objects.create(user=user, organization=alice.key.organization)

    (shown,) = alice.client.get("/user/organizations").json()

    assert shown["name"] == "Acme"
    assert shown["projects"] == [{"id": alice.project.pk, "name": "Support"}]
    assert shown["members"][0]["user"]["email"] == "alice@example.com"
    assert "alice@example.com" not in str(charlie.client.get("/user/organizations/").json())


def test_a_project_key_does_not_see_other_projects(alice: Tenant) -> None:
    boss = tenant("Acme", None)
    boss.client.post("/user/v1/projects", {"name": "Secret"})
    assert len(boss.client.get("/user/organizations/").json()[0]["projects"]) == 2
    assert len(alice.client.get("/user/organizations/").json()[0]["projects"]) == 1


@pytest.mark.parametrize("slash", ["", "/"])
def test_version_2_is_paginated(alice: Tenant, slash: str) -> None:
    page = alice.client.get(f"/user/v2/organizations{slash}").json()
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)
    assert page["results"] == alice.client.get("/user/organizations").json()
    assert alice.client.get(f"/user/v2/organizations{slash}", {"search": "Rival"}).json()["count"] == 0


def test_organizations_are_read_only(alice: Tenant) -> None:
    assert alice.client.post("/user/organizations", {"name": "New"}).status_code == 405
    assert Organization.objects.count() == 1


def test_a_key_is_shown_once_and_works(alice: Tenant) -> None:
    made = alice.client.post(KEYS, {"name": "ci"})
    assert made.status_code == 201
    assert made.data["project"] == alice.project.pk
    assert made.data["project_name"] == "Support"
    assert made.data["organization_name"] == "Acme"
    secret = made.data["key"]
    assert (
        APIClient(HTTP_X_CEKURA_API_KEY=secret).get("/user/v1/projects").json()[0]["id"] == alice.project.pk
    )
    assert secret not in str(ApiKey.objects.values_list())
    assert alice.client.get(KEYS).status_code == 405


def test_an_organization_key_names_the_project(alice: Tenant, charlie: Tenant) -> None:
    boss = tenant("Acme", None)
    assert list(boss.client.post(KEYS, {"name": "ci"}).json()) == ["project"]
    foreign = boss.client.post(KEYS, {"project": charlie.project.pk})
    missing = boss.client.post(KEYS, {"project": 10**9})
    assert foreign.status_code == missing.status_code == 400
    assert foreign.json() == missing.json()
    made = boss.client.post(KEYS, {"name": "ci", "project": alice.project.pk}, format="multipart")
    assert ApiKey.objects.get(pk=made.data["id"]).project == alice.project

"""The organization of a key, and keys for its projects."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from callgauge.store.models import ApiKey, Member, Organization, User
from tests.tenants import Tenant, tenant

KEYS = "/user/api/v1/user-api-key"
AGENTS = "/test_framework/v2/aiagents/"


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


def test_organizations_are_not_made_here(alice: Tenant) -> None:
    assert alice.client.post("/user/organizations", {"name": "New"}).status_code in {404, 405}
    assert Organization.objects.count() == 1


def test_an_organizations_key_says_what_a_second_call_with_a_known_id_does(
    alice: Tenant, charlie: Tenant
) -> None:
    boss = tenant("Acme", None)
    path = f"/user/organizations/{alice.key.organization_id}/"
    call = {"agent": alice.agent().pk, "call_id": "one", "call_ended_reason": "first"}
    again = call | {"call_ended_reason": "second"}
    assert alice.client.post("/observability/v1/observe/", call).status_code == 201
    kept = alice.client.post("/observability/v1/observe/", again)
    assert (kept.json()["call_ended_reason"], kept["X-Callgauge-Duplicate"]) == ("first", "kept")

    assert boss.client.patch(path, {"duplicate_calls": "update"}).json()["duplicate_calls"] == "update"
    updated = alice.client.post("/observability/v1/observe/", again)
    assert (updated.json()["call_ended_reason"], updated["X-Callgauge-Duplicate"]) == ("second", "updated")

    shown = boss.client.patch(path, {"allow_duplicate_call_ids": False}).json()
    assert (shown["allow_duplicate_call_ids"], shown["duplicate_calls"]) == (False, "refuse")
    refused = alice.client.post("/observability/v1/observe/", call)
    assert (refused.status_code, list(refused.json())) == (400, ["call_id"])

    assert boss.client.patch(path, {"duplicate_calls": "shrug"}).status_code == 400
    assert alice.client.patch(path, {"duplicate_calls": "keep"}).status_code == 403
    assert charlie.client.get(path).status_code == 404
    assert charlie.client.patch(path, {"duplicate_calls": "keep"}).status_code == 404
    assert Organization.objects.get(name="Acme").duplicate_calls == "refuse"


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
    listed = alice.client.get(KEYS).json()
    assert listed[0]["name"] == made.data["name"]
    assert secret not in str(listed)


def test_an_organization_key_names_the_project(alice: Tenant, charlie: Tenant) -> None:
    boss = tenant("Acme", None)
    assert list(boss.client.post(KEYS, {"name": "ci"}).json()) == ["project"]
    foreign = boss.client.post(KEYS, {"project": charlie.project.pk})
    missing = boss.client.post(KEYS, {"project": 10**9})
    assert foreign.status_code == missing.status_code == 400
    assert foreign.json() == missing.json()
    made = boss.client.post(KEYS, {"name": "ci", "project": alice.project.pk}, format="multipart")
    assert ApiKey.objects.get(pk=made.data["id"]).project == alice.project


@pytest.mark.parametrize(
    "body", [b"not json", b"[1]", b'{"name": "\\u0000"}', b'{"name": 5e999}', b'{"name": ""}']
)
def test_an_edit_that_makes_no_sense(alice: Tenant, body: bytes) -> None:
    boss = tenant("Acme", None)
    path = f"/user/organizations/{alice.key.organization_id}"
    answer = boss.client.patch(path, body, content_type="application/json")
    assert answer.status_code == 400
    assert boss.client.get("/user/organizations/" + "9" * 30).status_code == 404


def test_roles_of_keys(alice: Tenant) -> None:
    def role_client(role: str) -> APIClient:
        made = alice.client.post(KEYS, {"name": role, "role": role})
        assert made.status_code == 201, made.json()
        return APIClient(HTTP_X_CEKURA_API_KEY=made.json()["key"])

    member, viewer = role_client("member"), role_client("viewer")
    assert viewer.get(AGENTS).status_code == member.get(AGENTS).status_code == 200
    assert viewer.post(AGENTS, {"name": "No"}).status_code == 403
    assert member.post(AGENTS, {"name": "Yes"}).status_code == 201
    for client in (member, viewer):
        assert client.post(KEYS, {"name": "no"}).status_code == 403
        assert client.get(KEYS).status_code == 403
        assert client.delete(f"/user/v1/projects/{alice.project.pk}/").status_code == 403
    assert alice.client.post(KEYS, {"role": "emperor"}).status_code == 400


def test_a_projects_key_sees_no_key_that_opens_more(alice: Tenant, charlie: Tenant) -> None:
    tenant("Acme", None)
    tenant("Acme", "Second")
    assert {one["project"] for one in alice.client.get(KEYS).json()} == {alice.project.pk}
    assert len(tenant("Acme", None).client.get(KEYS).json()) == 4

"""Projects on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callgauge.flow.metrics import MetricChange, create_metric
from callgauge.flow.sealing import unseal
from callgauge.store.models import Agent, CallLog, CallPayload, Metric, Project, RubricRule
from tests.tenants import Tenant, tenant

URL = "/user/v1/projects"
SPEC_FIELDS = {
    "id",
    "name",
    "members",
    "organization",
    "outbound_timeout",
    "sample_rate",
    "webhook_url",
    "webhook_secret_configured",
    "notify_call_log_webhook_failed",
    "rubric_config",
    "timezone",
    "vapi_public_key_configured",
    "pipecat_api_key_configured",
    "is_deleted",
    "created_at",
    "updated_at",
}


@pytest.fixture
def boss(alice: Tenant) -> Tenant:
    """A key for all of Alice's organization."""
    return tenant("Acme", None)


def binary_metric(owner: Tenant, name: str = "Greeted") -> int:
    asked = {"name": name, "eval_type": "binary", "description": "Was there a greeting?"}
    return create_metric(owner.project, MetricChange(frozen=asked)).pk


def rule(metric_id: int, value: Any = True) -> dict[str, Any]:
    condition = {"field": "score", "op": "eq", "value": value}
    return {"metric_id": metric_id, "conditions": {"operator": "and", "conditions": [condition]}}


def test_a_project_key_sees_its_own_project_only(alice: Tenant, boss: Tenant, charlie: Tenant) -> None:
    other = boss.client.post(URL, {"name": "Sales"}).data["id"]

    assert [project["id"] for project in alice.client.get(URL).json()] == [alice.project.pk]
    assert [project["id"] for project in boss.client.get(URL).json()] == [alice.project.pk, other]
    assert [project["id"] for project in charlie.client.get(URL).json()] == [charlie.project.pk]
    assert alice.client.get(f"{URL}/{other}").status_code == 404


@pytest.mark.parametrize("family", ["projects", "projects-external"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_families_with_and_without_slash(alice: Tenant, family: str, slash: str) -> None:
    shown = alice.client.get(f"/user/v1/{family}/{alice.project.pk}{slash}").json()
    assert shown["name"] == "Support"
    assert shown.keys() >= SPEC_FIELDS
    assert alice.client.get(f"/user/v1/{family}{slash}").json() == [shown]


def test_the_list_is_filtered_by_project_and_organization(boss: Tenant, charlie: Tenant) -> None:
    made = boss.client.post(URL, {"name": "Sales"}).data
    assert [p["id"] for p in boss.client.get(URL, {"project_id": made["id"]}).json()] == [made["id"]]
    assert boss.client.get(URL, {"project_id": charlie.project.pk}).json() == []
    assert boss.client.get(URL, {"project_id": "x"}).json() == []
    own = made["organization"]["id"]
    assert len(boss.client.get(URL, {"organization_id": own}).json()) == 2


def test_only_an_organization_key_makes_projects(alice: Tenant, boss: Tenant) -> None:
    refused = alice.client.post(URL, {"name": "Sales"})
    assert refused.status_code == 403
    assert "detail" in refused.json()

    made = boss.client.post(URL, {"name": "Sales", "sample_rate": 0.25, "timezone": "Europe/Paris"})
    assert made.status_code == 201
    assert made.data["sample_rate"] == 0.25
    assert made.data["timezone"] == "Europe/Paris"


def test_a_taken_name_is_refused(boss: Tenant) -> None:
    assert boss.client.post(URL, {"name": "Support"}).json() == {
        "name": ["A project with this name already exists."]
    }
    other = boss.client.post(URL, {"name": "Sales"}).data["id"]
    assert "name" in boss.client.patch(f"{URL}/{other}", {"name": "Support"}).json()


def test_a_foreign_organization_is_refused(boss: Tenant, charlie: Tenant) -> None:
    body = {"name": "Sales", "organization_id": charlie.key.organization_id}
    assert boss.client.post(URL, body).json() == {
        "organization_id": ["This is not the organization of your key."]
    }


def test_patch_changes_what_it_names_and_put_wants_a_name(alice: Tenant) -> None:
    url = f"{URL}/{alice.project.pk}"
    shown = alice.client.patch(url, {"notify_no_calls": True, "max_call_duration": 90}).json()
    assert (shown["notify_no_calls"], shown["max_call_duration"], shown["name"]) == (True, 90, "Support")

    assert alice.client.put(url, {"sample_rate": 0.5}).json() == {"name": ["This field is required."]}
    shown = alice.client.put(url, {"name": "Help", "sample_rate": 0.5}).json()
    assert (shown["name"], shown["sample_rate"], shown["max_call_duration"]) == ("Help", 0.5, 90)


def test_what_was_read_can_be_written_back(alice: Tenant) -> None:
    url = f"{URL}/{alice.project.pk}"
    shown = alice.client.get(url).json()
    again = alice.client.put(url, shown)
    assert again.status_code == 200, again.data
    assert {**again.json(), "updated_at": None} == {**shown, "updated_at": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate", 1.01),
        ("sample_rate", -0.1),
        ("sample_rate", "nan"),
        ("sample_rate", True),
        ("name", ""),
        ("name", "x" * 256),
        ("name", None),
        ("webhook_url", "not a url"),
        ("max_call_duration", 2**31),
        ("notify_no_calls", "perhaps"),
        ("daily_report_dashboard_ids", "x"),
        ("rubric_config", "and"),
    ],
)
def test_wrong_values_are_refused_in_their_field(alice: Tenant, field: str, value: Any) -> None:
    response = alice.client.patch(f"{URL}/{alice.project.pk}", {field: value})
    assert response.status_code == 400
    assert list(response.json()) == [field]


def test_secrets_are_kept_sealed_and_never_shown(alice: Tenant) -> None:
    url = f"{URL}/{alice.project.pk}"
    shown = alice.client.patch(url, {"webhook_secret": "hush", "vapi_api_key": "hush"}).json()
    assert "hush" not in str(shown)
    alice.project.refresh_from_db()
    assert "hush" not in str(alice.project.settings) + str(alice.project.secrets)
    assert unseal(alice.project.secrets["webhook_secret"]) == "hush"
    assert shown["webhook_secret_configured"] == "true"
    assert shown["retell_api_key_configured"] == ""
    after = alice.client.patch(url, {"webhook_secret": None, "timezone": "UTC"}).json()
    assert (after["webhook_secret_configured"], after["vapi_api_key_configured"]) == ("", "true")


def test_form_and_multipart_bodies(alice: Tenant) -> None:
    url = f"{URL}/{alice.project.pk}/"
    metric_id = binary_metric(alice)
    config = json.dumps({"rules": [rule(metric_id)]})
    shown = alice.client.patch(
        url, {"rubric_config": config, "sample_rate": "0.5"}, format="multipart"
    ).json()
    assert shown["sample_rate"] == 0.5
    assert shown["rubric_config"]["rules"][0]["metric_id"] == metric_id

    form = "application/x-www-form-urlencoded"
    shown = alice.client.patch(
        url,
        "daily_report_dashboard_ids=1&daily_report_dashboard_ids=2&notify_no_calls=true",
        content_type=form,
    ).json()
    assert shown["daily_report_dashboard_ids"] == [1, 2]
    assert shown["notify_no_calls"] is True


def test_a_rubric_is_written_as_a_whole(alice: Tenant) -> None:
    url = f"{URL}/{alice.project.pk}"
    first, second = binary_metric(alice), binary_metric(alice, "Thanked")

    config = {"evaluation_logic": "or", "rules": [rule(first), rule(second, 0)]}
    shown = alice.client.patch(url, {"rubric_config": config}).json()["rubric_config"]
    assert shown == {"evaluation_logic": "or", "rules": [rule(first), rule(second, False)]}
    assert version_of(alice.project) == 1

    alice.client.patch(url, {"rubric_config": shown, "name": "Other"})
    assert version_of(alice.project) == 1, "the same rubric again is no change"

    shown = alice.client.patch(url, {"rubric_config": {"rules": [rule(second)]}}).json()["rubric_config"]
    assert shown == {"evaluation_logic": "and", "rules": [rule(second)]}
    assert alice.client.patch(url, {"rubric_config": {}}).json()["rubric_config"] == {}
    assert version_of(alice.project) == 3
    assert not RubricRule.objects.exists()


def version_of(project: Project) -> int:
    return Project.objects.get(pk=project.pk).rubric_version


def test_a_rubric_with_a_foreign_metric_changes_nothing(alice: Tenant, charlie: Tenant) -> None:
    foreign = binary_metric(charlie)
    url = f"{URL}/{alice.project.pk}"
    refused = alice.client.patch(url, {"name": "Other", "rubric_config": {"rules": [rule(foreign)]}})
    assert refused.status_code == 400
    assert list(refused.json()) == ["rubric_config"]
    missing = alice.client.patch(url, {"rubric_config": {"rules": [rule(foreign + 999)]}})
    assert (
        missing.json()["rubric_config"][0].replace(str(foreign + 999), str(foreign))
        == (refused.json()["rubric_config"][0])
    )
    assert alice.client.get(url).json()["name"] == "Support"


def test_charlie_cannot_touch_it(alice: Tenant, charlie: Tenant) -> None:
    url = f"{URL}/{alice.project.pk}"
    assert charlie.client.get(url).status_code == 404
    assert charlie.client.patch(url, {"name": "x"}).status_code == 404
    assert charlie.client.put(url, {"name": "x"}).status_code == 404
    assert charlie.client.delete(url).json() == {"detail": "Not found."}
    assert Project.objects.filter(pk=alice.project.pk, name="Support").exists()


def test_bob_shares_it(alice: Tenant, bob: Tenant) -> None:
    bob.client.patch(f"{URL}/{alice.project.pk}", {"name": "Ours"})
    assert alice.client.get(URL).json()[0]["name"] == "Ours"


def test_no_key_is_401(client: Any, alice: Tenant) -> None:
    assert client.get(URL).status_code == 401
    assert client.get(f"{URL}/{alice.project.pk}").status_code == 401


def test_deleting_takes_everything_with_it(alice: Tenant, charlie: Tenant) -> None:
    metric_id = binary_metric(alice)
    alice.client.patch(f"{URL}/{alice.project.pk}", {"rubric_config": {"rules": [rule(metric_id)]}})
    for one in (alice, charlie):
        call = CallLog.objects.create(
            project=one.project, agent=one.agent(), call_id="c1", timestamp="2026-01-01T00:00:00Z"
        )
        CallPayload.objects.create(call=call)

    deleted = alice.client.delete(f"{URL}/{alice.project.pk}")

    assert deleted.status_code == 200
    assert list(Project.objects.all()) == [charlie.project]
    assert not Metric.objects.exists()
    assert CallLog.objects.get().project == charlie.project
    assert Agent.objects.get().project == charlie.project
    assert alice.client.get(URL).status_code == 401, "the key went with the project"


def test_the_list_costs_the_same_for_any_number(boss: Tenant) -> None:
    boss.client.get(URL)
    with CaptureQueriesContext(connection) as few:
        boss.client.get(URL)
    for number in range(12):
        boss.client.post(URL, {"name": f"Project {number}"})
    with CaptureQueriesContext(connection) as many:
        assert len(boss.client.get(URL).json()) == 13
    assert len(many) == len(few)

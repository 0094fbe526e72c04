"""Actions on several metrics, and beside one."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.store.models import Metric
from tests.tenants import Tenant, tenant

URL = "/test_framework/v1/metrics/"
WORDS = "Did {{agent.name}} greet in {{transcript}}?"
ASK = {"type": "llm_judge", "eval_type": "binary", "description": WORDS}


def made(tenant: Tenant, *names: str, **said: Any) -> list[int]:
    body = [{"name": name, **ASK, **said} for name in names]
    return [one["id"] for one in tenant.client.post(f"{URL}bulk_create/", body).json()]


def test_switches_of_several(alice: Tenant) -> None:
    ids = made(alice, "A", "B")
    said = {"metric_ids": ids, "observability_enabled": False, "sampling_enabled": True}
    assert alice.client.post(f"{URL}bulk-toggle-settings/", said).json()["updated_count"] == 2
    for metric in Metric.objects.filter(pk__in=ids):
        assert (metric.observability_enabled, metric.sampling_enabled) == (False, True)
    assert alice.client.post(f"{URL}bulk-toggle-settings/", {"metric_ids": ids}).status_code == 400


def test_the_order_is_what_was_asked_for(alice: Tenant) -> None:
    a, b, c = made(alice, "A", "B", "C")
    assert alice.client.patch(f"{URL}reorder/", {"metric_ids": [c, a]}).json() == {"metric_ids": [c, a]}
    assert [one["id"] for one in alice.client.get(URL).json()] == [c, a, b]
    assert [one["id"] for one in alice.client.get(f"{URL}basic_list/").json()] == [c, a, b]


def test_deleting_several(alice: Tenant) -> None:
    a, b, c = made(alice, "A", "B", "C")
    assert alice.client.post(f"{URL}delete_metrics/", {"metrics": [a, b]}).json()["deleted_count"] == 2
    assert [one["id"] for one in alice.client.get(URL).json()] == [c]


def test_agents_are_added_and_taken_out(alice: Tenant) -> None:
    one, two = alice.agent(), alice.agent(name="Two")
    every, chosen = made(alice, "Every")[0], made(alice, "Chosen", agents=[one.pk])[0]

    def manage(mode: str, *agents: int) -> int:
        said = {
            "project_id": alice.project.pk,
            "metric_ids": [every, chosen],
            "agent_ids": agents,
            "mode": mode,
        }
        answer = alice.client.post(f"{URL}bulk_manage_agents/", said)
        assert answer.status_code == 200, answer.json()
        return int(answer.json()["updated_count"])

    def measured(pk: int) -> list[int]:
        found: list[int] = alice.client.get(f"{URL}{pk}/").json()["agents"]
        return found

    assert manage("enable", two.pk) == 1  # one measures every agent already
    assert measured(chosen) == [one.pk, two.pk]
    assert manage("disable", one.pk) == 2
    assert measured(every) == measured(chosen) == [two.pk]
    assert manage("disable", one.pk) == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("bulk-toggle-settings/", {"metric_ids": "IDS", "observability_enabled": False}),
        ("delete_metrics/", {"metrics": "IDS"}),
        ("bulk_manage_agents/", {"metric_ids": "IDS", "agent_ids": "AGENTS", "mode": "disable"}),
        ("reorder/", {"metric_ids": "IDS"}),
    ],
)
def test_one_foreign_or_missing_metric_and_nothing_is_done(
    alice: Tenant, charlie: Tenant, path: str, said: dict[str, Any]
) -> None:
    agent = alice.agent()
    own, foreign = made(alice, "A"), made(charlie, "B")
    answers = []
    for other in (foreign[0], 999_999):
        filled = {"IDS": [*own, other], "AGENTS": [agent.pk]}
        body = {
            name: filled.get(value, value) if isinstance(value, str) else value
            for name, value in said.items()
        }
        send = alice.client.patch if path == "reorder/" else alice.client.post
        answer = send(f"{URL}{path}", body)
        assert answer.status_code == 400
        answers.append(str(answer.json()).replace(str(other), "N"))
    assert answers[0] == answers[1]
    metric = Metric.objects.get(pk=own[0])
    assert (metric.deleted_at, metric.observability_enabled, metric.every_agent) == (None, True, True)
    assert metric.display_order == 0


def test_a_version_is_labelled_and_its_content_stays(alice: Tenant) -> None:
    (pk,) = made(alice, "A")
    first = alice.client.get(f"{URL}{pk}/history/").json()["results"][0]
    said = {"history_id": first["history_id"], "version_name": "As launched"}
    answer = alice.client.patch(f"{URL}{pk}/history/edit/", said)
    assert answer.json() == {**first, "version_name": "As launched"}
    refused = alice.client.patch(f"{URL}{pk}/history/edit/", {"history_id": 999_999})
    assert refused.json() == {"history_id": ["This metric has no such version."]}


def test_variables_are_those_of_the_wording(alice: Tenant) -> None:
    (pk,) = made(
        alice, "A", evaluation_trigger="custom", evaluation_trigger_prompt="{{metadata.tier}} is gold"
    )
    answer = alice.client.post(f"{URL}{pk}/variables/", {}).json()
    assert answer["metric_description_variables"] == ["agent.name", "transcript"]
    assert answer["evaluation_trigger_variables"] == ["metadata.tier"]
    assert alice.client.get(f"{URL}{pk}/history/").json()["count"] == 1
    kept = alice.client.post(f"{URL}{pk}/variables/", {"metric_description_variables": ["x"]}).json()
    assert kept["metric_description_variables"] == ["x"]


def test_an_own_metric_is_offered_to_the_organization_only(alice: Tenant, charlie: Tenant) -> None:
    (pk,) = made(alice, "Greeting")
    catalogue = "/test_framework/v1/predefined-metrics/"
    before = len(alice.client.get(catalogue).json())
    offered = alice.client.post(f"{URL}{pk}/add_to_predefined_metrics/", {}).json()["predefined_metric"]
    again = alice.client.post(f"{URL}{pk}/add_to_predefined_metrics/", {}).json()["predefined_metric"]
    assert offered == again
    assert alice.client.get(catalogue).json()[before:] == [offered]
    assert len(charlie.client.get(catalogue).json()) == before
    assert charlie.client.get(f"{catalogue}{offered['id']}/").status_code == 404
    assert alice.client.get(f"{catalogue}{offered['id']}/").json() == offered

    other = tenant("Acme", "Second")
    (copy,) = other.client.post(f"{catalogue}copy/", {"metric_codes": [offered["code"]]}).json()
    assert copy["project"] == other.project.pk
    assert (copy["name"], copy["description"]) == ("Greeting", WORDS)
    (same,) = other.client.post(f"{catalogue}copy/", {"predefined_metric_ids": [offered["id"]]}).json()
    assert same["id"] == copy["id"]
    refused = charlie.client.post(f"{catalogue}copy/", {"metric_codes": [offered["code"]]})
    assert list(refused.json()) == ["metric_codes"]

    code = alice.client.get(catalogue).json()[0]["code"]
    (shipped,) = alice.client.post(f"{catalogue}copy/", {"metric_codes": [code]}).json()
    assert alice.client.post(f"{URL}{shipped['id']}/add_to_predefined_metrics/", {}).status_code == 400

"""Predefined metrics: the catalogue on the wire, and copying from it."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.engine.predefined import PREDEFINED
from callgauge.flow.metrics import spec_of, versions_for
from callgauge.store.models import Metric
from tests.tenants import Tenant, tenant

URL = "/test_framework/v1/predefined-metrics"
COPY = f"{URL}/copy/"


def catalogue(owner: Tenant) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in owner.client.get(URL).json()}


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}-external"])
def test_the_catalogue_is_a_plain_array(alice: Tenant, url: str) -> None:
    listed = alice.client.get(url).json()
    assert [one["code"] for one in listed] == [one.code for one in PREDEFINED]
    assert len({one["id"] for one in listed}) == len(PREDEFINED)
    assert listed[0].keys() == {
        "id",
        "name",
        "description",
        "code",
        "slug",
        "type",
        "eval_type",
        "audio_enabled",
        "prompt",
        "function_name",
        "enum_values",
        "custom_code",
        "simulation_enabled",
        "observability_enabled",
        "configuration",
        "cost",
        "evaluation_trigger",
        "evaluation_trigger_prompt",
        "category",
        "sub_category",
        "organization",
    }
    assert alice.client.get(f"{url.rstrip('/')}/{listed[0]['id']}").json() == listed[0]
    assert alice.client.get(f"{URL}/1").status_code == 404


def test_a_rule_is_copied_as_a_basic_metric(alice: Tenant) -> None:
    latency = catalogue(alice)["Latency (ms)"]
    (copied,) = alice.client.post(COPY, {"predefined_metric_ids": [latency["id"]]}).json()
    assert (copied["type"], copied["function_name"]) == ("basic", "latency")
    assert copied["vocera_defined_metric_code"] == latency["code"]
    assert copied["uses_llm_judge"] == ""
    assert spec_of(versions_for(alice.agent())[0]).built_in == "latency"


def test_a_judged_one_asks_its_own_question(alice: Tenant) -> None:
    csat = catalogue(alice)["CSAT"]
    (copied,) = alice.client.post(COPY, {"metric_codes": [csat["code"].upper()]}).json()
    assert (copied["type"], copied["function_name"]) == ("llm_judge", "csat")
    spec = spec_of(versions_for(alice.agent())[0])
    assert spec.prompt == csat["prompt"] != ""
    assert spec.built_in == csat["function_name"]

    url = f"/test_framework/v1/metrics/{copied['id']}"
    assert alice.client.patch(url, {"prompt": "My own question?"}).json()["prompt"] == "My own question?"
    assert spec_of(versions_for(alice.agent())[0]).prompt == "My own question?"


def test_copying_again_gives_the_same_metric(alice: Tenant) -> None:
    ids = [one["id"] for one in catalogue(alice).values()]
    first = alice.client.post(COPY, {"predefined_metric_ids": ids}).json()
    again = alice.client.post(COPY, {"predefined_metric_ids": [*ids, ids[0]]}).json()
    assert again == first
    assert [one["vocera_defined_metric_code"] for one in first] == [one.code for one in PREDEFINED]
    assert Metric.objects.count() == len(PREDEFINED)

    alice.client.patch(f"/test_framework/v1/metrics/{first[0]['id']}", {"name": "Renamed"})
    assert alice.client.post(COPY, {"predefined_metric_ids": ids[:1]}).json()[0]["name"] == "Renamed"
    alice.client.delete(f"/test_framework/v1/metrics/{first[0]['id']}")
    fresh = alice.client.post(COPY, {"predefined_metric_ids": ids[:1]}).json()
    assert fresh[0]["id"] != first[0]["id"]


def test_for_one_agent(alice: Tenant) -> None:
    one, other = alice.agent("One"), alice.agent("Other")
    code = PREDEFINED[0].code
    copied = alice.client.post(COPY, {"metric_codes": [code], "agent_id": one.pk}).json()
    assert copied[0]["agents"] == [one.pk]
    assert alice.client.post(COPY, {"metric_codes": [code]}).json() == copied, "still only that agent"
    widened = alice.client.post(COPY, {"metric_codes": [code], "agent_id": other.pk}).json()
    assert widened[0]["agents"] == [one.pk, other.pk]
    assert widened[0]["id"] == copied[0]["id"]


def test_refusals(alice: Tenant, charlie: Tenant) -> None:
    boss = tenant("Acme", None)
    code, agent = PREDEFINED[0].code, alice.agent().pk

    def field(who: Tenant, **body: Any) -> str:
        response = who.client.post(COPY, body)
        assert response.status_code == 400
        (name,) = response.json()
        return str(name)

    assert field(alice) == "predefined_metric_ids"
    assert field(alice, predefined_metric_ids=[1]) == "predefined_metric_ids"
    assert field(alice, metric_codes=["00000000"]) == "metric_codes"
    assert field(alice, metric_codes=[code], agent_id=agent, project_id=alice.project.pk) == "agent_id"
    assert field(alice, metric_codes=[code], agent_id=charlie.agent().pk) == "agent_id"
    assert field(alice, metric_codes=[code], project_id=charlie.project.pk) == "project_id"
    assert field(boss, metric_codes=[code]) == "project_id"
    assert not Metric.objects.exists()
    form = "application/x-www-form-urlencoded"
    assert (
        boss.client.post(COPY, f"metric_codes={code}&agent_id={agent}", content_type=form).status_code == 200
    )


def test_a_metric_of_nodes_says_that_a_rule_must_name_one(alice: Tenant) -> None:
    topic = catalogue(alice)["Topic of Call"]
    (copied,) = alice.client.post(COPY, {"metric_codes": [topic["code"]]}).json()
    url = f"/test_framework/v1/metrics/{copied['id']}"
    refused = alice.client.patch(url, {"add_to_rubric": True})
    assert (refused.status_code, list(refused.json())) == (400, ["add_to_rubric"])
    assert alice.client.patch(url, {"configuration": {"nodes": ["a"]}}).status_code == 200

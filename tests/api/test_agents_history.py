"""An agent's history, its copies, and its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.flow.sealing import unseal
from callgauge.store.models import Agent, AgentVersion, Metric
from tests.tenants import Tenant

V1, V2 = "/test_framework/v1/aiagents/", "/test_framework/v2/aiagents/"


def made(tenant: Tenant, **said: Any) -> int:
    body = {"name": "Bookings", "description": "d", **said}
    answer = tenant.client.post(V2, body)
    assert answer.status_code == 201, answer.json()
    return int(answer.json()["id"])


def keyed(provider: str, **credentials: Any) -> dict[str, Any]:
    return {"provider": {"type": provider, "credentials": credentials}}


def history(tenant: Tenant, pk: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tenant.client.get(f"{V2}{pk}/history/").json()["results"]
    return found


def test_each_change_that_shows_is_an_entry(alice: Tenant) -> None:
    pk = made(alice)
    alice.client.patch(f"{V2}{pk}/", {"name": "Tables"})
    alice.client.patch(f"{V2}{pk}/", {"name": "Tables"})  # the same again
    alice.client.patch(f"{V1}{pk}/", {"webhook_secret": "hush"})  # a secret has no history
    newest, first = history(alice, pk)
    assert (newest["agent_name"], newest["history_type"], newest["version_id"]) == ("Tables", "~", "2")
    assert (first["agent_name"], first["history_type"], first["id"]) == ("Bookings", "+", pk)
    assert alice.client.get(f"{V1}{pk}/history/").json()["count"] == 2
    assert "hush" not in str(list(AgentVersion.objects.values()))


def test_a_label_is_kept_and_a_foreign_version_is_refused(alice: Tenant) -> None:
    pk, other = made(alice), made(alice, name="Other")
    first, foreign = history(alice, pk)[0]["history_id"], history(alice, other)[0]["history_id"]
    said = {"history_id": first, "version_name": "As launched", "history_change_reason": "launch"}
    answer = alice.client.patch(f"{V2}{pk}/history/edit/", said).json()
    assert (answer["version_name"], answer["history_change_reason"]) == ("As launched", "launch")
    for path, verb in (("history/edit/", alice.client.patch), ("restore/", alice.client.post)):
        refused = verb(f"{V2}{pk}/{path}", {"history_id": foreign})
        assert (refused.status_code, list(refused.json())) == (400, ["history_id"])


def test_restoring_brings_everything_back_but_secrets(alice: Tenant) -> None:
    pk = made(alice, dynamic_variables=[{"name": "day", "description": "the day"}])
    first = history(alice, pk)[0]["history_id"]
    alice.client.patch(
        f"{V2}{pk}/",
        {
            "name": "Tables",
            "dynamic_variables": [],
            "provider": {"type": "vapi", "credentials": {"api_key": "k"}},
        },
    )
    answer = alice.client.post(f"{V2}{pk}/restore/", {"history_id": first})
    assert answer.status_code == 200
    assert answer.json()["name"] == "Bookings"
    assert [one["name"] for one in answer.json()["dynamic_variables"]] == ["day"]
    assert Agent.objects.get(pk=pk).secrets.keys() == {"vapi_api_key"}
    assert history(alice, pk)[0]["history_change_reason"] == "Restored version 1"


def test_a_copy_has_all_but_the_assistant_id(alice: Tenant) -> None:
    provider = {"type": "vapi", "agent_id": "asst-1", "credentials": {"api_key": "k"}}
    pk = made(alice, provider=provider, webhook_url="https://example.com/hook")
    alice.client.post(
        f"{V2}{pk}/upload_knowledge_base/", {"files": [{"name": "a.txt", "content_base64": "aGk="}]}
    )
    ask = {"name": "M", "type": "llm_judge", "eval_type": "binary", "description": "?", "agents": [pk]}
    metric = alice.client.post("/test_framework/v1/metrics/", ask).json()["id"]
    answer = alice.client.post(f"{V2}{pk}/duplicate/", {})
    assert answer.status_code == 201
    copy = answer.json()
    assert copy["name"] == "Bookings (copy)"
    assert copy["provider"]["agent_id"] is None
    assert copy["webhook_url"] == "https://example.com/hook"
    assert [file["file_name"] for file in copy["knowledge_base_files"]] == ["a.txt"]
    assert unseal(Agent.objects.get(pk=copy["id"]).secrets["vapi_api_key"]) == "k"
    assert {agent.pk for agent in Metric.objects.get(pk=metric).agents.all()} == {pk, copy["id"]}
    flat = alice.client.post(f"{V1}{pk}/duplicate/", {"agent_name": "Second"}).json()
    assert (flat["agent_name"], flat["vapi_api_key_configured"]) == ("Second", "true")


@pytest.mark.parametrize(
    ("body", "sealed", "shown"),
    [
        (keyed("retell", api_key="s"), "retell_api_key", "retell_api_key"),
        (keyed("genesys", api_key="s"), "genesys_client_secret", "genesys_client_secret"),
        (keyed("custom", api_key="s"), "custom_provider_api_key", "custom_provider_api_key"),
        (keyed("livekit", config={"url": "wss://x", "api_secret": "s"}), "livekit_data.api_secret", None),
        (keyed("vapi", config={"public_key": "s"}), "vapi_data.public_key", "vapi_public_key"),
        ({"webhook_secret": "s"}, "webhook_secret", "webhook_secret"),
        ({"bland_api_key": "s", "assistant_provider": "bland"}, "bland_api_key", "bland_api_key"),
    ],
)
def test_a_secret_is_sealed_under_its_name(
    alice: Tenant, body: dict[str, Any], sealed: str, shown: str | None
) -> None:
    pk = made(alice, **body)
    agent = Agent.objects.get(pk=pk)
    assert list(agent.secrets) == [sealed]
    assert unseal(agent.secrets[sealed]) == "s"
    flat = alice.client.get(f"{V1}{pk}/").json()
    there = {name for name, value in flat.items() if name.endswith("_configured") and value}
    assert there == ({f"{shown}_configured"} if shown else set())
    assert '"s"' not in str(agent.settings).replace("'", '"')


def test_history_and_copies_are_walled(alice: Tenant, charlie: Tenant) -> None:
    pk = made(alice)
    first = history(alice, pk)[0]["history_id"]
    for target in (pk, 999_999):
        assert charlie.client.get(f"{V2}{target}/history/").status_code == 404
        assert charlie.client.post(f"{V2}{target}/restore/", {"history_id": first}).status_code == 404
        assert charlie.client.post(f"{V2}{target}/duplicate/", {}).status_code == 404
        answer = charlie.client.patch(f"{V2}{target}/history/edit/", {"history_id": first})
        assert answer.json() == {"detail": "Not found."}

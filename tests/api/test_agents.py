"""Agents on the wire, flat and nested."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callgauge.flow.metrics import MetricChange, create_metric, versions_for
from callgauge.store.models import Agent, CallLog
from tests.tenants import Tenant, tenant

V1 = "/test_framework/v1/aiagents"
V2 = "/test_framework/v2/aiagents"
FLAT = {"agent_name": "Bookings", "description": "Books tables", "inbound": True}
NESTED = {"name": "Bookings", "description": "Books tables", "telephony": {"inbound": True}}
V2_FIELDS = {
    "id",
    "name",
    "description",
    "project",
    "language",
    "telephony",
    "provider",
    "agent_speaks_first",
    "knowledge_base_files",
    "enabled_personalities",
    "webhook_url",
    "webhook_secret_configured",
    "webhook_signing_secret_configured",
    "mock_tools",
    "mock_tools_enabled",
    "mock_tools_provider",
    "dynamic_variables",
    "created_at",
    "updated_at",
    "email_id",
}


def test_a_flat_agent_comes_back_as_sent(alice: Tenant) -> None:
    body = {
        **FLAT,
        "contact_number": "+4912345678",
        "language": "de",
        "assistant_id": "asst-1",
        "assistant_provider": "vapi",
        "llm_temperature": 0.5,
        "topic_nodes": ["order", "complaint"],
        "agent_gives_first_message": True,
        "email_id": "bot@example.com",
    }
    made = alice.client.post(V1, body)
    assert made.status_code == 201
    assert made.json().items() >= {**body, "project": alice.project.pk}.items()
    assert alice.client.get(f"{V1}/{made.data['id']}/").json() == made.json()


def test_a_nested_agent_comes_back_as_sent(alice: Tenant) -> None:
    telephony = {
        "phone_number": "+4912345678",
        "inbound": True,
        "sip_uri": "sip:bot@example.com",
        "websocket_url": "wss://example.com/voice",
        "outbound_numbers": ["+49111"],
    }
    chat = {"type": "retell", "config": {"agent_id": "chat-1"}}
    provider = {
        "type": "livekit",
        "agent_id": "asst-1",
        "credentials": {"api_key": "hush", "config": {"url": "wss://lk", "api_secret": "hush"}},
        "chat_agent_details": chat,
        "auto_dial_outbound": True,
        "auto_import_calls": True,
    }
    made = alice.client.post(
        V2, {**NESTED, "telephony": telephony, "provider": provider, "agent_speaks_first": False}
    )
    assert made.status_code == 201
    shown = made.json()
    assert shown.keys() == V2_FIELDS
    assert shown["telephony"].items() >= telephony.items()
    assert shown["provider"]["credentials"] == {"config": {"url": "wss://lk"}}
    assert shown["provider"]["chat_agent_details"] == chat
    assert shown["provider"]["agent_id"] == "asst-1"
    assert shown["provider"]["auto_import_calls"] is True
    assert shown["agent_speaks_first"] is False
    assert "hush" not in str(shown)
    assert "hush" not in str(Agent.objects.get().settings)


def test_one_agent_in_both_versions(alice: Tenant) -> None:
    """The map of names at the end of the contract's page on agents."""
    flat = {
        **FLAT,
        "contact_number": "+4912345678",
        "sip_endpoint": "sip:bot@example.com",
        "websocket_voice_url": "wss://example.com/voice",
        "outbound_numbers": ["+49111"],
        "assistant_provider": "self_hosted",
        "assistant_id": "asst-1",
        "custom_provider_data": {"trigger_url": "https://example.com"},
        "agent_gives_first_message": True,
        "chat_assistant_id": "chat-1",
    }
    pk = alice.client.post(V1, flat).data["id"]
    nested = alice.client.get(f"{V2}/{pk}").json()
    assert nested["name"] == "Bookings"
    assert nested["agent_speaks_first"] is True
    assert nested["telephony"] == {
        "phone_number": "+4912345678",
        "inbound": True,
        "sip_uri": "sip:bot@example.com",
        "sip_auth": None,
        "websocket_url": "wss://example.com/voice",
        "websocket_auth": None,
        "outbound_numbers": ["+49111"],
    }
    provider = nested["provider"]
    assert (provider["type"], provider["agent_id"]) == ("custom", "asst-1")
    assert provider["credentials"] == {"config": {"trigger_url": "https://example.com"}}
    assert provider["chat_agent_details"]["config"] == {"agent_id": "chat-1"}

    before = alice.client.get(f"{V1}/{pk}").json()
    alice.client.put(f"{V2}/{pk}/", nested)
    after = alice.client.get(f"{V1}/{pk}").json()
    assert {**after, "updated_at": 0} == {**before, "updated_at": 0}


@pytest.mark.parametrize("chat", ["sms", "whatsapp", "agentforce", "sierra"])
def test_chat_only_providers_are_custom_in_version_2(alice: Tenant, chat: str) -> None:
    pk = alice.client.post(V1, {**FLAT, "assistant_provider": chat}).data["id"]
    provider = alice.client.get(f"{V2}/{pk}").json()["provider"]
    assert (provider["type"], provider["chat_agent_details"]["type"]) == ("custom", chat)

    alice.client.patch(f"{V2}/{pk}", {"provider": {"type": "vapi"}})
    alice.client.patch(f"{V2}/{pk}", {"provider": {"type": "custom", "chat_agent_details": {"type": chat}}})
    assert alice.client.get(f"{V1}/{pk}").json()["assistant_provider"] == chat


def test_version_2_takes_flat_names_too(alice: Tenant) -> None:
    made = alice.client.post(V2, {**FLAT, "contact_number": "+4912345678", "assistant_id": "asst-1"}).json()
    assert made["name"] == "Bookings"
    assert made["telephony"]["phone_number"] == "+4912345678"
    assert made["provider"]["agent_id"] == "asst-1"


def test_a_patch_changes_only_what_it_names(alice: Tenant) -> None:
    pk = alice.client.post(V2, {**NESTED, "provider": {"type": "vapi", "agent_id": "asst-1"}}).data["id"]
    alice.client.patch(f"{V2}/{pk}/", {"name": "New"})
    alice.client.patch(f"{V2}/{pk}/", {"telephony": {"phone_number": "+49111222333"}})
    alice.client.patch(f"{V2}/{pk}/", {"provider": {"credentials": {"config": {"trigger_url": "https://t"}}}})
    shown = alice.client.get(f"{V2}/{pk}/").json()
    assert shown["name"] == "New"
    assert shown["telephony"]["inbound"] is True
    assert (shown["provider"]["type"], shown["provider"]["agent_id"]) == ("vapi", "asst-1")
    assert alice.client.get(f"{V1}/{pk}/").json()["vapi_data"] == '{"trigger_url":"https://t"}'


def test_what_version_1_shows_can_be_written_back(alice: Tenant) -> None:
    made = alice.client.post(
        V1, {**FLAT, "livekit_data": {"url": "wss://lk", "config": {"token": "hush"}}}
    ).json()
    again = alice.client.put(f"{V1}/{made['id']}", made)
    assert again.status_code == 200, again.data
    assert {**again.json(), "updated_at": 0} == {**made, "updated_at": 0}
    assert "hush" not in str(made)


@pytest.mark.parametrize(("part", "status"), [("230789006318689", 400), ("", 200)])
def test_parts_without_a_name_are_no_empty_form(alice: Tenant, part: str, status: int) -> None:
    boundary = "23ae883ec3642150618640562c3e2bc7"
    body = f"--{boundary}\r\n{part}--{boundary}--\r\n" if part else f"--{boundary}--\r\n"
    answer = alice.client.generic(
        "PATCH", f"{V1}/{alice.agent().pk}/", body, f"multipart/form-data; boundary={boundary}"
    )
    assert answer.status_code == status
    assert part == "" or "none of its parts" in answer.content.decode()


def test_form_and_multipart_bodies(alice: Tenant) -> None:
    made = alice.client.post(f"{V1}/", {**FLAT, "topic_nodes": '["a"]', "email_id": ""}, format="multipart")
    assert made.status_code == 201
    assert made.json()["topic_nodes"] == ["a"]
    form = "application/x-www-form-urlencoded"
    shown = alice.client.patch(
        f"{V2}/{made.data['id']}", 'telephony={"phone_number": "%2B49111"}&name=Form', content_type=form
    ).json()
    assert (shown["name"], shown["telephony"]["phone_number"]) == ("Form", "+49111")


def test_an_assistant_id_is_unique_in_its_project(alice: Tenant, charlie: Tenant) -> None:
    taken = {"assistant_id": ["Another agent of this project already has this assistant id."]}
    assert alice.client.post(V1, {**FLAT, "assistant_id": "asst-1"}).status_code == 201
    assert alice.client.post(V1, {**FLAT, "assistant_id": "asst-1"}).json() == taken
    other = alice.client.post(V2, NESTED).data["id"]
    again = alice.client.patch(f"{V2}/{other}", {"provider": {"agent_id": "asst-1"}})
    assert (again.status_code, again.json()) == (400, taken)
    assert charlie.client.post(V1, {**FLAT, "assistant_id": "asst-1"}).status_code == 201
    assert alice.client.post(V1, {**FLAT, "assistant_id": None}).status_code == 201


@pytest.mark.parametrize(
    ("url", "body", "field"),
    [
        (V1, {"description": "x"}, "agent_name"),
        (V2, {"description": "x"}, "name"),
        (V1, {**FLAT, "agent_name": " "}, "agent_name"),
        (V1, {**FLAT, "agent_name": "x" * 256}, "agent_name"),
        (V1, {**FLAT, "language": "xx"}, "language"),
        (V1, {**FLAT, "contact_number": "1" * 31}, "contact_number"),
        (V1, {**FLAT, "assistant_provider": "unknown"}, "assistant_provider"),
        (V1, {**FLAT, "email_id": "nobody"}, "email_id"),
        (V1, {**FLAT, "llm_temperature": "inf"}, "llm_temperature"),
        (V1, {**FLAT, "livekit_data": "[1]"}, "livekit_data"),
        (V1, {**FLAT, "project": 10**30}, "project"),
        (V2, {**NESTED, "telephony": []}, "telephony"),
        (V2, {**NESTED, "telephony": {"inbound": "maybe"}}, "telephony"),
        (V2, {**NESTED, "provider": {"type": "unknown"}}, "provider"),
        (V2, {**NESTED, "provider": {"redact_fields": ["iris_scan"]}}, "provider"),
        (V2, {**NESTED, "provider": {"configure_from_provider": True}}, "provider"),
        (V2, {**NESTED, "mock_tools": [{"name": "t"}]}, "mock_tools"),
        (V2, {**NESTED, "dynamic_variables": [{"description": "x"}]}, "dynamic_variables"),
    ],
)
def test_wrong_values_are_refused_in_their_field(
    alice: Tenant, url: str, body: dict[str, Any], field: str
) -> None:
    response = alice.client.post(url, body)
    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert not Agent.objects.exists()


def test_dynamic_variables_keep_their_ids_by_name(alice: Tenant) -> None:
    variables = [{"name": "a", "description": "1"}, {"name": "b", "description": "2"}]
    made = alice.client.post(V2, {**NESTED, "dynamic_variables": variables}).json()
    assert [v["id"] for v in made["dynamic_variables"]] == [1, 2]
    shown = alice.client.patch(
        f"{V2}/{made['id']}", {"dynamic_variables": [variables[1], {"name": "c", "description": ""}]}
    ).json()
    assert [(v["id"], v["name"]) for v in shown["dynamic_variables"]] == [(2, "b"), (3, "c")]


def test_a_project_key_implies_the_project_and_an_organization_key_does_not(
    alice: Tenant, charlie: Tenant
) -> None:
    boss = tenant("Acme", None)
    assert list(boss.client.post(V1, FLAT).json()) == ["project"]
    assert boss.client.post(V1, {**FLAT, "project": alice.project.pk}).status_code == 201
    foreign = boss.client.post(V1, {**FLAT, "project": charlie.project.pk})
    missing = boss.client.post(V1, {**FLAT, "project": 10**9})
    assert foreign.status_code == missing.status_code == 400
    assert foreign.json() == missing.json()


def test_an_agent_stays_in_its_project(alice: Tenant) -> None:
    boss = tenant("Acme", None)
    other = boss.client.post("/user/v1/projects", {"name": "Sales"}).data["id"]
    pk = alice.agent().pk
    assert list(boss.client.patch(f"{V2}/{pk}", {"project": other}).json()) == ["project"]
    assert boss.client.patch(f"{V2}/{pk}", {"project": alice.project.pk}).status_code == 200


def test_the_list_is_searched_by_name_or_id(alice: Tenant, charlie: Tenant) -> None:
    first, second = alice.agent("Bookings"), alice.agent("Complaints")
    charlie.agent("Bookings")
    listed = lambda **query: [a["id"] for a in alice.client.get(V2, query).json()["results"]]  # noqa: E731
    assert listed() == [second.pk, first.pk]
    assert listed(q="book") == [first.pk]
    assert listed(q=str(second.pk)) == [second.pk]
    assert listed(q="nobody") == []
    assert listed(project_id=alice.project.pk) == [second.pk, first.pk]
    assert alice.client.get(V2, {"project_id": charlie.project.pk}).status_code == 404
    assert alice.client.get(V2, {"organization_id": charlie.key.organization_id}).status_code == 404


def test_pages(alice: Tenant, settings: Any) -> None:
    for number in range(5):
        alice.agent(f"Agent {number}")
    first = alice.client.get(f"{V1}/", {"page_size": 2}).json()
    assert first["count"] == 5
    assert first["previous"] is None
    assert first["next"] == "http://testserver/test_framework/v1/aiagents/?page=2&page_size=2"
    last = alice.client.get(f"{V1}/", {"page_size": 2, "page": 3}).json()
    assert (len(last["results"]), last["next"]) == (1, None)
    assert alice.client.get(V1, {"page": 9}).status_code == 404

    settings.CALLGAUGE = dataclasses.replace(settings.CALLGAUGE, public_url="https://gauge.example.com/")
    again = alice.client.get(f"{V1}/", {"page_size": 2}).json()
    assert again["next"] == "https://gauge.example.com/test_framework/v1/aiagents/?page=2&page_size=2"


@pytest.mark.parametrize("url", [V1, V2])
def test_the_short_list(alice: Tenant, url: str) -> None:
    agent = alice.agent("Bookings", inbound=None)
    (shown,) = alice.client.get(f"{url}/short_list/").json()["results"]
    assert shown.keys() == {
        "id",
        "agent_name",
        "project",
        "organization",
        "contact_number",
        "inbound",
        "language",
        "created_at",
        "updated_at",
        "agent_gives_first_message",
    }
    assert shown["id"] == agent.pk
    assert shown["organization"] == alice.key.organization_id
    assert shown["inbound"] is None


@pytest.mark.parametrize("url", [V1, V2, f"{V1}/short_list", f"{V2}/short_list"])
def test_lists_cost_the_same_for_any_number(alice: Tenant, url: str) -> None:
    alice.agent()
    alice.client.get(url)
    with CaptureQueriesContext(connection) as few:
        alice.client.get(url)
    for number in range(15):
        alice.agent(f"Agent {number}")
    with CaptureQueriesContext(connection) as many:
        assert len(alice.client.get(url).json()["results"]) == 16
    assert len(many) == len(few)


@pytest.mark.parametrize("url", [V1, V2])
def test_charlie_cannot_touch_it(alice: Tenant, bob: Tenant, charlie: Tenant, url: str) -> None:
    one = f"{url}/{alice.agent().pk}"
    assert charlie.client.get(url).json()["count"] == 0
    assert charlie.client.get(f"{url}/short_list").json()["count"] == 0
    for method in ("get", "put", "patch", "delete"):
        response = getattr(charlie.client, method)(one)
        assert (response.status_code, response.json()) == (404, {"detail": "Not found."})
    assert bob.client.get(one).status_code == 200


def call(tenant: Tenant, agent: Agent) -> CallLog:
    return CallLog.objects.create(
        project=tenant.project, agent=agent, call_id="c1", timestamp="2026-01-01T00:00:00Z"
    )


def test_deleting_an_agent_deletes_its_calls(alice: Tenant) -> None:
    agent = alice.agent()
    call(alice, agent)
    assert alice.client.delete(f"{V2}/{agent.pk}/").status_code == 204
    assert not CallLog.objects.exists()
    assert not Agent.objects.exists()


def test_deleting_an_agent_can_detach_its_calls(alice: Tenant) -> None:
    agent = alice.agent()
    call(alice, agent)
    assert alice.client.delete(f"{V1}/{agent.pk}?delete_related=maybe").status_code == 400
    assert alice.client.delete(f"{V1}/{agent.pk}?delete_related=false").status_code == 204
    assert CallLog.objects.get().agent is None


def test_new_agents_meet_the_metrics_that_want_them(alice: Tenant) -> None:
    old = alice.agent()
    make = lambda name, wants, agents=None: create_metric(  # noqa: E731
        alice.project,
        MetricChange(
            frozen={"name": name, "eval_type": "binary", "description": "?"},
            switches={"add_to_new_agents": wants},
            agents=agents,
        ),
    )
    make("everyone", None)
    make("chosen", None, [old.pk])
    make("chosen and new", True, [old.pk])
    make("everyone so far", False)

    new = Agent.objects.get(pk=alice.client.post(V2, NESTED).data["id"])

    assert [version.name for version in versions_for(new)] == ["everyone", "chosen and new"]
    assert len(versions_for(old)) == 4

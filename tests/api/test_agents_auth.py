"""What callers of an agent sign in with: kept for who reads it back, and never shown."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.flow.sealing import unseal
from callgauge.store.models import Agent, AgentVersion
from tests.api.test_agents import FLAT, V1, V2
from tests.tenants import Tenant

SIGN_IN = {
    "sip_auth": {"type": "digest", "username": "bot", "password": "hush", "port": 5060},
    "websocket_auth": "hush-too",
    "websocket_headers": {"Authorization": "Bearer hush", "X-Room": "hush"},
}
MASKED = {
    "sip_auth": {"type": "digest", "username": "bot", "password": "********", "port": "********"},
    "websocket_auth": "********",
    "websocket_headers": {"Authorization": "********", "X-Room": "********"},
}


def sealed_texts() -> dict[str, str]:
    return {name: unseal(token) for name, token in Agent.objects.get().secrets.items()}


def test_what_callers_sign_in_with_is_kept_sealed_and_masked(alice: Tenant) -> None:
    made = alice.client.post(V1, {**FLAT, **SIGN_IN})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert {name: shown[name] for name in SIGN_IN} == MASKED
    nested = alice.client.get(f"{V2}/{shown['id']}/").json()["telephony"]
    assert (nested["sip_auth"], nested["websocket_auth"]) == (MASKED["sip_auth"], "********")
    assert sealed_texts() == {
        "sip_auth.password": "hush",
        "sip_auth.port": "5060",
        "websocket_auth": "hush-too",
        "websocket_headers.Authorization": "Bearer hush",
        "websocket_headers.X-Room": "hush",
    }
    assert "hush" not in str(list(Agent.objects.values())) + str(list(AgentVersion.objects.values()))


def test_a_mask_that_comes_back_changes_nothing(alice: Tenant) -> None:
    pk = alice.client.post(V1, {**FLAT, **SIGN_IN}).json()["id"]
    before = sealed_texts()
    nested = alice.client.get(f"{V2}/{pk}/").json()
    assert alice.client.put(f"{V2}/{pk}/", nested).status_code == 200
    flat = alice.client.get(f"{V1}/{pk}/").json()
    again = {**FLAT, **{name: flat[name] for name in SIGN_IN}}
    assert alice.client.put(f"{V1}/{pk}/", again).status_code == 200
    assert sealed_texts() == before


def test_parts_are_replaced_and_taken_away(alice: Tenant) -> None:
    pk = alice.client.post(V1, {**FLAT, **SIGN_IN}).json()["id"]
    body = {
        "sip_auth": {"username": "bot", "password": "new"},
        "websocket_auth": None,
        "websocket_headers": {"Authorization": "********"},
    }
    shown = alice.client.patch(f"{V1}/{pk}/", body).json()
    assert shown["sip_auth"] == {"username": "bot", "password": "********"}
    assert (shown["websocket_auth"], shown["websocket_headers"]) == (None, {"Authorization": "********"})
    assert sealed_texts() == {
        "sip_auth.password": "new",
        "websocket_headers.Authorization": "Bearer hush",
    }


@pytest.mark.parametrize(
    "body",
    [
        {"sip_auth": {"password": "********"}},
        {"websocket_headers": "Authorization: x"},
        {"websocket_auth": {"token": "x" * 10_001}},
    ],
)
def test_sign_in_that_cannot_be_kept_is_refused(alice: Tenant, body: dict[str, Any]) -> None:
    answer = alice.client.post(V1, {**FLAT, **body})
    assert (answer.status_code, list(answer.json())) == (400, list(body))
    assert not Agent.objects.exists()

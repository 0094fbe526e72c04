"""Secrets at rest: sealed, opened by every key that is still listed, sealed anew under the first."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.flow import sealing
from callgauge.store.models import Agent
from tests.tenants import Tenant


@pytest.fixture(autouse=True)
def _one_key(settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "first", []


def test_what_is_sealed_opens_and_does_not_show() -> None:
    token = sealing.seal("sk-provider-ü")
    assert "sk-provider" not in token
    assert sealing.unseal(token) == "sk-provider-ü"
    assert sealing.seal("sk-provider-ü") != token  # the same secret twice does not look the same


def test_an_older_key_opens_until_it_is_taken_away(settings: Any) -> None:
    token = sealing.seal("secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", ["first"]
    assert sealing.unseal(token) == "secret"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(token)
    with pytest.raises(sealing.Unreadable):
        sealing.unseal("not a token")


def test_a_change_replaces_removes_and_leaves() -> None:
    before = sealing.changed({}, {"a": "1", "b": "2", "c": "3", "d": ""})
    assert set(before) == {"a", "b", "c"}
    after = sealing.changed(before, {"a": "9", "b": None, "c": ""})
    assert {name: sealing.unseal(token) for name, token in after.items()} == {"a": "9"}
    assert sealing.changed(before, {}) == before


def test_a_start_seals_anew_under_the_first_key(alice: Tenant, settings: Any) -> None:
    agent = alice.agent(secrets=sealing.changed({}, {"vapi_api_key": "k1", "retell_api_key": "k2"}))
    plain = alice.agent(name="Without")
    lost = alice.agent(name="Lost", secrets={"vapi_api_key": "no key opens this"})
    assert sealing.reseal() == 0
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", ["first"]
    assert sealing.reseal() == 1
    settings.SECRET_KEY_FALLBACKS = []
    agent.refresh_from_db()
    assert {name: sealing.unseal(token) for name, token in agent.secrets.items()} == {
        "vapi_api_key": "k1",
        "retell_api_key": "k2",
    }
    assert Agent.objects.get(pk=plain.pk).secrets == {}
    assert Agent.objects.get(pk=lost.pk).secrets == {"vapi_api_key": "no key opens this"}
    assert sealing.reseal() == 0

"""The providers' signatures: the right one passes, everything near it does not."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from callgauge.formats.signatures import SIGNATURES, check_elevenlabs, check_retell, check_vapi

BODY = '{"event":"call_ended","name":"Zoë"}'.encode()
KEY = "key_123"
NOW = 1_772_359_200.0


def mac(message: bytes, key: str = KEY) -> str:
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def retell(at_ms: int = int(NOW * 1000), key: str = KEY) -> dict[str, str]:
    return {"x-retell-signature": f"v={at_ms},d={mac(BODY + str(at_ms).encode(), key)}"}


def elevenlabs(at: int = int(NOW), key: str = KEY) -> dict[str, str]:
    return {"elevenlabs-signature": f"t={at},v0={mac(f'{at}.'.encode() + BODY, key)}"}


def test_a_signature_of_the_body_passes() -> None:
    assert check_retell(retell(), BODY, KEY, NOW) is True
    assert check_elevenlabs(elevenlabs(), BODY, KEY, NOW) is True
    assert check_vapi({"x-vapi-secret": KEY}, BODY, KEY, NOW) is True
    assert check_vapi({"x-vapi-signature": mac(BODY)}, BODY, KEY, NOW) is True
    assert check_vapi({"x-vapi-signature": f"sha256={mac(BODY)}"}, BODY, KEY, NOW) is True


@pytest.mark.parametrize("provider", SIGNATURES)
def test_without_a_signature_nothing_is_said(provider: str) -> None:
    assert SIGNATURES[provider]({}, BODY, KEY, NOW) is None


@pytest.mark.parametrize("change", ["body", "key", "old", "ahead"])
def test_what_differs_does_not_pass(change: str) -> None:
    body = BODY + b" " if change == "body" else BODY
    key = "key_124" if change == "key" else KEY
    now = {"old": NOW + 1801, "ahead": NOW - 1801}.get(change, NOW)
    assert check_retell(retell(), body, key, now) is False
    assert check_elevenlabs(elevenlabs(), body, key, now) is False
    if change in ("body", "key"):
        assert check_vapi({"x-vapi-signature": mac(BODY)}, body, key, now) is False
        assert check_vapi({"x-vapi-secret": KEY}, body, "other", now) is False


def test_retell_allows_five_minutes_and_elevenlabs_thirty() -> None:
    assert check_retell(retell(), BODY, KEY, NOW + 299) is True
    assert check_retell(retell(), BODY, KEY, NOW + 301) is False
    assert check_elevenlabs(elevenlabs(), BODY, KEY, NOW + 1799) is True


def test_while_a_secret_changes_either_signature_will_do() -> None:
    at = int(NOW)
    both = f"t={at},v0={'0' * 64},v0={mac(f'{at}.'.encode() + BODY)}"
    assert check_elevenlabs({"elevenlabs-signature": both}, BODY, KEY, NOW) is True


@pytest.mark.parametrize(
    "text", ["v=,d=", "v=1", "x", "v=1,d=zz", "t=1", "t=x,v0=1", "t=1,t=2,v0=3", "v0=1", "é"]
)
def test_nonsense_does_not_pass(text: str) -> None:
    assert check_retell({"x-retell-signature": text}, BODY, KEY, NOW) is False
    assert check_elevenlabs({"elevenlabs-signature": text}, BODY, KEY, NOW) is False
    assert check_vapi({"x-vapi-signature": text}, BODY, KEY, NOW) is False

"""Signatures as the specification of Standard Webhooks has them."""

from __future__ import annotations

from callgauge.outbound.signing import signature, signing_headers

BODY = b'{"test": 2432232314}'
"""The specification's own example, as are the id, the time, the secret and the signature."""


def test_the_example_of_the_specification() -> None:
    headers = signing_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_without_a_secret_nothing_is_signed() -> None:
    assert signing_headers("a", 1, BODY) == {"webhook-id": "a", "webhook-timestamp": "1"}


def test_id_time_body_and_secret_are_all_covered() -> None:
    found = {
        signature("a", 1, BODY, "s"),
        signature("b", 1, BODY, "s"),
        signature("a", 2, BODY, "s"),
        signature("a", 1, BODY + b" ", "s"),
        signature("a", 1, BODY, "t"),
    }
    assert len(found) == 5


def test_a_secret_that_only_looks_like_base64_is_used_as_it_is() -> None:
    for secret in ("whsec_not base64!", "whsec_\u2026"):
        assert signature("a", 1, BODY, secret) != signature("a", 1, BODY, "whsec_")

"""Signatures of what is sent, as the open Standard Webhooks specification (1.0) has them.

HMAC-SHA256 over `id.timestamp.body`, so that neither can be taken from one request to another and an old
request shows its age.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

PREFIX = "whsec_"
"""Behind it stands the key in base64; a secret without it is the key itself."""


def signing_headers(uid: str, seconds: int, body: bytes, secret: str = "") -> dict[str, str]:
    """Without a secret there is no signature, but still an id and a time."""
    headers = {"webhook-id": uid, "webhook-timestamp": str(seconds)}
    if secret:
        headers["webhook-signature"] = signature(uid, seconds, body, secret)
    return headers


def signature(uid: str, seconds: int, body: bytes, secret: str) -> str:
    signed = f"{uid}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def is_readable(secret: str) -> bool:
    """False for one that says that it is base64 and is not: a receiver would check by another key."""
    if not secret.startswith(PREFIX):
        return True
    try:
        return len(base64.b64decode(secret.removeprefix(PREFIX), validate=True)) > 0
    except ValueError:
        return False


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except ValueError:  # no base64, or not even ASCII
            pass
    return secret.encode()

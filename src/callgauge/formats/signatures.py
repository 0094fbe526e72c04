"""Whether a webhook comes from who it says: the providers' own signatures over the body as it arrived.

Each checker gets the request's headers (names in lower case), the raw body, a secret, and the time now in
seconds since 1970. It gives True or False, and None where the request carries no signature at all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

Headers = Mapping[str, str]
Checker = Callable[[Headers, bytes, str, float], "bool | None"]

RETELL_TOLERANCE_SECS = 300.0
"""As Retell's own SDK has it: an older signature may be a recorded request that somebody sends again."""
ELEVENLABS_TOLERANCE_SECS = 1800.0
"""As ElevenLabs recommends."""

_RETELL = re.compile(r"v=(\d{1,16}),d=([0-9a-fA-F]{64})")


def check_retell(headers: Headers, body: bytes, secret: str, now: float) -> bool | None:
    """`v=<ms>,d=<hex>`: HMAC-SHA256 of the body with the digits of the time behind it, by the API key."""
    given = headers.get("x-retell-signature", "")
    if not given:
        return None
    match = _RETELL.fullmatch(given.strip())
    if match is None or abs(now - int(match[1]) / 1000) > RETELL_TOLERANCE_SECS:
        return False
    return _same(_digest(secret, body + match[1].encode()), match[2].lower())


def check_elevenlabs(headers: Headers, body: bytes, secret: str, now: float) -> bool | None:
    """`t=<secs>,v0=<hex>`: HMAC-SHA256 of "<secs>.<body>". Several v0 are there while a secret changes."""
    given = headers.get("elevenlabs-signature", "")
    if not given:
        return None
    parts = [part.strip().partition("=") for part in given.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
        return False
    if abs(now - int(times[0])) > ELEVENLABS_TOLERANCE_SECS:
        return False
    digest = _digest(secret, times[0].encode() + b"." + body)
    return any(_same(digest, value.lower()) for name, _, value in parts if name == "v0")


def check_vapi(headers: Headers, body: bytes, secret: str, now: float) -> bool | None:
    """`X-Vapi-Secret` is the secret itself; `X-Vapi-Signature` an HMAC-SHA256 of the body in hex."""
    if plain := headers.get("x-vapi-secret", ""):
        return _same(secret, plain)
    if given := headers.get("x-vapi-signature", "").strip().lower().removeprefix("sha256="):
        return _same(_digest(secret, body), given)
    return None


SIGNATURES: dict[str, Checker] = {
    "elevenlabs": check_elevenlabs,
    "retell": check_retell,
    "vapi": check_vapi,
}


def _digest(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode("utf-8", "surrogatepass"), message, hashlib.sha256).hexdigest()


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode("utf-8", "replace"), theirs.encode("utf-8", "replace"))

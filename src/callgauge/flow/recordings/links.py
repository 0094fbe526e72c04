"""Links to recordings that need no key and soon end: for players, which cannot send headers."""

from __future__ import annotations

import time

from django.conf import settings
from django.core.signing import BadSignature, Signer

SALT = "callgauge.recording"
ROUND_SECS = 600
"""Links made in the same ten minutes are the same, so that a browser's cache can tell."""


class LinkExpired(Exception):
    """The link was good once."""


def recording_path(call_id: int) -> str:
    """Where a call's recording is read from, with a key."""
    return f"/observability/v1/call-logs/{call_id}/recording/"


def signed_path(call_id: int) -> str:
    """The same, good for anybody for CALLGAUGE_RECORDING_LINK_SECS (up to ten minutes more)."""
    until = -(-int(time.time() + settings.CALLGAUGE.recording_link_secs) // ROUND_SECS) * ROUND_SECS
    return f"{recording_path(call_id)}?expires={until}&signature={_signer().signature(_text(call_id, until))}"


def check_link(call_id: int, expires: str, signature: str) -> bool:
    """Whether this server signed it. Raises LinkExpired."""
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 16):
        return False
    try:
        _signer().unsign(f"{_text(call_id, int(expires))}:{signature}")
    except BadSignature:
        return False
    if int(expires) < time.time():
        raise LinkExpired
    return True


def _signer() -> Signer:
    return Signer(salt=SALT)


def _text(call_id: int, until: int) -> str:
    return f"{call_id}.{until}"

"""`sip_auth`, `websocket_auth` and `websocket_headers`: what somebody who calls the agent signs in with.

Nothing here places calls. They are kept for clients that read them back: the texts in them sealed one by one,
and shown as a mask. A mask that comes back means the text that is there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from callgauge.api.agents_secrets import MAX_SECRET, Secrets
from callgauge.flow.errors import Invalid

AUTH: Mapping[str, Any] = {"sip_auth": None, "websocket_auth": None, "websocket_headers": {}}
"""The fields, with what is shown until somebody sets them."""
MASK = "********"
IN_CLEAR = frozenset({"type", "scheme", "method", "transport", "username", "user", "realm", "domain", "name"})
"""What stands under these names tells how to sign in, and lets nobody in."""


def auth_parts(flat: Mapping[str, Any], sealed: Collection[str]) -> tuple[dict[str, Any], Secrets]:
    """What is kept in clear of the fields that a request mentions, and the secrets to set and to remove.

    `sealed` has the names of the secrets that are there. Raises Invalid."""
    shown: dict[str, Any] = {}
    secrets: Secrets = {}
    for field in AUTH:
        if field not in flat:
            continue
        value = flat[field]
        if field == "websocket_headers" and not isinstance(value, (dict, type(None))):
            raise Invalid.field(field, "Expected an object.")
        found: dict[str, str] = {}
        shown[field] = _masked(value, field, found) or AUTH[field]
        there = {name for name in sealed if name == field or name.startswith(f"{field}.")}
        if any(text == MASK and name not in there for name, text in found.items()):
            raise Invalid.field(field, f"{MASK} stands for a text that is kept, and none is: send the text.")
        if any(len(text) > MAX_SECRET for text in found.values()):
            raise Invalid.field(field, f"A text in it is longer than {MAX_SECRET} characters.")
        secrets |= dict.fromkeys(there - found.keys())
        secrets |= {name: text for name, text in found.items() if text != MASK}
    return shown, secrets


def _masked(value: Any, path: str, found: dict[str, str]) -> Any:
    """The same JSON with masks for its texts and numbers, which go to `found` by their path."""
    match value:
        case dict():
            return {
                name: part
                if name.lower() in IN_CLEAR and not isinstance(part, (dict, list))
                else _masked(part, f"{path}.{name}", found)
                for name, part in value.items()
            }
        case list():
            return [_masked(part, f"{path}.{number}", found) for number, part in enumerate(value)]
        case None | bool() | "":
            return value
        case _:
            found[path] = str(value)
            return MASK

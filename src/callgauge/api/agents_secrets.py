"""The secrets in what a request says of an agent: found, taken out, and said to be there or not.

They are write-only: stored sealed (flow.sealing), never shown. A text sets one, an empty text or null removes
it, and what is not mentioned stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from callgauge.domain.agents import SECRETS
from callgauge.store.models import Agent

Secrets = dict[str, str | None]

SECRET_NAME = re.compile(r"secret|token|passw|credential|auth|headers|api_?key|_key$|^key$", re.IGNORECASE)
"""A field of a connection's settings with such a name is taken for a secret."""
MAX_SECRET = 10_000
CONFIGURED, NOT_CONFIGURED = "true", ""
"""The contract says that `*_configured` is text; the empty one is false in every language."""


def without_secrets(value: Any) -> Any:
    """The same JSON without the fields whose names look like a secret's."""
    if isinstance(value, dict):
        return {name: without_secrets(part) for name, part in value.items() if not SECRET_NAME.search(name)}
    if isinstance(value, list):
        return [without_secrets(part) for part in value]
    return value


def secrets_in(value: Any, field: str) -> Secrets:
    """The texts that `without_secrets` takes out of a connection's settings, by their path below `field`.

    What is no text (an object of headers, a number) is dropped: nothing here knows what to do with it."""
    return {f"{field}.{path}": text for path, text in _walk(value, "", secret=False)}


def _walk(value: Any, path: str, *, secret: bool) -> Iterator[tuple[str, str | None]]:
    if not isinstance(value, dict):
        if secret and (value is None or (isinstance(value, str) and len(value) <= MAX_SECRET)):
            yield path, value
        return
    for name, part in value.items():
        yield from _walk(part, f"{path}.{name}" if path else name, secret=bool(SECRET_NAME.search(name)))


def configured(agent: Agent) -> Mapping[str, str]:
    """`<name>_configured` for every secret that the contract names."""
    there = agent.secrets
    beside = {"vapi_public_key": "vapi_data.public_key"}  # v2 sends it inside the provider's settings
    return {
        f"{name}_configured": CONFIGURED if name in there or beside.get(name) in there else NOT_CONFIGURED
        for name in SECRETS
        if name != "agora_api_key"  # the contract takes this one and shows nothing for it
    }

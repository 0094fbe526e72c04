"""The secrets in what a request says of an agent: found, taken out, and said to be there or not.

They are write-only: stored sealed (flow.sealing), never shown. A text sets one, an empty text or null removes
it, and what is not mentioned stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from callgauge.store.models import Agent

Secrets = dict[str, str | None]

SECRETS = (
    "vapi_api_key",
    "vapi_public_key",
    "retell_api_key",
    "elevenlabs_api_key",
    "bland_api_key",
    "livekit_api_key",
    "pipecat_api_key",
    "koreai_client_secret",
    "koreai_api_key",
    "genesys_client_secret",
    "agentforce_client_secret",
    "sierra_agent_token",
    "amazon_connect_security_token",
    "custom_provider_api_key",
    "synthflow_api_key",
    "telnyx_api_key",
    "agora_api_key",
    "webhook_secret",
)
"""Fields of v1, each shown as `<name>_configured`."""
KEY_OF = {
    "koreai": "koreai_client_secret",
    "genesys": "genesys_client_secret",
    "agentforce": "agentforce_client_secret",
    "sierra": "sierra_agent_token",
    "amazon_connect": "amazon_connect_security_token",
}
"""What v2's one `credentials.api_key` is called in v1, where it is not `<provider>_api_key`."""
SECRET_NAME = re.compile(r"secret|token|passw|credential|auth|headers|api_?key|_key$|^key$", re.IGNORECASE)
"""A field of a connection's settings with such a name is taken for a secret."""
MAX_SECRET = 10_000
CONFIGURED, NOT_CONFIGURED = "true", ""
"""The contract says that `*_configured` is text; the empty one is false in every language."""


def key_name(assistant_provider: str) -> str:
    """The v1 field for the key of a provider."""
    found = KEY_OF.get(assistant_provider, f"{assistant_provider}_api_key")
    return found if found in SECRETS else "custom_provider_api_key"


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

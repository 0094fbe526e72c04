"""Fields of forms for secrets, which are set and never shown, and what the two forms for webhooks share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict

from callgauge.flow.webhooks.receivers import SECRET, SIGNING_SECRET, URL, checked_url
from callgauge.web.settings.places import read_text

MAX_SECRET: Final = 10_000
MAX_URL: Final = 2_000
_OF_WEBHOOKS: Final = (
    (SIGNING_SECRET, "Signing secret", "Each webhook is signed with it, and it is never sent."),
    (SECRET, "Shared secret", "Sent along as X-CEKURA-SECRET. It signs where there is no signing secret."),
)


@dataclass(frozen=True, slots=True)
class SecretField:
    name: str
    words: str
    help: str
    is_set: bool


def webhook_secrets(sealed: Mapping[str, str]) -> list[SecretField]:
    return [SecretField(name, words, about, name in sealed) for name, words, about in _OF_WEBHOOKS]


def read_secrets(said: QueryDict, fields: Iterable[SecretField]) -> dict[str, str | None]:
    """What was typed replaces, what was ticked goes (None), what was left empty stays. Raises Invalid."""
    found: dict[str, str | None] = {}
    for field in fields:
        typed = read_text(said, f"secret.{field.name}", field.words, limit=MAX_SECRET)
        if said.get(f"clear.{field.name}"):
            found[field.name] = None
        elif typed:
            found[field.name] = typed
    return found


def read_address(said: QueryDict) -> str:
    """Where webhooks go; empty for nowhere. Raises Invalid."""
    return checked_url(read_text(said, URL, "The address", limit=MAX_URL))

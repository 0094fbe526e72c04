"""Secrets of others (provider keys, webhook secrets): encrypted at rest, and never shown again.

Fernet (AES-128-CBC with HMAC-SHA256) under a key derived from the installation's secret with HKDF-SHA256. The
first of several secrets seals, all of them open: see CALLGAUGE_SECRET_KEY. A server that starts seals anew
what an older secret sealed, so that the older one can be taken away.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from callgauge.flow.errors import FlowError
from callgauge.store.models import SEALED_COLUMNS

PURPOSE = b"callgauge sealed secrets"
"""Parts this key from whatever else is derived from the same secret."""


class Unreadable(FlowError):
    """A stored secret cannot be read: the secret key that sealed it is gone. Send it again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def seal(text: str) -> str:
    return _fernet().encrypt(text.encode()).decode("ascii")


def unseal(token: str) -> str:
    """Raises Unreadable where none of the secret keys opens it."""
    try:
        return _fernet().decrypt(token).decode()
    except InvalidToken:
        raise Unreadable from None


def changed(before: Mapping[str, str], said: Mapping[str, str | None]) -> dict[str, str]:
    """Sealed values by name, after what a request says: text replaces, null or an empty text removes."""
    after = {name: token for name, token in before.items() if name not in said}
    return after | {name: seal(text) for name, text in said.items() if text}


def reseal() -> int:
    """Seal with the first key what only an older one opens; the number of rows changed. What no key opens
    stays as it is: the key may come back."""
    count = 0
    for model, column in SEALED_COLUMNS:
        empty = getattr(model(), column)
        for pk in list(model._default_manager.exclude(**{column: empty}).values_list("pk", flat=True)):
            with transaction.atomic():
                row = model._default_manager.select_for_update(no_key=True).filter(pk=pk).first()
                before = getattr(row, column, None)
                after = _resealed(before)
                if row is not None and after != before:
                    setattr(row, column, after)
                    row.save(update_fields=[column])
                    count += 1
    return count


def _resealed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _resealed(token) for name, token in value.items()}
    if not isinstance(value, str) or not value:
        return value
    try:
        _fernets(_secrets())[0].decrypt(value)
    except InvalidToken:
        try:
            return _fernet().rotate(value).decode("ascii")
        except InvalidToken:
            return value
    return value


def _fernet() -> MultiFernet:
    return MultiFernet(_fernets(_secrets()))


def _secrets() -> tuple[str, ...]:
    assert settings.SECRET_KEY != settings.NO_SECRET, "nothing is sealed before the secret key is there"
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _fernets(secrets: tuple[str, ...]) -> tuple[Fernet, ...]:
    def derived(secret: str) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())

    return tuple(Fernet(base64.urlsafe_b64encode(derived(secret))) for secret in secrets)

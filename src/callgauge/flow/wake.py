"""Tells an executor in this process that there is work, once the transaction that made it is committed.

Only a hint: an executor also looks by itself, and one in another process hears nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    _listeners.append(listener)


def unlisten(listener: Callable[[], None]) -> None:
    _listeners.remove(listener)


def announce_work() -> None:
    transaction.on_commit(_call_listeners)


def _call_listeners() -> None:
    for listener in list(_listeners):
        listener()

"""Tells an executor in this process that there is work, once the transaction that made it is committed.

Only a hint: an executor also looks by itself, and one in another process hears nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import transaction

Listener = Callable[[bool], None]
"""Told whether there may be more than calls to measure: exports, webhooks, recordings to fetch."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    _listeners.remove(listener)


def announce_work() -> None:
    transaction.on_commit(partial(_tell, True))


def announce_calls() -> None:
    """There are calls to measure and nothing else. Each call that comes in says this: whoever looks after
    other work need not look each time."""
    transaction.on_commit(partial(_tell, False))


def _tell(more_than_calls: bool) -> None:
    for listener in list(_listeners):
        listener(more_than_calls)

"""Whose turn it is to write to SQLite.

SQLite lets one writer in at a time, and the others look again after a pause of up to 100 ms, in no order:
under load a few wait for seconds while the lock is free most of the time. Threads of one process take turns
here instead. Between processes, and in PostgreSQL, the database decides as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_turn = threading.RLock()
"""A thread may take it once more: what is to be done on commit is done while the turn still lasts."""


@contextmanager
def write_turn() -> Iterator[None]:
    """Hold it around a short transaction, never within one: whoever is in a transaction has the database's
    lock already, and would wait here for a thread that waits for that."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with _turn:
        yield

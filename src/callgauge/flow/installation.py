"""The installation's own row, and what a starting server does with its predecessor's leases."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from callgauge.store.models import Installation

MIGRATION_LOCK = 0x63616C6C67617567
"""Any number that nothing else in the database uses: "callgaug" in ASCII."""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold PostgreSQL's advisory lock for changing tables; SQLite's is a file in the data folder."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


@transaction.atomic
def ensure_installation() -> str:
    row = Installation.objects.order_by("id").first()
    if row is None:
        row = Installation.objects.create(uid=secrets.token_hex(8))
    return row.uid

"""The installation's own row, and what a starting server does with its predecessor's leases."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from callgauge.store.models import Installation

MIGRATION_LOCK = 0x63616C6C67617567
"""Any number that nothing else in the database uses: "callgaug" in ASCII."""

LOCK_TIMEOUT = "3s"
LOCK_NOT_AVAILABLE = "55P03"
LOCK_TRIES = 20
LOCK_PAUSE_SECS = 3.0


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


def pending_migrations() -> list[str]:
    """The names of those that are still to be applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def change_tables(change: Callable[[], object]) -> None:
    """Run a change that may be repeated. A change of a table waits for whoever uses it, and everybody who
    comes after waits as well: on PostgreSQL it steps back after a moment, and tries again later."""
    if connection.vendor != "postgresql":
        change()
        return
    for attempt in range(LOCK_TRIES):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
            change()
            return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE or attempt == LOCK_TRIES - 1:
                raise
            time.sleep(LOCK_PAUSE_SECS)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', '0', false)")


@transaction.atomic
def ensure_installation() -> str:
    row = Installation.objects.order_by("id").first()
    if row is None:
        row = Installation.objects.create(uid=secrets.token_hex(8))
    return row.uid

"""Moving an installation from one database to another: every row, as it is, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models, transaction

from callgauge.flow import audit
from callgauge.store.models import Installation, Organization

ROWS_AT_ONCE = 500
SKIPPED = {"contenttypes.ContentType", "auth.Permission", "sessions.Session"}
"""Made anew by the target's own migrations, or not worth moving: people sign in again."""

Progress = Callable[[str, int, int], None]


class CannotMove(Exception):
    """The two databases are not fit for it; the message says why."""


def move(source: str, target: str, progress: Progress) -> int:
    """Copy all rows between two of Django's database aliases; how many there were is returned.

    Raises CannotMove where the target holds anything. `progress(table, done, total)` is called as it goes on.
    """
    if Organization.objects.using(target).exists():
        raise CannotMove("The target database holds data already. Give an empty one.")
    tables = [model for model in apps.get_models(include_auto_created=True) if _is_moved(model)]
    counts = {model: model._base_manager.using(source).count() for model in tables}
    with transaction.atomic(using=target):
        with _times_kept(tables):
            _copy_all(counts, source, target, progress)
        audit.record_installation("installation.moved", database=target, rows=sum(counts.values()))
    return sum(counts.values())


def _copy_all(counts: dict[type[models.Model], int], source: str, target: str, progress: Progress) -> None:
    Installation.objects.using(target).all().delete()
    for model, count in counts.items():
        _copy(model, source, target, count, progress)
    _set_sequences(list(counts), target)
    for model, count in counts.items():
        found = model._base_manager.using(target).count()
        if found != count:
            raise CannotMove(f"{model._meta.db_table}: {count} rows to move, {found} arrived.")


def _is_moved(model: type[models.Model]) -> bool:
    return model._meta.managed and not model._meta.proxy and model._meta.label not in SKIPPED


def _copy(model: type[models.Model], source: str, target: str, total: int, progress: Progress) -> None:
    rows = model._base_manager.using(source).order_by("pk").iterator(chunk_size=ROWS_AT_ONCE)
    done = 0
    for batch in _batches(rows):
        # Foreign keys are checked when the transaction ends: tables need no order.
        model._base_manager.using(target).bulk_create(batch, batch_size=ROWS_AT_ONCE)
        done += len(batch)
        progress(model._meta.db_table, done, total)


def _batches(rows: Iterator[models.Model]) -> Iterator[list[models.Model]]:
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        yield batch


def _set_sequences(tables: list[type[models.Model]], target: str) -> None:
    connection = connections[target]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables):
            cursor.execute(statement)


class _times_kept:
    """Fields that stamp the time by themselves are told not to: a row's times are moved, not made anew."""

    def __init__(self, tables: list[type[models.Model]]) -> None:
        self._fields = [
            (field, field.auto_now, field.auto_now_add)
            for model in tables
            for field in model._meta.local_concrete_fields
            if isinstance(field, models.DateField)
        ]

    def __enter__(self) -> None:
        for field, _, _ in self._fields:
            field.auto_now = field.auto_now_add = False

    def __exit__(self, *_: object) -> None:
        for field, auto_now, auto_now_add in self._fields:
            field.auto_now, field.auto_now_add = auto_now, auto_now_add

"""Many rows in one statement, without building a model and compiling a query for each.

Storing a result is what the executor does most: through the ORM it cost as much as asking the judge.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, models


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    ignore_conflicts: bool = False,
) -> None:
    """`columns` are column names (`call_id`, not `call`): all of them, for Django sets defaults by itself."""
    if not rows:
        return
    statement = _insertion(connection.vendor, model, tuple(columns), ignore_conflicts)
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def update_rows(
    model: type[models.Model],
    columns: Sequence[str],
    where: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """Each row holds the new values of `columns`, then what the columns of `where` must equal."""
    if not rows:
        return
    statement = _update(connection.vendor, model, tuple(columns), tuple(where))
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def update_these(model: type[models.Model], changes: Mapping[str, Any], ids: Collection[int]) -> None:
    """Give the rows with these ids the same values in the columns that `changes` names."""
    if not ids:
        return
    sets = ", ".join(f"{_quoted(name)} = %s" for name in changes)
    statement = f"UPDATE {_quoted(model._meta.db_table)} SET {sets} WHERE {_quoted('id')} {among()}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*changes.values(), listed(ids)])


def add_to(model: type[models.Model], row_id: int, more: Mapping[str, float]) -> None:
    """Add to columns of one row."""
    sets = ", ".join(f"{_quoted(name)} = {_quoted(name)} + %s" for name in more)
    statement = f"UPDATE {_quoted(model._meta.db_table)} SET {sets} WHERE {_quoted('id')} = %s"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*more.values(), row_id])


def among() -> str:
    """A condition that takes a whole list as one value, see `listed`: its text is the same for any length."""
    return "= ANY(%s)" if connection.vendor == "postgresql" else "IN (SELECT value FROM json_each(%s))"


def listed(values: Collection[int] | Collection[str]) -> Any:
    """A list as `among` takes it."""
    return list(values) if connection.vendor == "postgresql" else json.dumps(list(values))


def moment(value: datetime) -> Any:
    """A time as the database wants it in a raw statement."""
    return connection.ops.adapt_datetimefield_value(value)


@lru_cache(maxsize=256)
def _insertion(vendor: str, model: type[models.Model], columns: Sequence[str], ignore_conflicts: bool) -> str:
    """The quoting is the vendor's."""
    names = ", ".join(map(_quoted, columns))
    marks = ", ".join(["%s"] * len(columns))
    tail = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    return f"INSERT INTO {_quoted(model._meta.db_table)} ({names}) VALUES ({marks}){tail}"  # noqa: S608


@lru_cache(maxsize=256)
def _update(vendor: str, model: type[models.Model], columns: Sequence[str], where: Sequence[str]) -> str:
    sets = ", ".join(f"{_quoted(name)} = %s" for name in columns)
    conditions = " AND ".join(f"{_quoted(name)} = %s" for name in where)
    return f"UPDATE {_quoted(model._meta.db_table)} SET {sets} WHERE {conditions}"  # noqa: S608


def _quoted(name: str) -> str:
    quoted: str = connection.ops.quote_name(name)
    return quoted

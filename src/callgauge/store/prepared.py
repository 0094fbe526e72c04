"""Statements that every call that comes in needs, compiled once.

Django builds the SQL of a query anew each time, which costs several times what SQLite takes to answer it. The
text of these never changes, only their values do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from django.db import connection, models
from django.db.models import QuerySet, query

Row = TypeVar("Row", bound=models.Model)

_MARKED_ID: Final = 8_999_999_999_999_990_000
"""Stands for an id while a query is compiled; nothing else in one is near it."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    values: Sequence[Any]
    """What the statement is given, in its order; ints at marked places are the number of an argument."""
    marked: Sequence[int | None]
    compiler: Any
    converters: Any
    fields: Sequence[str]
    first: int
    last: int
    related: Sequence[Any]
    model: type[models.Model]


class Prepared(Generic[Row]):
    """A query with ids or texts as arguments; `build` makes the queryset of them. Calling it gives its rows.

    `build` is called once, with values that only mark the places: it may put them into conditions, and do
    nothing else with them.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], *kinds: type[int] | type[str]) -> None:
        """`kinds`: of its arguments, in their order."""
        self._build = build
        self._kinds = kinds
        self._compiled: dict[str, _Compiled] = {}

    def __call__(self, *arguments: int | str) -> list[Row]:
        compiled = self._compiled.get(connection.vendor)
        if compiled is None:
            compiled = self._compiled[connection.vendor] = self._compile()
        values = [
            value if place is None else arguments[place]
            for value, place in zip(compiled.values, compiled.marked, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, values)
            rows: Any = cursor.fetchall()
        if compiled.converters:
            rows = compiled.compiler.apply_converters(rows, compiled.converters)
        return [self._row(compiled, row) for row in rows]

    def _row(self, compiled: _Compiled, row: Any) -> Any:
        found = compiled.model.from_db(connection.alias, compiled.fields, row[compiled.first : compiled.last])
        for related in compiled.related:
            related.populate(row, found)
        return found

    def _compile(self) -> _Compiled:
        marks = [
            _MARKED_ID + number if kind is int else f"\x01argument {number}\x01"
            for number, kind in enumerate(self._kinds)
        ]
        compiler: Any = self._build(*marks).query.get_compiler(connection=connection)
        sql, values = compiler.as_sql()
        marked = [marks.index(value) if value in marks else None for value in values]
        assert set(marked) >= set(range(len(marks))), "an argument is lost in the query"
        columns = compiler.klass_info["select_fields"]
        populators = query.get_related_populators  # type: ignore[attr-defined] # the stubs do not know it
        first, last = columns[0], columns[-1] + 1
        return _Compiled(
            sql,
            values,
            marked,
            compiler,
            compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]]),
            [column[0].target.attname for column in compiler.select[first:last]],
            first,
            last,
            populators(compiler.klass_info, compiler.select, connection.alias),
            compiler.klass_info["model"],
        )


def insert(row: models.Model) -> None:
    """What `save(force_insert=True)` does with a row of a plain model that nobody listens to."""
    meta = row._meta
    generated = None if row.pk is not None else meta.pk
    fields = [field for field in meta.local_concrete_fields if field is not generated]
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insertion(type(row), connection.vendor, generated is not None), values)
        if generated is not None:
            row.pk = cursor.fetchone()[0]
    row._state.adding = False
    row._state.db = connection.alias


@lru_cache(maxsize=128)
def _insertion(model: type[models.Model], vendor: str, gives_id: bool) -> str:
    """The quoting is the vendor's."""
    quoted, meta = connection.ops.quote_name, model._meta
    assert meta.pk is not None
    fields = [field for field in meta.local_concrete_fields if not (gives_id and field is meta.pk)]
    names = ", ".join(quoted(str(field.column)) for field in fields)
    marks = ", ".join("%s" for _ in fields)
    tail = f" RETURNING {quoted(str(meta.pk.column))}" if gives_id else ""
    return f"INSERT INTO {quoted(meta.db_table)} ({names}) VALUES ({marks}){tail}"  # noqa: S608

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

from callgauge.store.bulk import among, listed

Row = TypeVar("Row", bound=models.Model)

_MARKED_ID: Final = 8_999_999_999_999_990_000
"""Stands for an id while a query is compiled; nothing else in one is near it."""


class Ids:
    """Kind of an argument: ids, for `__in`."""


class Texts:
    """Kind of an argument: texts, for `__in`."""


Kind = type[int] | type[str] | type[Ids] | type[Texts]
Argument = int | str | Sequence[int] | Sequence[str]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    values: Sequence[Any]
    """What the statement is given, in its order."""
    marked: Sequence[int | None]
    """Which argument stands there instead, by its number."""
    compiler: Any
    converters: Any
    make: Callable[[Any], Any]
    """What a row of the database becomes."""


class PreparedValues:
    """A query of a `values_list` with ids, texts or lists of them as arguments; `build` makes the queryset of
    them. Calling it gives its tuples, and none, without a query, where a list is empty.

    `build` is called once, with values that only mark the places: it may put them into conditions, and do
    nothing else with them.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *kinds: Kind) -> None:
        """`kinds`: of its arguments, in their order."""
        self._build = build
        self._kinds = kinds
        self._lists = [kind is Ids or kind is Texts for kind in kinds]
        self._compiled: dict[str, _Compiled] = {}

    def __call__(self, *arguments: Argument) -> list[Any]:
        compiled = self._compiled.get(connection.vendor)
        if compiled is None:
            compiled = self._compiled[connection.vendor] = self._compile()
        given: list[Any] = []
        for is_list, argument in zip(self._lists, arguments, strict=True):
            if is_list and not argument:
                return []
            given.append(listed(argument) if is_list else argument)  # type: ignore[arg-type]
        values = [
            value if place is None else given[place]
            for value, place in zip(compiled.values, compiled.marked, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, values)
            rows: Any = cursor.fetchall()
        if compiled.converters:
            rows = compiled.compiler.apply_converters(rows, compiled.converters)
        return [compiled.make(row) for row in rows]

    def _compile(self) -> _Compiled:
        marks: list[Any] = [
            _MARKED_ID + number if kind is int or kind is Ids else f"\x01argument {number}\x01"
            for number, kind in enumerate(self._kinds)
        ]
        given = [[mark] if is_list else mark for mark, is_list in zip(marks, self._lists, strict=True)]
        compiler: Any = self._build(*given).query.get_compiler(connection=connection)
        sql, values = compiler.as_sql()
        marked = [marks.index(value) if value in marks else None for value in values]
        assert set(marked) >= set(range(len(marks))), "an argument is lost in the query"
        return _Compiled(
            _with_lists(sql, [place is not None and self._lists[place] for place in marked]),
            values,
            marked,
            compiler,
            compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]]),
            self._maker(compiler),
        )

    def _maker(self, compiler: Any) -> Callable[[Any], Any]:
        return tuple


class Prepared(PreparedValues, Generic[Row]):
    """The same for a query of whole rows, with what they refer to."""

    def __init__(self, build: Callable[..., QuerySet[Row]], *kinds: Kind) -> None:
        super().__init__(build, *kinds)

    def __call__(self, *arguments: Argument) -> list[Row]:
        return super().__call__(*arguments)

    def _maker(self, compiler: Any) -> Callable[[Any], Any]:
        columns = compiler.klass_info["select_fields"]
        first, last = columns[0], columns[-1] + 1
        fields = [column[0].target.attname for column in compiler.select[first:last]]
        populators = query.get_related_populators  # type: ignore[attr-defined] # the stubs do not know it
        related = populators(compiler.klass_info, compiler.select, connection.alias)
        model = compiler.klass_info["model"]

        def make(row: Any) -> Any:
            found = model.from_db(connection.alias, fields, row[first:last])
            for one in related:
                one.populate(row, found)
            return found

        return make


def _with_lists(sql: str, lists: Sequence[bool]) -> str:
    """`IN (%s)`, compiled for a list of one, made fit for any length."""
    pieces = sql.split("%s")
    text = pieces[0]
    for is_list, piece in zip(lists, pieces[1:], strict=True):
        if not is_list:
            text += "%s" + piece
            continue
        assert (text[-4:], piece[:1]) == ("IN (", ")"), "a list is for `__in`"
        text = text[:-4] + among() + piece[1:]
    return text


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

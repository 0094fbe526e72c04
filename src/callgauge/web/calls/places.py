"""Where one is in a list: pages by key, so that the thousandth opens as fast as the first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, FloatField, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import QueryDict

from callgauge.flow.call_question import Question
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id
from callgauge.store.models import CallLog

PAGE = 50
DURATION = Coalesce("duration_secs", Value(0.0), output_field=FloatField())
"""A call of unknown length stands with the shortest: nulls have no place in an order by key."""


@dataclass(frozen=True, slots=True)
class Pager:
    """Addresses of the neighbouring pages; empty where there is none."""

    before: str
    after: str


def page_of(calls: QuerySet[CallLog], question: Question, query: QueryDict) -> tuple[list[CallLog], Pager]:
    """The calls of the page that the address asks for, in its order. One query. Raises Invalid."""
    column = "timestamp" if question.order in {"newest", "oldest"} else "place"
    falling = question.order in {"newest", "longest"}
    if column == "place":
        calls = calls.annotate(place=DURATION)
    backwards = bool(question.before)
    cursor = question.before or question.after
    down = falling != backwards
    if cursor:
        calls = calls.filter(_beyond(column, cursor, down))
    order = [F(column).desc(), F("id").desc()] if down else [F(column).asc(), F("id").asc()]
    rows = list(calls.order_by(*order)[: PAGE + 1])
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    if backwards:
        rows.reverse()
    earlier = more if backwards else bool(cursor)
    later = True if backwards else more
    return rows, Pager(
        _address(query, "before", rows[0], column) if rows and earlier else "",
        _address(query, "after", rows[-1], column) if rows and later else "",
    )


def _address(query: QueryDict, name: str, call: CallLog, column: str) -> str:
    changed = query.copy()
    for one in ("after", "before"):
        changed.pop(one, None)
    value = getattr(call, column)
    changed[name] = f"{value.isoformat() if isinstance(value, datetime) else repr(value)}_{call.pk}"
    return f"?{changed.urlencode()}"


def _beyond(column: str, cursor: str, down: bool) -> Q:
    text, _, number = cursor.rpartition("_")
    pk = as_id(number)
    try:
        value: Any = datetime.fromisoformat(text) if column == "timestamp" else float(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError
    except ValueError:
        pk = None
    if pk is None:
        raise Invalid.field("after", "This place in the list is not known. Start from its beginning.")
    way = "lt" if down else "gt"
    # The first part alone says it all; the second lets the index find where to begin.
    return (Q(**{f"{column}__{way}": value}) | Q(**{column: value, f"id__{way}": pk})) & Q(
        **{f"{column}__{way}e": value}
    )

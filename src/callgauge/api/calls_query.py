"""Which calls a list shows: scope, window of time, search, filters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from rest_framework.request import Request

from callgauge.api.fields import query_ids, query_text, query_time
from callgauge.flow.calls import calls_of
from callgauge.flow.errors import Invalid
from callgauge.flow.filters import PARAMETER, read_filters
from callgauge.flow.scope import as_id, find_agent, find_agent_by_assistant, find_project, projects_of
from callgauge.store.models import ApiKey, CallLog

WINDOW = timedelta(days=30)
"""What a list without times shows."""
LONGEST_WINDOW = timedelta(days=33)
"""The contract's limit: a month in any reading, and a little."""
MAX_IDS = 5_000
"""Ids named in one request; SQLite takes 32,766 values in one statement."""


ORDERINGS = ("timestamp", "created_at", "id", "duration", "call_id", "success")


def listed_calls(request: Request, key: ApiKey, *, search: bool = True) -> QuerySet[CallLog]:
    """The calls that the query parameters ask for, newest first unless `ordering` says otherwise. Without
    `search`, that parameter is not looked at.

    Raises Invalid for what cannot be understood, NotFound for a foreign or missing project or agent.
    """
    ids = query_ids(request, "call_ids")
    calls = _in_scope(request, key, named=ids is not None)
    if ids is not None:
        if len(ids) > MAX_IDS:
            raise Invalid.field("call_ids", f"Name at most {MAX_IDS} calls at once.")
        calls = calls.filter(pk__in=ids)
    earliest, latest = _window(request, named=ids is not None)
    if earliest is not None:
        calls = calls.filter(timestamp__gte=earliest)
    if latest is not None:
        calls = calls.filter(timestamp__lte=latest)
    words = query_text(request, "search") if search else ""
    if words:
        calls = calls.filter(_found(words))
    filters = query_text(request, PARAMETER)
    if filters:
        calls = calls.filter(read_filters(filters, projects_of(key).values_list("pk", flat=True)))
    return calls.order_by(*_ordering(request))


def _found(words: str) -> Q:
    """Part of a call id or of a number, or the whole of our own id."""
    found = Q(call_id__icontains=words) | Q(customer_number__icontains=words)
    number = as_id(words)
    return found if number is None else found | Q(pk=number)


def _ordering(request: Request) -> tuple[Any, ...]:
    """The id decides between equals, so that pages neither repeat nor miss a call."""
    name = query_text(request, "ordering") or "-timestamp"
    field = name.removeprefix("-")
    if field not in ORDERINGS:
        raise Invalid.field("ordering", f"Write one of {', '.join(ORDERINGS)}, with - before it to turn it.")
    back = name.startswith("-")
    column = F("duration_secs" if field == "duration" else field)
    first = column.desc(nulls_last=True) if back else column.asc(nulls_last=True)
    if field in ("timestamp", "created_at", "id", "call_id"):
        first = column.desc() if back else column.asc()  # never null, and so an index serves
    return (first, "-id" if back else "id")


def _in_scope(request: Request, key: ApiKey, *, named: bool) -> QuerySet[CallLog]:
    calls = calls_of(key)
    project_id, agent_id, assistant_id = (
        query_text(request, name) for name in ("project_id", "agent_id", "assistant_id")
    )
    if not (named or project_id or agent_id or assistant_id or key.project_id is not None):
        raise Invalid.field(
            "project_id", "This key reaches a whole organization: name a project (project_id) or an agent."
        )
    if project_id:
        calls = calls.filter(project_id=find_project(key, project_id).pk)
    if agent_id:
        calls = calls.filter(agent_id=find_agent(key, agent_id).pk)
    if assistant_id:
        calls = calls.filter(agent_id=find_agent_by_assistant(key, assistant_id).pk)
    return calls


def _window(request: Request, *, named: bool) -> tuple[datetime | None, datetime | None]:
    """First and last moment; a list of named calls has no window of its own. Without an end, calls that a
    client's clock dates a little into the future are shown too."""
    earliest, latest = query_time(request, "timestamp_from"), query_time(request, "timestamp_to")
    if named:
        return earliest, latest
    end = latest or timezone.now()
    if earliest is None:
        earliest = end - WINDOW
    if end - earliest > LONGEST_WINDOW:
        raise Invalid.field(
            "timestamp_from",
            f"timestamp_from and timestamp_to may be at most {LONGEST_WINDOW.days} days apart.",
        )
    return earliest, latest

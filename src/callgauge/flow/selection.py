"""Which calls of an agent a rerun is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callgauge.domain.calls import stable_hash
from callgauge.flow.errors import Invalid
from callgauge.flow.filters import read_filters
from callgauge.flow.saved_views import filter_of
from callgauge.store.models import Agent, CallLog, SavedView

RESET_AT_ONCE = 50_000
"""More calls than this are not reset in the request's own transaction but by the planner, page by page."""
IDS_PER_QUERY = 5_000
"""Below SQLite's limit of 32,766 variables in one statement."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls of an agent: all of them, the first so many, or those named (in the order named)."""

    ids: tuple[int, ...] | None = None
    first: int | None = None

    def as_json(self) -> Any:
        if self.ids is not None:
            return {"count": len(self.ids), "hash": stable_hash(self.ids)}
        return "all" if self.first is None else self.first


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What calls must be besides selected: a filter as lists have it, a saved view, and a window of time."""

    filters: Any = None
    view: SavedView | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        moments = (self.since, self.until, self.view)
        return self.filters not in (None, "") or any(one is not None for one in moments)

    def as_json(self) -> dict[str, Any]:
        shown = {
            "filters": self.filters or None,
            "view": self.view and self.view.name,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
        }
        return {name: value for name, value in shown.items() if value is not None}


def narrowed(agent: Agent, selection: Selection, narrowing: Narrowing) -> Selection:
    """The selected calls that fit, by id. Raises Invalid for a filter that cannot be read, and where no call
    fits or too many do."""
    if not narrowing:
        return selection
    calls = CallLog.objects.filter(agent=agent, deleted_at=None).order_by("id")
    if narrowing.since is not None:
        calls = calls.filter(timestamp__gte=narrowing.since)
    if narrowing.until is not None:
        calls = calls.filter(timestamp__lte=narrowing.until)
    if narrowing.filters not in (None, ""):
        calls = calls.filter(read_filters(narrowing.filters, [agent.project_id], parameter="filters"))
    if narrowing.view is not None and (tree := filter_of(narrowing.view)) is not None:
        calls = calls.filter(read_filters(tree, [agent.project_id], parameter="view"))
    ids = list(calls.values_list("pk", flat=True).distinct()[: RESET_AT_ONCE + 1])
    if selection.ids is not None:
        named = set(selection.ids)
        ids = [call_id for call_id in ids if call_id in named]
    elif selection.first is not None:
        ids = ids[: selection.first]
    if not ids:
        raise Invalid.field("filters", "No call of this agent fits.")
    if len(ids) > RESET_AT_ONCE:
        raise Invalid.field("filters", f"More than {RESET_AT_ONCE} calls fit: narrow it, or take all calls.")
    return Selection(ids=tuple(ids))


def pages_of(agent: Agent, selection: Selection, size: int) -> Iterator[list[int]]:
    """The ids of the selected calls, by key and without holding a transaction."""
    if selection.ids is not None:
        for start in range(0, len(selection.ids), size):
            yield list(selection.ids[start : start + size])
        return
    after, left = 0, selection.first
    while left is None or left > 0:
        most = size if left is None else min(size, left)
        calls = CallLog.objects.filter(agent=agent, id__gt=after, deleted_at=None).order_by("id")
        ids = list(calls.values_list("pk", flat=True)[:most])
        if not ids:
            return
        yield ids
        after, left = ids[-1], None if left is None else left - len(ids)


def check_list(ids: Sequence[int]) -> None:
    if not ids:
        raise Invalid.field("call_logs", "This list may not be empty.")
    if len(ids) > RESET_AT_ONCE:
        raise Invalid.field("call_logs", f'Name at most {RESET_AT_ONCE} calls at once, or "all".')


def check_calls(agent: Agent, ids: Sequence[int]) -> None:
    known: set[int] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        part = ids[start : start + IDS_PER_QUERY]
        rows = CallLog.objects.filter(agent=agent, pk__in=part, deleted_at=None)
        known.update(rows.values_list("pk", flat=True))
    refuse_unknown(ids, known)


def refuse_unknown(ids: Sequence[int], known: Collection[int]) -> None:
    missing = [call_id for call_id in ids if call_id not in known]
    if missing:
        raise Invalid.field("call_logs", unknown("call logs", missing))


def unknown(what: str, ids: Sequence[int]) -> str:
    shown = ", ".join(str(one) for one in ids[:20])
    more = f" and {len(ids) - 20} more" if len(ids) > 20 else ""
    return f"These {what} do not exist here: {shown}{more}."

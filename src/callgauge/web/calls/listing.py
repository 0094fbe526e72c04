"""What the list of calls shows: rows, columns, and the words of its filters. A fixed number of queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from callgauge.domain.strict_json import decode_json
from callgauge.flow.call_question import METADATA, METRIC, Question, filter_tree
from callgauge.flow.calls import calls_of
from callgauge.flow.filters import read_filters
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.scope import Person, agents_of
from callgauge.store.models import CallLog, Metric
from callgauge.store.outlooks import Outlook, outlooks_of
from callgauge.store.result_queries import BriefRow, ReviewRow, brief_results, current_reviews
from callgauge.web import words
from callgauge.web.calls.places import Pager, page_of
from callgauge.web.chips import Chip, pending, result_chip, unit_of, verdict_chip

PLAIN_COLUMNS: Mapping[str, str] = {
    "outcome": "Outcome",
    "when": "When",
    "agent": "Agent",
    "duration": "Duration",
    "ended": "Ended",
    "number": "Number",
    "topic": "Topic",
    "dropoff": "Drop-off",
}
USUAL = ("outcome", "when", "agent", "duration")
USUAL_METRICS = 5
"""Columns of metrics that show before somebody chose."""
MAX_COLUMNS = 30
COUNTED_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    words: str
    shown: bool
    number: bool = False
    order_address: str = ""
    ordered: str = ""
    """"ascending" or "descending", as aria-sort has it."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str = ""
    chip: Chip | None = None
    when: datetime | None = None
    number: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    call_id: str
    address: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Condition:
    """One that is in force, and the address without it."""

    words: str
    without: str


@dataclass(frozen=True, slots=True)
class Listing:
    rows: Sequence[Row]
    pager: Pager
    columns: Sequence[Column]
    """All that can be chosen; the shown ones head the cells of the rows, in this order."""
    live: bool
    """Some of the rows are being measured right now."""


def filtered_calls(who: Person, question: Question) -> QuerySet[CallLog]:
    """The calls of the project that the address asks for. Raises Invalid."""
    calls, tree = calls_of(who), filter_tree(question)
    if tree is None:
        return calls
    assert who.project is not None
    return calls.filter(read_filters(tree, [who.project.pk], parameter="filter"))


def present_listing(
    who: Person, question: Question, query: QueryDict, metrics: Sequence[Metric], agents: Mapping[int, str]
) -> Listing:
    """At most six queries. Raises Invalid."""
    columns = _columns(question, query, metrics)
    shown = {column.name for column in columns if column.shown}
    calls, pager = page_of(filtered_calls(who, question), question, query)
    ids = [call.pk for call in calls]
    wanted = [metric for metric in metrics if f"m{metric.pk}" in shown]
    seen = _Seen(
        agents,
        outlooks_of(calls) if calls else {},
        brief_results(ids, [metric.pk for metric in wanted]) if calls else {},
        current_reviews(ids) if calls and wanted else {},
    )
    rows = [
        Row(
            call.pk,
            call.call_id,
            reverse("call", args=[who.project_id, call.pk]),
            [
                *(seen.cell(call, name) for name in PLAIN_COLUMNS if name in shown),
                *(Cell(chip=seen.chip(call, metric)) for metric in wanted),
            ],
        )
        for call in calls
    ]
    return Listing(rows, pager, columns, any(one.owed is not None for one in seen.outlooks.values()))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the rows of a page are made of, fetched once."""

    agents: Mapping[int, str]
    outlooks: Mapping[int, Outlook]
    results: Mapping[tuple[int, int], BriefRow]
    reviews: Mapping[tuple[int, int], ReviewRow]

    def cell(self, call: CallLog, name: str) -> Cell:
        match name:
            case "when":
                return Cell(when=call.timestamp)
            case "agent":
                return Cell(self.agents.get(call.agent_id or 0, ""))
            case "duration":
                return Cell(words.clock(call.duration_secs), number=True)
            case "outcome":
                outlook = self.outlooks[call.pk]
                return Cell(chip=verdict_chip(outlook.status, outlook.error_message))
            case "ended":
                return Cell(call.call_ended_reason)
            case "number":
                return Cell(call.customer_number)
            case "topic":
                return Cell(call.topic)
            case _:
                return Cell(call.dropoff_point)

    def chip(self, call: CallLog, metric: Metric) -> Chip | None:
        """None where the metric was never asked of the call."""
        row = self.results.get((call.pk, metric.pk))
        owed = self.outlooks[call.pk].owed
        if row is None:
            return pending(live=True) if owed and metric.pk in owed.metric_ids else None
        return result_chip(
            row,
            self.reviews.get((call.pk, metric.pk)),
            superseded=owed is not None and owed.supersedes(row),
            live=True,
            unit=unit_of(row.eval_type, row.function_name),
        )


def _columns(question: Question, query: QueryDict, metrics: Sequence[Metric]) -> list[Column]:
    usual = [*USUAL, *(f"m{metric.pk}" for metric in metrics[:USUAL_METRICS])]
    shown = set(question.columns[:MAX_COLUMNS] or usual)
    plain = [
        Column(name, said, name in shown, name == "duration", *_ordering(name, question, query))
        for name, said in PLAIN_COLUMNS.items()
    ]
    return [*plain, *(Column(f"m{one.pk}", one.name, f"m{one.pk}" in shown) for one in metrics)]


def _ordering(name: str, question: Question, query: QueryDict) -> tuple[str, str]:
    """The address that orders by this column, and how the list is ordered by it now."""
    pairs = {"when": ("newest", "oldest"), "duration": ("longest", "shortest")}
    if name not in pairs:
        return "", ""
    down, up = pairs[name]
    changed = query.copy()
    for one in ("after", "before"):
        changed.pop(one, None)
    changed["order"] = up if question.order == down else down
    now = {down: "descending", up: "ascending"}.get(question.order, "")
    return f"?{changed.urlencode()}", now


def conditions_in_force(
    question: Question, query: QueryDict, metrics: Sequence[Metric], agents: Mapping[int, str]
) -> list[Condition]:
    """What the form does not show by itself: conditions on metrics, metadata, and in the filter language."""
    names = {metric.pk: metric.name for metric in metrics}
    found = [
        (f"{METRIC}{one.metric_id}", f"{names.get(one.metric_id, f'metric {one.metric_id}')}: {one.words}")
        for one in question.metrics
    ]
    found += [(f"{METADATA}{key}", f"{key}: {value}") for key, value in question.metadata]
    if question.raw:
        found.append(("filter", f"filter: {_short(question.raw)}"))
    if len(question.agents) > 1:
        said = ", ".join(agents.get(one, str(one)) for one in question.agents)
        found.append(("agent", f"agents: {said}"))
    return [Condition(said, _without(query, name)) for name, said in found]


def _short(raw: str) -> str:
    try:
        text = json.dumps(decode_json(raw), ensure_ascii=False)
    except ValueError:
        text = raw
    return text if len(text) <= 80 else f"{text[:79]}…"


def _without(query: QueryDict, name: str) -> str:
    changed = query.copy()
    for one in (name, "after", "before"):
        changed.pop(one, None)
    return f"?{changed.urlencode()}"


def project_metrics(who: Person) -> list[Metric]:
    return list(metrics_of(who))


def project_agents(who: Person) -> dict[int, str]:
    return dict(agents_of(who).order_by("name", "id").values_list("pk", "name"))


def count_words(calls: QuerySet[CallLog]) -> str:
    """How many there are, counted up to a limit: nobody reads the last of a million."""
    found = calls.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
    if found > COUNTED_UP_TO:
        return f"more than {COUNTED_UP_TO:,} calls"
    return words.plural(found, "call")

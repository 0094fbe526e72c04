"""What the address of the list of calls asks for, and so what a saved view stands for: filters, order,
columns and place, all of it in the query.

    ?agent=3&outcome=fail&since=7d&m.12=lt:3&meta.tier=gold&q=refund&order=longest&col=when&col=m12

A condition on a metric is `m.ID=` with pass, fail, failed, skipped, missing, lt:N, gt:N or is:LABEL. They all
become one tree of the filter language (flow.filters), so that lists, exports and reruns find the same calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import QueryDict

from callgauge.domain.strict_json import decode_json
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id

METRIC, METADATA = "m.", "meta."
SINCE: Mapping[str, str] = {
    "": "any time",
    "1h": "last hour",
    "24h": "last 24 hours",
    "7d": "last 7 days",
    "30d": "last 30 days",
    "90d": "last 90 days",
}
OUTCOMES: Mapping[str, tuple[str, dict[str, Any] | None]] = {
    "": ("any outcome", None),
    "pass": ("pass", {"field": "success", "op": "eq", "value": True}),
    "fail": ("fail", {"field": "success", "op": "eq", "value": False}),
    "open": ("no verdict yet", {"field": "success", "op": "isnull", "value": True}),
}
REVIEWED: Mapping[str, tuple[str, dict[str, Any] | None]] = {
    "": ("reviewed or not", None),
    "yes": ("reviewed", {"field": "is_reviewed", "op": "eq", "value": True}),
    "no": ("not reviewed", {"field": "is_reviewed", "op": "eq", "value": False}),
}
ORDERS: Mapping[str, str] = {
    "newest": "newest first",
    "oldest": "oldest first",
    "longest": "longest first",
    "shortest": "shortest first",
}
COMPARED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "pass": ("pass", {"field": "metric_evaluations.value", "op": "eq", "value": True}),
    "fail": ("fail", {"field": "metric_evaluations.value", "op": "eq", "value": False}),
    "failed": ("not computed", {"field": "metric_evaluations.outcome", "op": "eq", "value": "failed"}),
    "skipped": ("skipped", {"field": "metric_evaluations.outcome", "op": "eq", "value": "skipped"}),
    "missing": ("has no value", {"field": "metric_evaluations.value", "op": "isnull", "value": True}),
}
WITH_VALUE: Mapping[str, tuple[str, str]] = {
    "lt": ("less than", "lt"),
    "gt": ("more than", "gt"),
    "is": ("is", "eq"),
}
MAX_CONDITIONS = 15
"""Of metrics and metadata together; the filter language allows 20 that look into other tables."""


@dataclass(frozen=True, slots=True)
class MetricCondition:
    metric_id: int
    how: str
    value: str = ""

    @property
    def text(self) -> str:
        """As it stands in the address."""
        return f"{self.how}:{self.value}" if self.how in WITH_VALUE else self.how

    @property
    def words(self) -> str:
        if self.how in WITH_VALUE:
            return f"{WITH_VALUE[self.how][0]} {self.value}"
        return COMPARED[self.how][0]

    @property
    def leaf(self) -> dict[str, Any]:
        if self.how in COMPARED:
            return {**COMPARED[self.how][1], "metric_id": self.metric_id}
        op = WITH_VALUE[self.how][1]
        return {
            "field": "metric_evaluations.value",
            "op": op,
            "value": self.value,
            "metric_id": self.metric_id,
        }


@dataclass(frozen=True, slots=True)
class Question:
    agents: tuple[int, ...] = ()
    outcome: str = ""
    reviewed: str = ""
    since: str = ""
    first_day: str = ""
    last_day: str = ""
    words: str = ""
    metrics: tuple[MetricCondition, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    raw: str = ""
    """A further condition in the filter language, as JSON."""
    order: str = "newest"
    columns: tuple[str, ...] = ()
    """Empty: the usual ones."""
    after: str = ""
    before: str = ""

    @property
    def filtered(self) -> bool:
        return bool(self.conditions() or self.raw)

    def conditions(self) -> list[dict[str, Any]]:
        """As the parts of an `and` of the filter language; `raw` is not among them."""
        found: list[dict[str, Any]] = []
        if self.agents:
            found.append({"field": "agent.id", "op": "in", "value": list(self.agents)})
        found += [one for one in (OUTCOMES[self.outcome][1], REVIEWED[self.reviewed][1]) if one]
        if self.since:
            found.append({"field": "timestamp", "op": "gte", "value": f"now-{self.since}"})
        if self.first_day:
            found.append({"field": "timestamp", "op": "gte", "value": f"{self.first_day}T00:00:00Z"})
        if self.last_day:
            after = date.fromisoformat(self.last_day) + timedelta(days=1)
            found.append({"field": "timestamp", "op": "lt", "value": f"{after.isoformat()}T00:00:00Z"})
        found += [{"field": f"metadata.{key}", "op": "eq", "value": value} for key, value in self.metadata]
        found += [{"operator": "and", "conditions": [one.leaf]} for one in self.metrics]
        if self.words:
            found.append(_search(self.words))
        return found


def _search(words: str) -> dict[str, Any]:
    """By number, by the provider's id, by a telephone number, or by what was said."""
    parts: list[dict[str, Any]] = [
        {"field": name, "op": "contains", "value": words}
        for name in ("call_id", "customer_number", "transcript")
    ]
    if as_id(words):
        parts.insert(0, {"field": "id", "op": "eq", "value": words})
    return {"operator": "or", "conditions": parts}


def filter_tree(question: Question) -> dict[str, Any] | None:
    """What the address asks for in the filter language; None where it asks for all. Raises Invalid."""
    parts: list[Any] = list(question.conditions())
    if question.raw:
        try:
            parts.append(decode_json(question.raw))
        except ValueError as error:
            raise Invalid.field("filter", f"The filter is not valid JSON: {error}.") from None
    return {"operator": "and", "conditions": [_grouped(part) for part in parts]} if parts else None


def _grouped(part: Any) -> Any:
    return {"operator": "and", "conditions": part} if isinstance(part, list) else part


def read_question(query: QueryDict) -> Question:
    """Raises Invalid, naming every parameter that cannot be used."""
    faults: dict[str, list[str]] = {}
    question = Question(
        agents=tuple(number for raw in query.getlist("agent") if (number := as_id(raw))),
        outcome=_one_of(query, "outcome", OUTCOMES, faults),
        reviewed=_one_of(query, "reviewed", REVIEWED, faults),
        since=_one_of(query, "since", SINCE, faults),
        first_day=_day(query, "from", faults),
        last_day=_day(query, "to", faults),
        words=query.get("q", "").strip()[:200],
        metrics=_metrics(query, faults),
        metadata=tuple(
            (name.removeprefix(METADATA), value)
            for name in query
            if name.startswith(METADATA) and (value := query.get(name, "").strip())
        ),
        raw=query.get("filter", "").strip(),
        order=_one_of(query, "order", ORDERS, faults) or "newest",
        columns=tuple(dict.fromkeys(query.getlist("col"))),
        after=query.get("after", ""),
        before=query.get("before", ""),
    )
    if len(question.metrics) + len(question.metadata) > MAX_CONDITIONS:
        faults["filter"] = [f"At most {MAX_CONDITIONS} conditions on metrics and metadata."]
    if faults:
        raise Invalid(faults)
    return question


def _one_of(query: QueryDict, name: str, known: Mapping[str, Any], faults: dict[str, list[str]]) -> str:
    text = query.get(name, "")
    if text and text not in known:
        faults[name] = [f"{name}: write one of {', '.join(one for one in known if one)}."]
        return ""
    return text


def _day(query: QueryDict, name: str, faults: dict[str, list[str]]) -> str:
    text = query.get(name, "").strip()
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        faults[name] = [f"{name}: write a day such as 2026-11-30."]
        return ""


def _metrics(query: QueryDict, faults: dict[str, list[str]]) -> tuple[MetricCondition, ...]:
    found = []
    for name in query:
        if not name.startswith(METRIC):
            continue
        number = as_id(name.removeprefix(METRIC))
        how, _, value = query.get(name, "").partition(":")
        if number is None or not (how in COMPARED or (how in WITH_VALUE and value.strip())):
            ways = ", ".join([*COMPARED, *(f"{one}:…" for one in WITH_VALUE)])
            faults[name] = [f"{name}: write the number of a metric, and one of {ways}."]
            continue
        found.append(MetricCondition(number, how, value.strip()))
    return tuple(found)


def folded(query: QueryDict) -> QueryDict | None:
    """The query with what a form adds (`add_metric`, `add_is`, `add_value`, `add_key`, `add_key_value`) put
    where it belongs, and without what is empty; None where it is in that shape already."""
    clean = QueryDict(mutable=True)
    for name, values in query.lists():
        kept = [value for value in values if value.strip()]
        if kept and not name.startswith("add_") and name != "csrfmiddlewaretoken":
            clean.setlist(name, kept)
    metric, how = query.get("add_metric", ""), query.get("add_is", "")
    if metric and how:
        value = query.get("add_value", "").strip()
        clean[f"{METRIC}{metric}"] = f"{how}:{value}" if how in WITH_VALUE else how
    key, value = query.get("add_key", "").strip(), query.get("add_key_value", "").strip()
    if key and value:
        clean[f"{METADATA}{key}"] = value
    return None if clean == query else clean

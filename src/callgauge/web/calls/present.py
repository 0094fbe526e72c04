"""Everything that the page of one call shows, in a fixed number of queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from callgauge.flow.history import verdict_of
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.recordings.waveform import recording_view
from callgauge.flow.scope import Person
from callgauge.flow.settle import load_rubric
from callgauge.flow.work import read_call
from callgauge.store.models import CallLog, RubricRule
from callgauge.store.outlooks import Outlook, outlooks_of
from callgauge.store.result_history import NOW, Then, results_then
from callgauge.store.result_queries import current_results, current_reviews
from callgauge.web import words
from callgauge.web.calls.lanes import Event, Health, Lanes, health_of, lanes_of, listed
from callgauge.web.calls.results import (
    Card,
    Ground,
    earlier_counts,
    grounds_of,
    present_cards,
    quotes_by_turn,
)
from callgauge.web.calls.transcript import ShownTurn, present_turns
from callgauge.web.chips import Chip, verdict_chip

MAX_META_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Results:
    """The part of the page that changes while the call is measured."""

    chip: Chip
    why: str
    """What decided, in words."""
    cards: Sequence[Card]
    live: bool
    then: str = ""
    """Which past is shown, in words; empty for the present."""


@dataclass(frozen=True, slots=True)
class CallPage:
    id: int
    call_id: str
    agent: str
    when: datetime
    duration: str
    facts: Sequence[tuple[str, str]]
    metadata: Sequence[tuple[str, str]]
    variables: Sequence[tuple[str, str]]
    feedback: str
    notes: Sequence[str]
    turns: Sequence[ShownTurn]
    lanes: Lanes
    events: Sequence[Event]
    health: Health
    audio: str
    """Address of the recording; empty without one."""
    lanes_address: str
    results: Results
    waiting_for_sound: bool


def present_call(who: Person, call: CallLog, then: Then = NOW) -> CallPage:
    """`call` with its agent and payload. At most 13 queries, however long it is."""
    read = read_call(call)
    rows = results_then([call.pk], then).get(call.pk, [])
    recording = recording_view(call)
    lanes = lanes_of(read, recording, slow_ms(call.project_id))
    return CallPage(
        id=call.pk,
        call_id=call.call_id,
        agent=read.agent.name,
        when=call.timestamp,
        duration=words.clock(call.duration_secs),
        facts=_facts(call),
        metadata=_pairs(call.payload.metadata),
        variables=_pairs(call.payload.dynamic_variables),
        feedback=call.feedback,
        notes=[str(note) for note in call.payload.notes],
        turns=present_turns(read.turns, quotes_by_turn(rows)),
        lanes=lanes,
        events=listed(lanes.events),
        health=health_of(recording, lanes),
        audio=recording.path,
        lanes_address=reverse("call-lanes", args=[who.project_id, call.pk]),
        results=_results_then(who, call, then) if then else present_results(who, call),
        waiting_for_sound=recording.status == "waiting",
    )


def present_results(who: Person, call: CallLog) -> Results:
    """At most ten queries."""
    outlook = outlooks_of([call])[call.pk]
    grounds = grounds_of(call.payload.rubric)
    rules = {rule.metric_id for rule in load_rubric(call.project_id).rules}
    cards = present_cards(
        current_results([call.pk]).get(call.pk, []),
        current_reviews([call.pk]),
        outlook,
        earlier_counts(call),
        list(metrics_of(who)),
        rules,
        grounds,
    )
    return Results(
        chip=verdict_chip(outlook.status, outlook.error_message),
        why=_why(outlook.status, outlook.error_message, grounds),
        cards=cards,
        live=outlook.owed is not None,
    )


def _results_then(who: Person, call: CallLog, then: Then) -> Results:
    """What the machine said then; what people said of it since is not shown, nor can be said here."""
    rows = results_then([call.pk], then).get(call.pk, [])
    rubric = load_rubric(call.project_id)
    outlook = Outlook(None, "", None, None)
    rules = {rule.metric_id for rule in rubric.rules}
    cards = present_cards(rows, {}, outlook, earlier_counts(call), list(metrics_of(who)), rules, ())
    success = verdict_of(call, rows)
    status = "not_evaluated" if success is None else "success" if success else "failure"
    parts = [f"on {words.exact(then.as_of)}"] if then.as_of else []
    parts += [f"by version {number} of {_name(who, metric)}" for metric, number in then.versions.items()]
    return Results(
        chip=verdict_chip(status, None),
        why="What today's rubric makes of the results of then.",
        cards=cards,
        live=False,
        then=" and ".join(parts),
    )


def _name(who: Person, metric_id: int) -> str:
    return next((metric.name for metric in metrics_of(who) if metric.pk == metric_id), f"metric {metric_id}")


def _why(status: str, error: str | None, grounds: Sequence[Ground]) -> str:
    if status == "evaluating":
        return "The verdict comes when the metrics that it needs are measured."
    if error:
        return error
    failed = [ground.name for ground in grounds if ground.passed is False]
    if failed:
        return f"Decided by {', '.join(failed)}."
    if grounds:
        return f"All of the rubric holds: {', '.join(ground.name for ground in grounds)}."
    if status in ("success", "failure"):
        return "No rule of the rubric decides here: without one, every call succeeds."
    if status == "not_evaluated":
        return "This call was not measured yet."
    return "Decided by a person."


def _facts(call: CallLog) -> list[tuple[str, str]]:
    facts = [
        ("Ended", call.call_ended_reason),
        ("Caller's number", call.customer_number),
        ("Topic", call.topic),
        ("Drop-off", call.dropoff_point),
        ("Trace", call.trace_id),
        ("Taken out", _taken_out(call.payload.redaction)),
    ]
    return [(name, value) for name, value in facts if value]


def _taken_out(redaction: Mapping[str, Any]) -> str:
    """How much of which kind of personal data was hidden in what was said; empty where none was to be."""
    if not redaction:
        return ""
    counts = sorted(redaction["hidden"].items(), key=lambda item: -item[1])
    return ", ".join(f"{count} × {kind.replace('_', ' ')}" for kind, count in counts) or "nothing was found"


def _pairs(text: str) -> list[tuple[str, str]]:
    """Keys and values of a JSON object; what is nested stays JSON."""
    found: Any = json.loads(text)
    if not isinstance(found, dict):
        return []
    pairs = []
    for key, value in found.items():
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        pairs.append((str(key), said if len(said) <= MAX_META_CHARS else f"{said[:MAX_META_CHARS]}…"))
    return pairs


def lanes_json(call: CallLog) -> dict[str, Any]:
    return lanes_of(read_call(call), recording_view(call), slow_ms(call.project_id)).to_json()


def slow_ms(project_id: int) -> float | None:
    """Where a rule of the rubric says that answers come too late; None where none does. One query."""
    rules = RubricRule.objects.filter(
        project_id=project_id, metric__current_version__built_in__icontains="latency"
    ).values_list("conditions", flat=True)
    limits = [limit for conditions in rules for limit in _limits(conditions)]
    return min(limits, default=None)


def _limits(conditions: Any) -> list[float]:
    if not isinstance(conditions, dict):
        return []
    if isinstance(parts := conditions.get("conditions"), list):
        return [limit for part in parts for limit in _limits(part)]
    value = conditions.get("value")
    if conditions.get("op") in ("lt", "lte") and isinstance(value, (int, float)):
        return [float(value)]
    return []

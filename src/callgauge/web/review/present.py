"""The queue and one of its items as they are shown; what is hidden from a blind reviewer is not in here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callgauge.domain.metrics import EvalType
from callgauge.flow.recordings.links import signed_path
from callgauge.flow.review_items import is_blind
from callgauge.flow.review_reasons import TITLES, reason_named, reasons_in
from callgauge.flow.scope import Person
from callgauge.formats import from_wire
from callgauge.store.call_queries import payload_texts
from callgauge.store.models import MetricVersion, Recording, ReviewItem, ReviewRole
from callgauge.store.result_queries import ResultRow, current_results
from callgauge.web.calls.results import quotes_by_turn
from callgauge.web.calls.transcript import ShownTurn, present_turns
from callgauge.web.chips import Chip, machine_chip, said_chip, unit_of
from callgauge.web.frame import address_of

KEYS = "123456789"
KIND_TITLES = {
    ReviewRole.FIRST: "Answer",
    ReviewRole.SECOND: "Second opinion",
    ReviewRole.ADJUDICATION: "Decide between two",
}


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    call_id: str
    metric: str
    title: str
    """The reason that counts most."""
    more: int
    """Other reasons."""
    assigned: bool


@dataclass(frozen=True, slots=True)
class Option:
    key: str
    """Pressing it gives this answer; empty where there are more answers than keys."""
    words: str
    value: str
    """As the form sends it."""
    kind: str
    """Class and icon of a chip."""


@dataclass(frozen=True, slots=True)
class Answer:
    name: str
    chip: Chip
    note: str


@dataclass(frozen=True, slots=True)
class Item:
    id: int
    title: str
    call_id: str
    call_address: str
    agent: str
    when: datetime
    metric: str
    version: int
    question: str
    why: list[tuple[str, str]]
    """Title and what it rests on; the latter is empty for a blind reviewer."""
    is_blind: bool
    is_forced_blind: bool
    machine: Chip | None
    explanation: list[str]
    answers: list[Answer]
    options: list[Option]
    takes_number: bool
    """Any number may be given, not only those of the options."""
    may_decide_jointly: bool
    assignee: str
    audio: str = ""
    """Address of the recording; empty where there is none."""
    turns: list[ShownTurn] = field(default_factory=list)


def present_rows(items: Sequence[ReviewItem], me: str) -> list[Row]:
    """No query: the queue has fetched what is needed."""
    rows = []
    for item in items:
        reasons = reasons_in(item.rank)
        title = TITLES[reasons[0]] if reasons else ""
        rows.append(
            Row(
                id=item.pk,
                call_id=item.call.call_id,
                metric=item.metric.name,
                title=title,
                more=len(reasons) - 1,
                assigned=item.assignee == me,
            )
        )
    return rows


def present_item(item: ReviewItem, who: Person, me: str, *, blind: bool) -> Item:
    """Three queries: what the machine made of the call, its words and its recording."""
    forced = is_blind(item)
    hidden = blind or forced
    version = item.metric.current_version
    assert version is not None
    result = None if hidden else _result(item)
    agent = item.call.agent
    both = [one for one in (item.first, item.second) if one is not None]
    return Item(
        id=item.pk,
        title=KIND_TITLES[ReviewRole(item.kind)],
        call_id=item.call.call_id,
        # The call's own page tells what everybody said of it.
        call_address="" if hidden else address_of("call", who, item.call_id) or "",
        agent=agent.name if agent else "",
        when=item.call.timestamp,
        metric=item.metric.name,
        version=version.number,
        question=version.prompt.strip() or version.description.strip(),
        why=_why(item, hidden),
        is_blind=hidden,
        is_forced_blind=forced,
        machine=None if result is None else machine_chip(result, unit=_unit(result)),
        explanation=[] if result is None else [str(one) for one in json.loads(result.explanation)],
        answers=_answers(item, version),
        options=options_of(version),
        takes_number=version.eval_type in (EvalType.RATING, EvalType.NUMERIC),
        may_decide_jointly=item.kind == ReviewRole.ADJUDICATION and me in [one.reviewer for one in both],
        assignee=item.assignee,
        audio=_audio(item.call_id),
        turns=_turns(item.call_id, result),
    )


def options_of(version: MetricVersion) -> list[Option]:
    """The answers that have a button and, as far as they reach, a key."""
    match EvalType(version.eval_type):
        case EvalType.BINARY:
            found = [("pass", "true", "pass"), ("fail", "false", "fail")]
        case EvalType.RATING:
            found = [(str(points), str(points), "number") for points in (1, 2, 3, 4, 5)]
        case EvalType.ENUM:
            found = [(label, label, "label") for label in version.labels]
        case EvalType.NUMERIC:
            found = []
    found.append(("not applicable", "n/a", "not_applicable"))
    keys = [*KEYS, *[""] * len(found)]
    return [Option(key, words, value, kind) for key, (words, value, kind) in zip(keys, found, strict=False)]


def _audio(call_id: int) -> str:
    there = Recording.objects.filter(pk=call_id, file__isnull=False).exists()
    return signed_path(call_id) if there else ""


def _result(item: ReviewItem) -> ResultRow | None:
    rows = current_results([item.call_id]).get(item.call_id, [])
    return next((row for row in rows if row.metric_id == item.metric_id), None)


def _unit(result: ResultRow) -> str:
    return unit_of(result.eval_type, result.function_name)


def _why(item: ReviewItem, hidden: bool) -> list[tuple[str, str]]:
    found = []
    for entry in item.why:
        reason = reason_named(entry["reason"])
        if reason is not None:
            found.append((TITLES[reason], "" if hidden else entry["text"]))
    return found


def _answers(item: ReviewItem, version: MetricVersion) -> list[Answer]:
    """Of an adjudication: without names, and not always the first one first."""
    if item.kind != ReviewRole.ADJUDICATION or item.first is None or item.second is None:
        return []
    both = [item.first, item.second] if item.pk % 2 else [item.second, item.first]
    eval_type = EvalType(version.eval_type)
    return [
        Answer(f"Person {letter}", said_chip(review.expected_value, eval_type), review.feedback)
        for letter, review in zip("AB", both, strict=True)
    ]


def _turns(call_id: int, result: ResultRow | None) -> list[ShownTurn]:
    texts = payload_texts([call_id]).get(call_id)
    turns = () if texts is None else from_wire(json.loads(texts.turns))
    return present_turns(turns, {} if result is None else quotes_by_turn([result]))

"""The results of a call as cards: what came of each metric, on what grounds, and what people said of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from callgauge.domain.calls import clock
from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import SkipReason
from callgauge.store.models import CallLog, Metric, MetricResult, RerunKind, ResultOutcome
from callgauge.store.outlooks import Outlook
from callgauge.store.result_queries import ResultRow, ReviewRow
from callgauge.web import words
from callgauge.web.calls.transcript import Quote
from callgauge.web.chips import Chip, machine_chip, pending, result_chip, said_chip, unit_of

HIDDEN_FIGURES = frozenset({"evidence", "events"})
"""Shown elsewhere: in the transcript and on the axis."""
KINDS = {
    RerunKind.LIVE.value: "when it came in",
    RerunKind.SHADOW.value: "as a shadow",
    RerunKind.NOISE.value: "to measure noise",
}
MAX_FIGURES_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    quote: str
    turn: int | None
    time: str
    start: float | None
    found: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What a person last said of a result."""

    id: int
    who: str
    chip: Chip | None
    """None where they gave no value."""
    thumbs_up: bool | None
    note: str
    when: datetime
    machine: Chip
    differs: bool


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Card:
    result_id: int | None
    metric_id: int
    name: str
    chip: Chip
    in_rubric: bool
    rule_failed: bool
    explanation: Sequence[str]
    evidence: Sequence[EvidenceLine]
    version: int | None
    judge: str
    cost: str
    when: datetime | None
    earlier: int
    """How many older results there are."""
    figures: str
    """What else the metric found, as JSON."""
    said: Said | None
    choices: Sequence[Choice]
    """Values to choose from; empty where one types a number or a word."""
    numeric: bool
    can_confirm: bool
    """There is a value to agree with."""
    is_there: bool
    """The metric was not deleted since."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An older result of the metric on the call."""

    result_id: int
    version: int
    chip: Chip
    explanation: Sequence[str]
    judge: str
    cost: str
    when: datetime
    rerun: int
    kind: str
    """What it came of, where that was no rerun that somebody asked for."""


@dataclass(frozen=True, slots=True)
class Ground:
    metric_id: int
    name: str
    passed: bool | None


def grounds_of(rubric: str) -> list[Ground]:
    """Of the payload's `rubric`: the rules that decided, in order."""
    rows = json.loads(rubric) or []
    return [Ground(row["metric_id"], row["metric_name"], row["passed"]) for row in rows]


def earlier_counts(call: CallLog) -> dict[int, int]:
    """How many results that are no longer current each metric has on the call."""
    rows = MetricResult.objects.filter(call=call, is_current=False).values_list("metric_id")
    return dict(rows.annotate(count=Count("id")))


def present_cards(
    rows: Sequence[ResultRow],
    reviews: Mapping[tuple[int, int], ReviewRow],
    outlook: Outlook,
    earlier: Mapping[int, int],
    metrics: Sequence[Metric],
    rules: Collection[int],
    grounds: Sequence[Ground],
) -> list[Card]:
    """Rubric metrics first, failed first. `rules` are the ids of metrics that the rubric asks today."""
    failed_rules = {ground.metric_id for ground in grounds if ground.passed is False}
    labels = {
        metric.pk: metric.current_version.labels for metric in metrics if metric.current_version is not None
    }
    known = {row.metric_id for row in rows}
    deciding = {*rules, *(ground.metric_id for ground in grounds)}
    cards = [
        _card(
            row, reviews.get((row.call_id, row.metric_id)), outlook, earlier, labels, deciding, failed_rules
        )
        for row in rows
    ]
    owed = outlook.owed.metric_ids if outlook.owed else ()
    cards += [
        _waiting(metric, metric.pk in deciding)
        for metric in metrics
        if metric.pk in owed and metric.pk not in known
    ]
    return sorted(cards, key=lambda card: (not card.in_rubric, _rank(card)))


def _rank(card: Card) -> int:
    if card.rule_failed:
        return 0
    return {"fail": 1, "failed": 2, "pending": 3, "skipped": 5, "not_applicable": 6}.get(card.chip.kind, 4)


def _waiting(metric: Metric, in_rubric: bool) -> Card:
    return Card(
        None, metric.pk, metric.name, pending(live=True), in_rubric, False, (), (), None, "", "", None, 0, "",
        None, (), False, False, True,
    )  # fmt: skip


def _card(
    row: ResultRow,
    review: ReviewRow | None,
    outlook: Outlook,
    earlier: Mapping[int, int],
    labels: Mapping[int, Sequence[str]],
    deciding: Collection[int],
    failed_rules: Collection[int],
) -> Card:
    superseded = outlook.owed is not None and outlook.owed.supersedes(row)
    unit = unit_of(row.eval_type, row.function_name)
    extra = json.loads(row.extra)
    return Card(
        result_id=row.id,
        metric_id=row.metric_id,
        name=row.name,
        chip=result_chip(row, review, superseded=superseded, live=True, unit=unit),
        in_rubric=row.metric_id in deciding,
        rule_failed=row.metric_id in failed_rules and not superseded,
        explanation=_sentences(row.explanation),
        evidence=evidence_lines(extra),
        version=row.version_number,
        judge=row.judge_model,
        cost=words.money(row.cost_usd) if row.judge_model else "",
        when=row.created_at,
        earlier=earlier.get(row.metric_id, 0),
        figures=_figures(extra),
        said=_said(row, review, unit),
        choices=_choices(row.eval_type, labels.get(row.metric_id, ())),
        numeric=row.eval_type in (EvalType.RATING, EvalType.NUMERIC),
        can_confirm=row.outcome == ResultOutcome.SCORED or row.reason == SkipReason.NOT_APPLICABLE,
        is_there=row.metric_id in labels,
    )


def _said(row: ResultRow, review: ReviewRow | None, unit: str) -> Said | None:
    if review is None:
        return None
    machine = machine_chip(row, (), unit)
    chip = (
        said_chip(review.expected_value, EvalType(row.eval_type), (), unit)
        if review.has_expected_value
        else None
    )
    differs = chip is not None and (chip.kind, chip.text) != (machine.kind, machine.text)
    return Said(
        review.id,
        review.reviewer,
        chip,
        review.thumbs_up,
        review.feedback,
        review.created_at,
        machine,
        differs,
    )


def _choices(eval_type: str, labels: Sequence[str]) -> list[Choice]:
    match EvalType(eval_type):
        case EvalType.BINARY:
            found = [Choice("true", "pass"), Choice("false", "fail")]
        case EvalType.ENUM if labels:
            found = [Choice(label, label) for label in labels]
        case EvalType.RATING:
            found = [Choice(str(number), f"{number} of 5") for number in range(6)]
        case _:
            return []
    return [*found, Choice("not applicable", "not applicable")]


def _sentences(explanation: str) -> list[str]:
    found = json.loads(explanation)
    return [str(one) for one in found] if isinstance(found, list) else [str(found)]


def evidence_lines(extra: Mapping[str, Any]) -> list[EvidenceLine]:
    found = extra.get("evidence")
    if not isinstance(found, list):
        return []
    return [
        EvidenceLine(
            quote=str(one.get("quote", "")),
            turn=one.get("turn") if isinstance(one.get("turn"), int) else None,
            time=clock(one["start_secs"]) if isinstance(one.get("start_secs"), (int, float)) else "",
            start=one.get("start_secs") if isinstance(one.get("start_secs"), (int, float)) else None,
            found=one.get("found") is not False,
        )
        for one in found
        if isinstance(one, dict)
    ]


def quotes_by_turn(rows: Sequence[ResultRow]) -> dict[int, list[Quote]]:
    """What the results quote, by turn."""
    found: dict[int, list[Quote]] = {}
    for row in rows:
        for line in evidence_lines(json.loads(row.extra)):
            if line.turn is not None:
                found.setdefault(line.turn, []).append(Quote(row.metric_id, line.quote))
    return found


def _figures(extra: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in extra.items() if name not in HIDDEN_FIGURES}
    if not kept:
        return ""
    text = json.dumps(kept, indent=2, ensure_ascii=False)
    return text if len(text) <= MAX_FIGURES_CHARS else f"{text[:MAX_FIGURES_CHARS]}\n…"


def earlier_results(call: CallLog, metric_id: int) -> list[Earlier]:
    """Newest first, in one query."""
    rows = (
        MetricResult.objects.filter(
            call=call, metric_id=metric_id, metric__project_id=call.project_id, is_current=False
        )
        .select_related("version", "rerun")
        .order_by("-id")[:50]
    )
    return [
        Earlier(
            row.pk,
            row.version.number,
            machine_chip(row, (), unit_of(row.version.eval_type, row.version.built_in)),
            _sentences(row.explanation),
            row.judge_model,
            words.money(row.cost_usd) if row.judge_model else "",
            row.created_at,
            row.rerun_id,
            KINDS.get(row.rerun.kind, ""),
        )
        for row in rows
    ]

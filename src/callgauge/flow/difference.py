"""What a rerun changed, or one version against another: results paired by call, and who was right."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import QuerySet

from callgauge.domain.metrics import EvalType
from callgauge.domain.money import Cost
from callgauge.domain.outcomes import SkipReason
from callgauge.engine.difference import (
    NOT_MEASURED,
    Came,
    MetricDifference,
    Noise,
    Pair,
    Side,
    adjust,
    differ,
    noise_of,
)
from callgauge.engine.difference_words import metric_words, summary_words
from callgauge.flow.agreement import labels_of
from callgauge.flow.errors import Invalid
from callgauge.store.models import Metric, MetricResult, MetricVersion, Rerun, ResultOutcome, RubricRule

IDS_PER_QUERY: Final = 5_000
NOISE_CALLS: Final = 2_000
"""Calls with repeated answers that are looked at: more tell nothing new."""
SHOWN_FIELDS: Final = {
    "name": "name",
    "description": "description",
    "prompt": "prompt",
    "custom_code": "code",
    "labels": "labels",
    "eval_type": "kind of value",
    "configuration": "settings",
    "trigger": "trigger",
    "trigger_prompt": "trigger's sentence",
    "trigger_code": "trigger's code",
}
_INAPPLICABLE: Final = frozenset({SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value})
_COLUMNS: Final = (
    *("pk", "call_id", "call__agent_id", "metric_id", "version_id", "outcome", "reason"),
    *("passed", "number", "label", "low_trust", "cost_usd", "judge_requests", "previous_id"),
    *("scorer_hash", "parts_hash", "reads_hash"),
)


@dataclass(slots=True)
class OfMetric:
    """One metric's part of a difference."""

    metric_id: int
    name: str
    before: MetricVersion | None
    """The version that most calls were measured with before; None where there was none."""
    after: MetricVersion
    other_versions: int
    """Versions besides `before` that calls had been measured with."""
    figures: MetricDifference
    words: str = ""
    pairs: Sequence[Pair] = ()


@dataclass(slots=True)
class Difference:
    metrics: Sequence[OfMetric]
    summary: str
    rerun: Rerun | None = None
    against: Rerun | None = None
    unfinished: bool = False
    """The rerun is under way: there is more to come."""


@dataclass(slots=True)
class _Gathered:
    pairs: list[Pair] = field(default_factory=list)
    before: Counter[int] = field(default_factory=Counter)
    after: Counter[int] = field(default_factory=Counter)
    cost_before: Cost = field(default_factory=Cost)
    cost_after: Cost = field(default_factory=Cost)
    changed: bool = False
    """Something is other than before that some result depends on."""


class _Row:
    """A stored result, as far as it is compared."""

    __slots__ = (
        *("agent_id", "call_id", "cost", "hashes", "metric_id", "pk", "previous_id", "side", "version_id"),
    )

    def __init__(self, row: Sequence[Any]) -> None:
        self.pk, self.call_id, self.agent_id, self.metric_id, self.version_id = row[:5]
        outcome, reason, passed, number, label, low_trust, cost, requests, self.previous_id = row[5:14]
        self.hashes: Sequence[str] = row[14:]
        value = passed if passed is not None else number if number is not None else label
        self.cost = Cost(cost or 0.0, requests if cost is None else 0)
        self.side = Side(_came(outcome, reason), value, self.pk, low_trust)

    def depends_on_the_same(self, other: _Row) -> bool:
        """Where it is not known what a result depended on, as far as the version tells."""
        if self.hashes[0] and other.hashes[0]:
            return self.hashes == other.hashes
        return bool(self.version_id == other.version_id)


def _came(outcome: str, reason: str) -> Came:
    if outcome == ResultOutcome.SCORED:
        return Came.SCORED
    if outcome == ResultOutcome.FAILED:
        return Came.FAILED
    return Came.NOT_APPLICABLE if reason in _INAPPLICABLE else Came.SKIPPED


def difference_of(rerun: Rerun, against: Rerun | None = None) -> Difference:
    """Of a rerun and what was current before it, or another rerun of the same project. Raises Invalid."""
    if against is not None and against.pk == rerun.pk:
        raise Invalid.field("against", "A rerun is no different from itself.")
    gathered: dict[int, _Gathered] = defaultdict(_Gathered)
    rows = MetricResult.objects.filter(rerun=rerun, call__deleted_at=None)
    if against is None:
        _gather(rows, gathered, _previous)
    else:
        older = {
            (row.call_id, row.metric_id): row
            for row in _rows(MetricResult.objects.filter(rerun=against, call__deleted_at=None))
        }
        if not older:
            raise Invalid.field("against", f"Rerun {against.pk} stored no result to compare with.")
        _gather(
            rows, gathered, lambda some: {row.pk: older.get((row.call_id, row.metric_id)) for row in some}
        )
    metrics = _metrics(gathered)
    return Difference(
        metrics,
        summary_words([(one.name, one.figures) for one in metrics], reused=rerun.reused),
        rerun,
        against,
        unfinished=rerun.finished_at is None,
    )


def difference_of_versions(before: MetricVersion, after: MetricVersion) -> Difference:
    """Of two versions of a metric, on every call that both have measured, by the newest result of each."""
    older = {row.call_id: row for row in _rows(_usable(before))}
    gathered: dict[int, _Gathered] = defaultdict(_Gathered)
    newest = {row.call_id: row for row in _rows(_usable(after)) if row.call_id in older}
    _add(gathered, newest.values(), {row.pk: older[row.call_id] for row in newest.values()})
    metrics = _metrics(gathered)
    return Difference(metrics, summary_words([(one.name, one.figures) for one in metrics]))


def _usable(version: MetricVersion) -> QuerySet[MetricResult]:
    results = MetricResult.objects.filter(version=version, call__deleted_at=None)
    return results.exclude(outcome=ResultOutcome.FAILED)


def _rows(results: QuerySet[MetricResult]) -> Iterator[_Row]:
    for row in results.order_by("pk").values_list(*_COLUMNS).iterator(chunk_size=IDS_PER_QUERY):
        yield _Row(row)


def _gather(results: QuerySet[MetricResult], gathered: dict[int, _Gathered], find: Any) -> None:
    page: list[_Row] = []
    for row in _rows(results):
        page.append(row)
        if len(page) == IDS_PER_QUERY:
            _add(gathered, page, find(page))
            page = []
    if page:
        _add(gathered, page, find(page))


def _previous(rows: Sequence[_Row]) -> dict[int, _Row | None]:
    ids = [row.previous_id for row in rows if row.previous_id is not None]
    found = {row.pk: row for row in _rows(MetricResult.objects.filter(pk__in=ids))}
    return {row.pk: found.get(row.previous_id or 0) for row in rows}


def _add(gathered: dict[int, _Gathered], rows: Iterable[_Row], before: Mapping[int, _Row | None]) -> None:
    for row in rows:
        old = before.get(row.pk)
        its = gathered[row.metric_id]
        its.pairs.append(Pair(row.call_id, row.agent_id, NOT_MEASURED if old is None else old.side, row.side))
        its.after[row.version_id] += 1
        its.cost_after += row.cost
        if old is not None:
            its.before[old.version_id] += 1
            its.cost_before += old.cost
            its.changed = its.changed or not row.depends_on_the_same(old)


def _metrics(gathered: Mapping[int, _Gathered]) -> list[OfMetric]:
    wanted = {pk for its in gathered.values() for pk in (*its.before, *its.after)}
    versions = MetricVersion.objects.in_bulk(list(wanted))
    names = dict(Metric.objects.filter(pk__in=gathered).values_list("pk", "name"))
    deciding = set(RubricRule.objects.filter(metric_id__in=gathered).values_list("metric_id", flat=True))
    found = []
    for metric_id, its in sorted(gathered.items()):
        after = versions[its.after.most_common(1)[0][0]]
        before = versions[its.before.most_common(1)[0][0]] if its.before else None
        pairs = _with_people(metric_id, after, its.pairs)
        figures = differ(
            EvalType(after.eval_type),
            after.labels,
            pairs,
            noise=noise_floor(after),
            decides=metric_id in deciding,
            unchanged=not its.changed,
        )
        figures.cost_before, figures.cost_after = its.cost_before, its.cost_after
        found.append(
            OfMetric(
                metric_id, names[metric_id], before, after, max(0, len(its.before) - 1), figures, pairs=pairs
            )
        )
    adjust([one.figures for one in found])
    for one in found:
        one.words = metric_words(one.figures)
    return found


def _with_people(metric_id: int, after: MetricVersion, pairs: Sequence[Pair]) -> list[Pair]:
    """With what people said of the calls, where the question still means what it did then."""
    labels = labels_of(Metric(pk=metric_id)).filter(meaning=after.meaning)
    said = dict(labels.values_list("call_id", "expected_value"))
    return [
        Pair(pair.call_id, pair.agent_id, pair.before, pair.after, said[pair.call_id], reviewed=True)
        if pair.call_id in said
        else pair
        for pair in pairs
    ]


def noise_floor(version: MetricVersion) -> Noise | None:
    """From every call that this version has judged twice or more, by the same judge, as it is today."""
    repeated = (
        MetricResult.objects.filter(version=version, judge_requests__gt=0)
        .filter(outcome=ResultOutcome.SCORED)
        .order_by("-call_id")
        .values_list("call_id", "input_hash", "judge_model", "passed", "number", "label")
    )
    answers: dict[tuple[int, str, str], list[Any]] = defaultdict(list)
    for call_id, content, model, passed, number, label in repeated.iterator(chunk_size=IDS_PER_QUERY):
        value = passed if passed is not None else number if number is not None else label
        answers[call_id, content, model].append(value)
        if len(answers) > NOISE_CALLS:
            break
    return noise_of(EvalType(version.eval_type), list(answers.values()))


def changed_fields(before: MetricVersion | None, after: MetricVersion) -> list[dict[str, Any]]:
    """What differs between two versions, with the lines of each text that went and came."""
    if before is None or before.pk == after.pk:
        return []
    found = []
    for column, name in SHOWN_FIELDS.items():
        old, new = _text(getattr(before, column)), _text(getattr(after, column))
        if old != new:
            found.append({"field": name, "before": old, "after": new, "diff": _lines(old, new)})
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _lines(old: str, new: str) -> list[str]:
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return [line for line in lines if not line.startswith("?")]

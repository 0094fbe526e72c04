"""Storing outcomes: append-only, one current result per call and metric, counted on their rerun."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import itemgetter
from typing import Any, assert_never

from django.utils import timezone

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Evidence, Failed, Outcome, Scored, Skipped
from callgauge.engine.identity import Identity
from callgauge.flow import ledger, tally
from callgauge.flow.late_findings import content_of, forget_answers, withheld, without_words
from callgauge.store.bulk import insert_rows, moment, update_these
from callgauge.store.models import MetricResult, ResultOutcome
from callgauge.store.prepared import Ids, PreparedValues

MAX_LABEL_CHARS = 255

Row = dict[str, Any]

_FIELDS = [field for field in MetricResult._meta.concrete_fields if field.attname not in {"id", "created_at"}]
_COLUMNS = tuple(field.attname for field in _FIELDS)
_UNSAID: Row = {field.attname: field.get_default() for field in _FIELDS}
_DISPLACED: Row = {"is_current": False, "is_stale": False}
_in_order = itemgetter(*_COLUMNS)
_EVIDENCE = tuple(field.name for field in fields(Evidence))

_STORED = PreparedValues(
    lambda calls, reruns: MetricResult.objects.filter(call_id__in=calls, rerun_id__in=reruns).values_list(
        "call_id", "version_id", "rerun_id"
    ),
    Ids,
    Ids,
)
_CURRENT = PreparedValues(
    lambda calls: MetricResult.objects.filter(call_id__in=calls, is_current=True).values_list(
        "pk", "call_id", "metric_id", "rerun_id", "reused_by", "outcome"
    ),
    Ids,
)


@dataclass(frozen=True, slots=True)
class NewResult:
    chunk_id: int
    rerun_id: int
    call_id: int
    content_hash: str
    """Of the call as it was measured."""
    spec: MetricSpec
    outcome: Outcome
    identity: Identity | None = None
    """None for what is never left as it is: drawn by chance, or tried and forgotten."""
    aside: bool = False
    """It never becomes current."""


def store_results(owner: str, results: Sequence[NewResult]) -> set[int]:
    """Write what came of metrics; the ids of chunks whose lease was lost are returned, and nothing of
    theirs is written. The caller is in a transaction. A result that is there already is not written twice."""
    chunk_ids = {result.chunk_id for result in results}
    held = ledger.held_attempts(owner, chunk_ids)
    fresh = _without_stored([result for result in results if result.chunk_id in held])
    if fresh:
        _append(fresh)
        _count(fresh)
        tried_before = {result.chunk_id for result in fresh if held[result.chunk_id] > 1}
        if tried_before:
            ledger.progressed(tried_before)
    return chunk_ids - set(held)


def take_over(owner: str, rerun_id: int, wanted: Mapping[int, Collection[int]]) -> set[int]:
    """Make earlier results a rerun's own, for they are what measuring would give: they become current again,
    except where a newer rerun has decided since.

    `wanted`: ids of results by chunk. The ids of chunks whose lease was lost are returned, and nothing of
    theirs is written. The caller is in a transaction, and has locked the calls."""
    held = ledger.held(owner, wanted)
    ids = [result_id for chunk_id in held for result_id in wanted[chunk_id]]
    rows = list(MetricResult.objects.filter(pk__in=ids).values_list("pk", "call_id", "metric_id"))
    standing = _standing({call_id for _, call_id, _ in rows})
    taken, displaced = [], []
    for pk, call_id, metric_id in rows:
        current = standing.get((call_id, metric_id))
        if current is not None and current.rerun_id > rerun_id:
            continue
        if current is not None and current.id is not None and current.id != pk:
            displaced.append(current.id)
        taken.append(pk)
    update_these(MetricResult, _DISPLACED, displaced)
    update_these(MetricResult, {"is_current": True, "is_stale": False, "reused_by": rerun_id}, taken)
    return set(wanted) - held


def store_unleased(results: Sequence[NewResult]) -> None:
    """For results that come with their rerun, in the transaction that makes it: no owner has it yet."""
    _append(results)
    _count(results)


def _without_stored(results: Sequence[NewResult]) -> list[NewResult]:
    stored = set(
        _STORED(list({result.call_id for result in results}), list({result.rerun_id for result in results}))
    )
    fresh: dict[tuple[int, int, int], NewResult] = {}
    for result in results:
        key = (result.call_id, result.spec.version_id, result.rerun_id)
        if key not in stored:
            fresh.setdefault(key, result)
    return list(fresh.values())


@dataclass(frozen=True, slots=True)
class _Standing:
    """The result that is current for a call and metric; `row` where this batch has yet to write it."""

    id: int | None
    rerun_id: int
    """The newest that made it, or made it its own: what an older one finds later does not displace it."""
    failed: bool
    row: Row | None = None


def _standing(call_ids: Collection[int]) -> dict[tuple[int, int], _Standing]:
    """By call and metric."""
    return {
        (call_id, metric_id): _Standing(pk, max(rerun_id, reused_by or 0), outcome == ResultOutcome.FAILED)
        for pk, call_id, metric_id, rerun_id, reused_by, outcome in _CURRENT(list(call_ids))
    }


def _append(results: Sequence[NewResult]) -> None:
    call_ids = {result.call_id for result in results}
    content = dict(content_of(list(call_ids)))
    silent = withheld(((result.call_id, result.content_hash) for result in results), content)
    if silent:
        late = [one for one in results if (one.call_id, one.content_hash) in silent]
        forget_answers((one.rerun_id, one.call_id) for one in late)
    standing = _standing(call_ids)
    rows: list[Row] = []
    displaced: list[int] = []
    stale: list[int] = []
    for result in sorted(results, key=lambda result: result.rerun_id):
        if result.call_id not in content:
            continue  # deleted meanwhile
        if (result.call_id, result.content_hash) in silent:
            result = replace(result, outcome=without_words(result.outcome))
        row = result_row(result)
        key = (result.call_id, result.spec.metric_id)
        before = standing.get(key)
        row["previous_id"] = before.id if before else None
        if result.aside:
            rows.append(row)
            continue
        unchanged = content[result.call_id] == result.content_hash
        newest = before is None or result.rerun_id >= before.rerun_id
        if unchanged and newest and isinstance(result.outcome, Failed) and before and not before.failed:
            if before.row is not None:
                before.row["is_stale"] = True
            elif before.id is not None:
                stale.append(before.id)
        elif unchanged and newest:
            if before is not None and before.row is not None:
                before.row["is_current"] = False
            elif before is not None and before.id is not None:
                displaced.append(before.id)
            row["is_current"] = True
            standing[key] = _Standing(None, result.rerun_id, isinstance(result.outcome, Failed), row)
        rows.append(row)
    update_these(MetricResult, _DISPLACED, displaced)
    update_these(MetricResult, {"is_stale": True}, stale)
    now = moment(timezone.now())
    insert_rows(MetricResult, (*_COLUMNS, "created_at"), [(*_in_order(row), now) for row in rows])


def result_row(result: NewResult) -> Row:
    """A result as a row, not stored yet: the values of all columns but `id` and `created_at`, by their names.
    No model, which would cost as much as all the rest of storing it."""
    outcome, identity = result.outcome, result.identity
    usage = outcome.usage
    row: Row = {
        **_UNSAID,
        "call_id": result.call_id,
        "metric_id": result.spec.metric_id,
        "version_id": result.spec.version_id,
        "rerun_id": result.rerun_id,
        "explanation": _json(list(outcome.explanation)),
        "input_hash": result.content_hash,
        "judge_model": outcome.judge_model[:255],
        "prompt_hash": outcome.prompt_hash,
        "judge_requests": usage.requests,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
    }
    if identity is not None:
        row.update(scorer_hash=identity.scorer, parts_hash=identity.parts, reads_hash=identity.reads)
    extra: dict[str, Any] = dict(outcome.extra)
    match outcome:
        case Scored():
            value = outcome.value
            label = value.label[:MAX_LABEL_CHARS] if value.label is not None else None
            row.update(
                outcome=ResultOutcome.SCORED.value,
                passed=value.passed,
                number=value.number,
                label=label,
                low_trust=outcome.low_trust,
            )
            if outcome.evidence:
                extra["evidence"] = [_quote(item) for item in outcome.evidence]
        case Skipped():
            row.update(outcome=ResultOutcome.SKIPPED.value, reason=outcome.reason.value)
        case Failed():
            row.update(
                outcome=ResultOutcome.FAILED.value, reason=outcome.code.value, retryable=outcome.retryable
            )
        case _:
            assert_never(outcome)
    row["extra"] = _json(extra)
    return row


def _quote(item: Evidence) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _EVIDENCE}


def _json(value: Any) -> str:
    """Escaped ASCII: whatever a model wrote, the database can hold it (PostgreSQL refuses NUL in text)."""
    return json.dumps(value, default=str)


def _count(results: Sequence[NewResult]) -> None:
    by_rerun: dict[int, list[Outcome]] = defaultdict(list)
    for result in results:
        by_rerun[result.rerun_id].append(result.outcome)
    for rerun_id, outcomes in sorted(by_rerun.items()):
        spent = [outcome.usage for outcome in outcomes]
        more = {
            "scored": _how_many(outcomes, Scored),
            "skipped": _how_many(outcomes, Skipped),
            "failed": _how_many(outcomes, Failed),
            "judge_requests": sum(usage.requests for usage in spent),
            "input_tokens": sum(usage.input_tokens for usage in spent),
            "cached_tokens": sum(usage.cached_tokens for usage in spent),
            "output_tokens": sum(usage.output_tokens for usage in spent),
            "cost_usd": sum(usage.cost_usd or 0.0 for usage in spent),
            "unpriced_requests": sum(usage.unpriced_requests for usage in spent),
        }
        tally.count(rerun_id, **more)


def _how_many(outcomes: Collection[Outcome], kind: type[Scored] | type[Skipped] | type[Failed]) -> int:
    return sum(isinstance(outcome, kind) for outcome in outcomes)

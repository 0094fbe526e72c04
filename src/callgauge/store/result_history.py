"""Results as they stood at a moment, or as a version of a metric gave them. Nothing is computed: every result
that there ever was is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from callgauge.store.models import MetricResult, Rerun, ResultOutcome
from callgauge.store.result_queries import RESULT_COLUMNS, ResultRow, current_results

_MORE = ("previous_id", "is_current", "reused_by", "rerun__aside", "rerun__kind")


@dataclass(frozen=True, slots=True)
class Then:
    """What is asked for: a moment, versions of metrics, or both."""

    as_of: datetime | None = None
    versions: Mapping[int, int] = field(default_factory=dict)
    """By metric: the number of its version."""

    def __bool__(self) -> bool:
        return self.as_of is not None or bool(self.versions)


NOW = Then()


class KeptRow(NamedTuple):
    """A result with its place in history."""

    row: ResultRow
    previous_id: int | None
    is_current: bool
    reused_by: int | None
    aside: bool
    """It never became current: a shadow, or a measurement of noise."""
    kind: str


def kept_results(
    call_ids: Collection[int], metric_id: int | None = None
) -> dict[tuple[int, int], list[KeptRow]]:
    """All results by call and metric, the oldest first; metrics in the project's order."""
    found: dict[tuple[int, int], list[KeptRow]] = defaultdict(list)
    rows = MetricResult.objects.filter(call_id__in=call_ids)
    if metric_id is not None:
        rows = rows.filter(metric_id=metric_id)
    width = len(RESULT_COLUMNS)
    ordered = rows.order_by("call_id", "metric__display_order", "metric_id", "id")
    for values in ordered.values_list(*RESULT_COLUMNS, *_MORE).iterator(chunk_size=2000):
        row = ResultRow(*values[:width])
        found[row.call_id, row.metric_id].append(KeptRow(row, *values[width:]))
    return found


def results_then(call_ids: Collection[int], then: Then) -> dict[int, list[ResultRow]]:
    """By call. A metric that had no result then, or none of that version, is left out."""
    if not then:
        return current_results(call_ids)
    kept = kept_results(call_ids)
    back_at = _taken_up_again(one for rows in kept.values() for one in rows)
    found: dict[int, list[ResultRow]] = defaultdict(list)
    for (call_id, metric_id), rows in kept.items():
        number = then.versions.get(metric_id)
        if number is not None:
            chosen = _of_version(rows, number, then.as_of)
        elif then.as_of is not None:
            chosen = _standing(rows, then.as_of, back_at)
        else:
            chosen = next((one for one in rows if one.is_current), None)
        if chosen is not None:
            found[call_id].append(chosen.row._replace(is_stale=False))
    return found


def _of_version(rows: Sequence[KeptRow], number: int, as_of: datetime | None) -> KeptRow | None:
    """The newest that it gave, whether or not it was in use; one that failed only where there is no other."""
    its = [one for one in rows if one.row.version_number == number]
    if as_of is not None:
        its = [one for one in its if one.row.created_at <= as_of]
    return _newest_good(its) or (its[-1] if its else None)


def _standing(rows: Sequence[KeptRow], as_of: datetime, back_at: Mapping[int, datetime]) -> KeptRow | None:
    """The one that was current. Each result says which was when it was stored: the first one after the moment
    tells, and where there is none, what is current now."""
    known = [one for one in rows if one.row.created_at <= as_of and not one.aside]
    later = next((one for one in rows if one.row.created_at > as_of), None)
    if later is None:
        current = next((one for one in rows if one.is_current), None)
    elif later.previous_id is None:
        return _newest_good(known) or (known[-1] if known else None)
    else:
        current = next((one for one in rows if one.row.id == later.previous_id), None)
    if current is not None and current.reused_by and back_at[current.reused_by] > as_of:
        # It was displaced before the moment, and became current again only after it.
        return _newest_good([one for one in known if one.row.id > current.row.id]) or current
    return current


def _newest_good(rows: Sequence[KeptRow]) -> KeptRow | None:
    return next((one for one in reversed(rows) if one.row.outcome != ResultOutcome.FAILED), None)


def _taken_up_again(rows: Iterable[KeptRow]) -> dict[int, datetime]:
    """When a rerun had made results current again: at its end at the latest."""
    reruns = {one.reused_by for one in rows if one.reused_by}
    ended = Rerun.objects.filter(pk__in=reruns).values_list("pk", "finished_at") if reruns else ()
    now = timezone.now()
    return dict.fromkeys(reruns, now) | {pk: at or now for pk, at in ended}

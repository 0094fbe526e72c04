"""The results and reviews that are shown for calls, as plain rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from callgauge.store.models import MetricResult, MetricVersion, Rerun, Review


class ResultRow(NamedTuple):
    """The machine's current result of one metric on one call, with the names it is shown under."""

    id: int
    call_id: int
    metric_id: int
    rerun_id: int
    outcome: str
    passed: bool | None
    number: float | None
    label: str | None
    reason: str
    retryable: bool
    explanation: str
    """JSON array."""
    extra: str
    """JSON object."""
    low_trust: bool
    judge_model: str
    cost_usd: float | None
    is_stale: bool
    created_at: datetime
    version_number: int
    name: str
    eval_type: str
    function_name: str
    predefined_code: str
    meaning: int = 1


RESULT_COLUMNS = (
    "id",
    "call_id",
    "metric_id",
    "rerun_id",
    "outcome",
    "passed",
    "number",
    "label",
    "reason",
    "retryable",
    "explanation",
    "extra",
    "low_trust",
    "judge_model",
    "cost_usd",
    "is_stale",
    "created_at",
    "version__number",
    "metric__name",
    "version__eval_type",
    "version__built_in",
    "version__predefined_code",
    "version__meaning",
)


class ReviewRow(NamedTuple):
    """What a person last said of one metric on one call."""

    call_id: int
    metric_id: int
    thumbs_up: bool | None
    has_expected_value: bool
    expected_value: Any
    feedback: str
    created_at: datetime
    id: int
    reviewer: str
    meaning: int


def current_results(call_ids: Collection[int]) -> dict[int, list[ResultRow]]:
    """By call, in the order in which the project shows its metrics."""
    rows = (
        MetricResult.objects.filter(call_id__in=call_ids, is_current=True)
        .order_by("call_id", "metric__display_order", "metric_id")
        .values_list(*RESULT_COLUMNS)
    )
    found: dict[int, list[ResultRow]] = defaultdict(list)
    for row in rows.iterator(chunk_size=2000):
        found[row[1]].append(ResultRow(*row))
    return found


class BriefRow(NamedTuple):
    """What a list shows of a result."""

    call_id: int
    metric_id: int
    rerun_id: int
    outcome: str
    passed: bool | None
    number: float | None
    label: str | None
    reason: str
    low_trust: bool
    is_stale: bool
    eval_type: str
    function_name: str


def brief_results(call_ids: Collection[int], metric_ids: Collection[int]) -> dict[tuple[int, int], BriefRow]:
    """The current results of some metrics on some calls, by call and metric; no query for no metric."""
    if not metric_ids:
        return {}
    columns = [*BriefRow._fields[:10], "version__eval_type", "version__built_in"]
    rows = MetricResult.objects.filter(
        call_id__in=call_ids, metric_id__in=metric_ids, is_current=True
    ).values_list(*columns)
    return {(row[0], row[1]): BriefRow(*row) for row in rows}


def current_reviews(call_ids: Collection[int]) -> dict[tuple[int, int], ReviewRow]:
    """By call and metric."""
    rows = Review.objects.filter(call_id__in=call_ids, is_current=True).values_list(*ReviewRow._fields)
    return {(row[0], row[1]): ReviewRow(*row) for row in rows}


def metrics_owed(rerun_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """The metrics that each rerun measures again; no query where there is no rerun."""
    if not rerun_ids:
        return {}
    versions = dict(Rerun.objects.filter(pk__in=rerun_ids).values_list("pk", "metric_version_ids"))
    wanted = {version for ids in versions.values() for version in ids}
    metrics = dict(MetricVersion.objects.filter(pk__in=wanted).values_list("pk", "metric_id"))
    return {
        rerun: frozenset(metrics[version] for version in ids if version in metrics)
        for rerun, ids in versions.items()
    }

"""Measuring a share of the live calls: which calls a metric is left out of, exactly and for good.

Each metric has an accumulator in millionths. A draw takes the project's rate off it; where that would go
below zero, the call is measured and a whole is put back. So of any 100 calls in a row that a metric could
measure, exactly 30 are, at a rate of 0.3, and the first call is one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from callgauge.domain.outcomes import Skipped, SkipReason
from callgauge.flow.metrics import spec_of
from callgauge.flow.results import NewResult, store_unleased
from callgauge.store.models import (
    CallLog,
    Metric,
    MetricResult,
    MetricVersion,
    Rerun,
    RerunKind,
    ResultOutcome,
)

WHOLE: Final = 1_000_000
NAMED: Final = "named"
"""Under `metrics` in a rerun's selection: the request named its metrics."""
SAMPLED_OUT: Final = Skipped(SkipReason.SAMPLED_OUT, ("Sampling skipped",))


def draw(phase: int, rate: float) -> tuple[bool, int]:
    """Whether the next call is measured, and the accumulator after it."""
    left = phase - round(rate * WHOLE)
    return (True, left + WHOLE) if left < 0 else (False, left)


def leave_out(rerun: Rerun, call: CallLog, versions: Sequence[MetricVersion]) -> None:
    """Draw for a call that came in, and store a row for each metric that it is left out of.

    A call that is sent again keeps what was drawn for it. The caller is in a transaction; the metrics' rows
    stay locked until it ends, in the order of their ids."""
    rate = call.project.sample_rate
    if rate >= 1.0 or not versions:
        return
    ids = [version.metric_id for version in versions]
    metrics = Metric.objects.filter(pk__in=ids, sampling_enabled=True).order_by("pk")
    drawn = {
        metric_id: reason == SkipReason.SAMPLED_OUT.value
        for metric_id, reason in MetricResult.objects.filter(
            call=call, is_current=True, metric_id__in=ids
        ).values_list("metric_id", "reason")
    }
    out = set()
    for pk, phase in metrics.select_for_update(no_key=True).values_list("pk", "sampling_phase"):
        if pk in drawn:
            measured = not drawn[pk]
        else:
            measured, after = draw(phase, rate)
            Metric.objects.filter(pk=pk).update(sampling_phase=after)
        if not measured:
            out.add(pk)
    results = [
        NewResult(0, rerun.pk, call.pk, call.content_hash, spec_of(version), SAMPLED_OUT)
        for version in versions
        if version.metric_id in out
    ]
    if results:
        store_unleased(results)


def stay_out(rerun: Rerun, call_ids: Collection[int]) -> set[tuple[int, int]]:
    """Calls and metrics, by id, that a rerun leaves as they are: a rerun does not draw again. It measures
    them where it names its metrics, or where a metric is no longer sampled."""
    if rerun.kind == RerunKind.LIVE or rerun.selection.get("metrics") == NAMED:
        return set()
    return set(
        MetricResult.objects.filter(
            call_id__in=call_ids,
            is_current=True,
            outcome=ResultOutcome.SKIPPED,
            reason=SkipReason.SAMPLED_OUT.value,
            metric__sampling_enabled=True,
        ).values_list("call_id", "metric_id")
    )

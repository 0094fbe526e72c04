"""A call as it was scored then, or by a version of a metric."""

from __future__ import annotations

from collections.abc import Sequence

from callgauge.domain.rubric import decide
from callgauge.flow.call_fields import timestamp_field
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import as_id
from callgauge.flow.settle import load_rubric, read_outcome
from callgauge.store.models import CallLog, Metric
from callgauge.store.result_history import Then
from callgauge.store.result_queries import ResultRow


def read_then(as_of: str, versions: Sequence[str]) -> Then:
    """`versions`: METRIC:NUMBER each, or several with commas between. Raises Invalid."""
    moment = timestamp_field("as_of", as_of.strip()) if as_of.strip() else None
    wanted: dict[int, int] = {}
    for part in (part.strip() for text in versions for part in text.split(",")):
        if not part:
            continue
        metric, _, number = part.partition(":")
        metric_id, version = as_id(metric), as_id(number)
        if metric_id is None or version is None:
            raise Invalid.field(
                "metric_version", "Write the number of a metric and of its version, such as 12:3."
            )
        wanted[metric_id] = version
    return Then(moment, wanted)


def check_versions(project_ids: Sequence[int], then: Then) -> None:
    """Raises Invalid for a metric or a version that there is not."""
    for metric_id, number in then.versions.items():
        known = Metric.objects.filter(pk=metric_id, project__in=project_ids, versions__number=number)
        if not known.exists():
            raise Invalid.field(
                "metric_version", f"There is no version {number} of a metric {metric_id} here."
            )


def verdict_of(call: CallLog, rows: Sequence[ResultRow]) -> bool | None:
    """What today's rubric says of these results; people's answers are not counted."""
    outcomes = {row.metric_id: read_outcome(row) for row in rows}
    return decide(load_rubric(call.project_id), outcomes).success

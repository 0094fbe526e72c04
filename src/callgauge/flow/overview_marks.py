"""What became another in the time that the overview shows: versions and judges, as the results have them, and
the rubric. A metric whose old calls were measured again has one version on all days, and no mark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callgauge.flow.overview import Figures
from callgauge.store.models import Metric, MetricVersion, Project, RubricChange


@dataclass(frozen=True, slots=True)
class Change:
    index: int
    """Of the first bucket that is different."""
    words: str
    metric_id: int | None
    """None: the rubric."""


def changes_in(figures: Figures, project: Project, metrics: Sequence[Metric]) -> list[Change]:
    names = {metric.pk: metric.name for metric in metrics}
    ids = {row.version_id for bucket in figures.buckets for row in bucket.results}
    numbers = dict(MetricVersion.objects.filter(pk__in=ids).values_list("pk", "number"))
    found = [*_rubric_changes(figures, project), *_measured_otherwise(figures, names, numbers)]
    return sorted(found, key=lambda change: change.index)


def _rubric_changes(figures: Figures, project: Project) -> list[Change]:
    window = figures.window
    rows = RubricChange.objects.filter(
        project=project, created_at__gte=window.start, created_at__lt=window.end
    ).order_by("id")
    by_bucket = {f"{row.created_at:%Y-%m-%d %H}"[: window.chars]: row.version for row in rows}
    return [
        Change(index, f"Rubric: version {by_bucket[name]}", None)
        for index, name in enumerate(window.buckets)
        if name in by_bucket
    ]


def _measured_otherwise(
    figures: Figures, names: Mapping[int, str], numbers: Mapping[int, int]
) -> list[Change]:
    before: dict[int, tuple[set[int], set[str]]] = {}
    found: list[Change] = []
    for index, bucket in enumerate(figures.buckets):
        versions: dict[int, set[int]] = defaultdict(set)
        judges: dict[int, set[str]] = defaultdict(set)
        for row in bucket.results:
            if row.metric_id in names and row.scored:
                versions[row.metric_id].add(row.version_id)
                judges[row.metric_id] |= {row.judge} - {""}
        for metric_id, now in versions.items():
            name, judge = names[metric_id], judges[metric_id]
            if metric_id in before:
                then, old_judge = before[metric_id]
                for version in sorted(now - then, key=lambda one: numbers.get(one, 0)):
                    found.append(Change(index, f"{name}: version {numbers.get(version, '?')}", metric_id))
                found += [
                    Change(index, f"{name}: judged by {one}", metric_id)
                    for one in sorted(judge - old_judge)
                    if old_judge
                ]
                then |= now  # a version that is seen again later is no news
                old_judge |= judge
            else:
                before[metric_id] = (set(now), set(judge))
    return found

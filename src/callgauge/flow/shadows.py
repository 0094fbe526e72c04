"""A version beside the one in use: it measures the calls that come in, and decides nothing.

Its results stand aside: they never become current, settle no call, and nobody is told of them. Taken into use
later, they hold at once (flow.reuse).
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from callgauge.flow import ledger
from callgauge.flow.audit import audited
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import Who, require_change
from callgauge.store.models import CallLog, Metric, MetricVersion, Rerun, RerunKind, Shadow
from callgauge.store.prepared import Prepared

_RUNNING = Prepared(
    lambda project: Shadow.objects.filter(ended_at=None, metric__project_id=project).order_by("metric_id"),
    int,
)


@audited("metric.shadow_started", at=1)
def start_shadow(who: Who, metric: Metric, version: MetricVersion) -> Shadow:
    """From the next call on; another shadow of the metric ends. Raises Invalid for the version in use."""
    require_change(who)
    if metric.current_version_id == version.pk:
        raise Invalid.field("version", "This version is in use: a shadow is another one.")
    running = shadow_of(metric)
    if running is not None and running.version_id == version.pk:
        return running
    stop_shadow(who, metric)
    return Shadow.objects.create(metric=metric, version=version)


@audited("metric.shadow_ended", at=1)
def stop_shadow(who: Who, metric: Metric) -> bool:
    """Whether there was one. Its results stay."""
    require_change(who)
    return bool(Shadow.objects.filter(metric=metric, ended_at=None).update(ended_at=timezone.now()))


def shadow_of(metric: Metric) -> Shadow | None:
    return Shadow.objects.filter(metric=metric, ended_at=None).select_related("version").first()


def measure_beside(call: CallLog, versions: Sequence[MetricVersion]) -> None:
    """Plan the shadows of the metrics that a call is measured with. The caller is in a transaction."""
    if not versions:
        return
    measured = {version.metric_id for version in versions}
    used = {version.pk for version in versions}
    beside = [
        shadow.version_id
        for shadow in _RUNNING(call.project_id)
        if shadow.metric_id in measured and shadow.version_id not in used
    ]
    if not beside:
        return
    rerun = Rerun.objects.create(
        project_id=call.project_id,
        agent_id=call.agent_id,
        kind=RerunKind.SHADOW,
        aside=True,
        metric_version_ids=beside,
        judge_model=settings.CALLGAUGE.judge,
        planned_at=timezone.now(),
        total_calls=1,
        total=len(beside),
        last_call_id=call.pk,
        planned_through=call.pk,
    )
    ledger.add_chunks(rerun, [call.pk])

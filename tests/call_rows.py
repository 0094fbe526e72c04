"""Calls, metrics and results put straight into the database, for tests of what is shown."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone

from callgauge.store.models import (
    Agent,
    CallLog,
    CallPayload,
    Metric,
    MetricResult,
    MetricVersion,
    Project,
    Rerun,
    RerunKind,
)

TURNS = [
    {"role": "Main Agent", "content": "Good morning.", "time": "0:00", "start_time": 0.0, "end_time": 1.5},
    {
        "role": "Testing Agent",
        "content": "A table, please.",
        "time": "0:02",
        "start_time": 2.0,
        "end_time": 3,
    },
]


def call_row(agent: Agent, call_id: str, *, payload: dict[str, Any] | None = None, **fields: Any) -> CallLog:
    call = CallLog.objects.create(
        project_id=agent.project_id,
        agent=agent,
        call_id=call_id,
        content_hash="0" * 64,
        **{"timestamp": timezone.now(), "duration_secs": 70.0} | fields,
    )
    texts = {"turns": json.dumps(TURNS), "transcript": "[00:00] Main Agent: Good morning."}
    CallPayload.objects.create(call=call, **texts | (payload or {}))
    return call


def metric_row(project: Project, name: str, eval_type: str = "binary", **fields: Any) -> Metric:
    metric = Metric.objects.create(
        project=project, name=name, slug=name.lower().replace(" ", "-"), display_order=fields.pop("order", 0)
    )
    metric.current_version = MetricVersion.objects.create(
        metric=metric,
        number=1,
        name=name,
        kind="llm_judge",
        eval_type=eval_type,
        content_hash="0" * 64,
        **fields,
    )
    metric.save()
    return metric


def rerun_row(agent: Agent, *metrics: Metric, **fields: Any) -> Rerun:
    return Rerun.objects.create(
        project_id=agent.project_id,
        agent=agent,
        kind=RerunKind.RERUN,
        metric_version_ids=[metric.current_version_id for metric in metrics],
        **{"planned_at": timezone.now()} | fields,
    )


def result_row(call: CallLog, metric: Metric, rerun: Rerun, **fields: Any) -> MetricResult:
    return MetricResult.objects.create(
        call=call,
        metric=metric,
        version_id=metric.current_version_id,
        rerun=rerun,
        input_hash=call.content_hash,
        **{"outcome": "scored", "is_current": True, "explanation": '["Because."]'} | fields,
    )

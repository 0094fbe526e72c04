"""Calls and metrics as rows, for tests that do not care how they came in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from callgauge.domain.calls import Role, Turn, transcript_text
from callgauge.flow.metrics import MetricChange, create_metric
from callgauge.formats import to_wire
from callgauge.store.models import Agent, CallLog, CallPayload, Metric, Project

TURNS = (
    Turn(Role.AGENT, "Bella Vista, how can I help?", 0.0, 2.0),
    Turn(Role.CALLER, "A table for four on Friday, please.", 2.4, 4.5),
    Turn(Role.AGENT, "Friday, four people. Booked.", 5.0, 7.0),
)


def make_call(agent: Agent, call_id: str, turns: Sequence[Turn] = TURNS, **fields: Any) -> CallLog:
    call = CallLog.objects.create(
        project_id=agent.project_id,
        agent=agent,
        call_id=call_id,
        timestamp=fields.pop("timestamp", timezone.now()),
        content_hash=fields.pop("content_hash", call_id),
        **fields,
    )
    CallPayload.objects.create(call=call, turns=json.dumps(to_wire(turns)), transcript=transcript_text(turns))
    return call


def make_calls(agent: Agent, count: int, prefix: str = "call") -> list[CallLog]:
    calls = CallLog.objects.bulk_create(
        CallLog(
            project_id=agent.project_id,
            agent=agent,
            call_id=f"{prefix}-{number}",
            timestamp=timezone.now(),
            content_hash=f"{prefix}-{number}",
        )
        for number in range(count)
    )
    turns, text = json.dumps(to_wire(TURNS)), transcript_text(TURNS)
    CallPayload.objects.bulk_create(CallPayload(call=call, turns=turns, transcript=text) for call in calls)
    return calls


def make_metric(
    project: Project, name: str, description: str = "Did the agent confirm?", **frozen: Any
) -> Metric:
    return create_metric(
        project,
        MetricChange(
            frozen={
                "name": name,
                "kind": "llm_judge",
                "eval_type": "binary",
                "description": description,
                **frozen,
            }
        ),
    )

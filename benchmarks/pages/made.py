"""Calls by the hundred thousand, and one call of an hour, written straight into a data folder's database."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from django.utils import timezone

from callgauge.domain.calls import Role, Turn, transcript_text
from callgauge.flow.people import NewAccount, create_user
from callgauge.formats import to_wire
from callgauge.store.models import (
    Agent,
    CallLog,
    CallPayload,
    Metric,
    MetricResult,
    MetricVersion,
    Organization,
    Project,
    Rerun,
)
from callgauge.store.models import (
    Role as MemberRole,
)

EMAIL, PASSWORD = "bench@example.com", "correct horse battery"
BATCH = 2_000
METRICS = 5
SENTENCE = "a table for four on Friday please and could we have it by the window if there is one"
WORDS = SENTENCE.split()


def make(calls: int) -> tuple[int, int]:
    """Gives the ids of the project and of a call of 60 minutes and 1,000 turns."""
    create_user(NewAccount(EMAIL, PASSWORD), "bench", MemberRole.OWNER)
    project = Project.objects.get(organization=Organization.objects.get(name="bench"))
    agents = [Agent.objects.create(project=project, name=f"Agent {number}") for number in range(3)]
    metrics = [_metric(project, number) for number in range(METRICS)]
    rerun = Rerun.objects.create(project=project, kind="rerun", planned_at=timezone.now(), state="done")
    dice = random.Random(7)
    for start in range(0, calls, BATCH):
        _batch(project, agents, metrics, rerun, dice, range(start, min(start + BATCH, calls)))
    return project.pk, _long(project, agents[0], metrics, rerun)


def _metric(project: Project, number: int) -> Metric:
    metric = Metric.objects.create(project=project, name=f"Metric {number}", slug=f"metric-{number}")
    metric.current_version = MetricVersion.objects.create(
        metric=metric, number=1, name=metric.name, kind="llm_judge", eval_type="binary", content_hash="0" * 64
    )
    metric.save()
    return metric


def _batch(
    project: Project,
    agents: list[Agent],
    metrics: list[Metric],
    rerun: Rerun,
    dice: random.Random,
    numbers: range,
) -> None:
    now = timezone.now()
    rows = CallLog.objects.bulk_create(
        CallLog(
            project=project,
            agent=agents[number % len(agents)],
            call_id=f"call-{number:07}",
            timestamp=now - timedelta(seconds=40 * number),
            duration_secs=dice.uniform(20, 900),
            success=dice.random() < 0.8,
            call_ended_reason="customer-ended-call",
            content_hash="0" * 64,
        )
        for number in numbers
    )
    text = transcript_text([Turn(Role.CALLER, " ".join(WORDS), 3.0 * i, 3.0 * i + 2) for i in range(20)])
    CallPayload.objects.bulk_create(CallPayload(call=row, transcript=text) for row in rows)
    MetricResult.objects.bulk_create(
        MetricResult(
            call=row,
            metric=metric,
            version_id=metric.current_version_id,
            rerun=rerun,
            outcome="scored",
            passed=dice.random() < 0.8,
            explanation='["Because the agent said so."]',
            input_hash="0" * 64,
            is_current=True,
        )
        for row in rows
        for metric in metrics
    )


def _long(project: Project, agent: Agent, metrics: list[Metric], rerun: Rerun) -> int:
    sides = (Role.AGENT, Role.CALLER)
    turns = [
        Turn(sides[i % 2], " ".join(WORDS[i % 7 :]) * (1 + i % 3), 3.6 * i, 3.6 * i + 2.4 + (i % 9) / 5)
        for i in range(1000)
    ]
    call = CallLog.objects.create(
        project=project,
        agent=agent,
        call_id="an-hour",
        timestamp=timezone.now(),
        duration_secs=3600.0,
        content_hash="0" * 64,
    )
    CallPayload.objects.create(call=call, turns=json.dumps(to_wire(turns)), transcript=transcript_text(turns))
    for metric in metrics:
        evidence = [
            {"quote": "a table for four", "turn": 7 * one, "start_secs": 25.2 * one, "found": True}
            for one in range(10)
        ]
        MetricResult.objects.create(
            call=call,
            metric=metric,
            version_id=metric.current_version_id,
            rerun=rerun,
            outcome="scored",
            passed=False,
            explanation='["Because the agent said so."]',
            extra=json.dumps({"evidence": evidence}),
            input_hash="0" * 64,
            is_current=True,
        )
    return call.pk

"""Measuring the judge's own noise: the same version of the same calls, several times, beside everything."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from callgauge.engine.identity import may_ask
from callgauge.flow import ledger
from callgauge.flow.audit import record
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics import current_version, spec_of
from callgauge.flow.prices import check_cap
from callgauge.flow.scope import Who, asked_by, require_change
from callgauge.flow.wake import announce_work
from callgauge.store.models import Agent, CallLog, Metric, Rerun, RerunKind, Reuse
from callgauge.store.turns import write_turn

MOST_CALLS: Final = 1_000
MOST_TIMES: Final = 10


def measure_noise(
    who: Who,
    metric: Metric,
    agent: Agent,
    *,
    calls: int,
    times: int,
    max_cost_usd: float | None = None,
) -> list[Rerun]:
    """Judge calls of an agent, spread over all of them, `times` times more. The results never become current,
    and decide nothing. A cap holds for each of the reruns. Raises Invalid."""
    require_change(who)
    version = current_version(metric)
    spec = spec_of(version)
    if not may_ask(spec):
        raise Invalid.field("metric", "No judge is asked for this metric, so it has no noise.")
    if not 1 <= calls <= MOST_CALLS:
        raise Invalid.field("calls", f"Write a number from 1 to {MOST_CALLS}.")
    if not 1 <= times <= MOST_TIMES:
        raise Invalid.field("times", f"Write a number from 1 to {MOST_TIMES}.")
    check_cap([spec], max_cost_usd)
    ids = _spread(agent, calls)
    if not ids:
        raise Invalid.field("agent_id", "This agent has no calls.")
    with write_turn(), transaction.atomic():
        reruns = [
            Rerun.objects.create(
                project_id=agent.project_id,
                agent=agent,
                kind=RerunKind.NOISE,
                aside=True,
                reuse=Reuse.DETERMINISTIC,
                **asked_by(who),
                selection={"calls": len(ids), "metrics": "named", "round": number + 1, "of": times},
                metric_version_ids=[version.pk],
                judge_model=settings.CALLGAUGE.judge,
                max_cost_usd=max_cost_usd,
                planned_at=timezone.now(),
                total_calls=len(ids),
                total=len(ids),
            )
            for number in range(times)
        ]
        for rerun in reruns:
            ledger.add_chunks(rerun, ids)
            record("rerun.requested", rerun, calls=len(ids))
        announce_work()
    return reruns


def _spread(agent: Agent, most: int) -> list[int]:
    ids = list(
        CallLog.objects.filter(agent=agent, deleted_at=None).order_by("id").values_list("pk", flat=True)
    )
    if len(ids) <= most:
        return ids
    return [ids[place * len(ids) // most] for place in range(most)]

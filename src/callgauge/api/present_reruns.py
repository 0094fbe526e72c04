"""Reruns and plans as ours show them; what both have is named alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from callgauge.flow.batches import AtProvider, at_provider
from callgauge.flow.estimates import Estimate
from callgauge.flow.plan import STATES, MetricPlan, Plan
from callgauge.flow.plan_words import plan_words
from callgauge.flow.progress import progress_of
from callgauge.store.models import UNFINISHED, Rerun


def present_reruns(reruns: Sequence[Rerun]) -> list[dict[str, Any]]:
    waiting = at_provider([rerun.pk for rerun in reruns if rerun.state in UNFINISHED])
    return [_present(rerun, waiting.get(rerun.pk, AtProvider())) for rerun in reruns]


def _present(rerun: Rerun, waiting: AtProvider) -> dict[str, Any]:
    progress = progress_of(rerun)
    return {
        "id": rerun.pk,
        "state": rerun.state,
        "kind": rerun.kind,
        "project": rerun.project_id,
        "agent": rerun.agent_id,
        "calls": rerun.selection.get("calls"),
        "narrowed": {name: rerun.selection[name] for name in _NARROWED if name in rerun.selection},
        "metric_versions": rerun.metric_version_ids,
        "judge_model": rerun.judge_model,
        "reuse": rerun.reuse,
        "follows": rerun.follows,
        "notify": rerun.notify,
        "planned": rerun.planned_at is not None,
        "total_calls": rerun.total_calls,
        "settled_calls": rerun.settled_calls,
        "failed_calls": rerun.failed_calls,
        "total": rerun.total,
        "scored": rerun.scored,
        "skipped": rerun.skipped,
        "failed": rerun.failed,
        "reused": rerun.reused,
        "waiting_at_provider": asdict(waiting),
        "judge_requests": rerun.judge_requests,
        "input_tokens": rerun.input_tokens,
        "cached_tokens": rerun.cached_tokens,
        "output_tokens": rerun.output_tokens,
        "cost_usd": progress.cost.known_usd,
        "unpriced_requests": progress.cost.unpriced,
        "max_cost_usd": rerun.max_cost_usd,
        "pause_reason": rerun.pause_reason or None,
        "message": progress.words,
        "results_per_sec": _rounded(progress.per_sec, 3),
        "secs_left": _rounded(progress.secs_left, 1),
        "elapsed_secs": round(progress.elapsed_secs, 3),
        "created_at": rerun.created_at,
        "started_at": rerun.started_at,
        "finished_at": rerun.finished_at,
    }


_NARROWED = ("filters", "view", "since", "until")


def present_plan(plan: Plan) -> dict[str, Any]:
    return {
        "agent": plan.agent.pk,
        "total_calls": plan.calls,
        "total": plan.calls * len(plan.metrics),
        "reuse": plan.reuse,
        "states": _states(plan.states),
        "to_measure": plan.to_measure,
        "reused": plan.reused,
        **_estimate(plan.estimate),
        "metrics": [_metric(one) for one in plan.metrics],
        "summary": plan_words(plan),
    }


def _metric(one: MetricPlan) -> dict[str, Any]:
    return {
        "id": one.version.metric_id,
        "name": one.version.name,
        "version": one.version.number,
        "type": one.version.kind,
        "states": _states(one.states),
        "changed_by": dict(one.because),
        "to_measure": len(one.to_measure),
        "reused": one.reused,
        **_estimate(one.estimate),
    }


def _states(found: Any) -> dict[str, int]:
    return {name: found.get(name, 0) for name in STATES}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.spread
    cost = estimate.cost_usd
    return {
        "judge_requests": round(estimate.requests),
        "input_tokens": round(estimate.input_tokens),
        "cached_tokens": round(estimate.cached_tokens),
        "output_tokens": round(estimate.output_tokens),
        "cost_usd": cost,
        "cost_low_usd": None if cost is None else cost * low,
        "cost_high_usd": None if cost is None else cost * high,
        "secs": round(estimate.secs, 1),
        "secs_low": round(estimate.secs_range[0], 1),
        "secs_high": round(estimate.secs_range[1], 1),
        "based_on_requests": estimate.seen,
    }


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)

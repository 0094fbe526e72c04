"""A difference as JSON and as CSV: figures, the words for them, and the flips."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from callgauge.engine.difference import Pair, Side
from callgauge.engine.statistics import Confusion
from callgauge.flow.difference import Difference, OfMetric, changed_fields
from callgauge.store.models import Agent, CallLog, MetricResult

MOST_FLIPS = 200
"""In JSON, for each metric; the CSV has all."""


def present_difference(found: Difference) -> dict[str, Any]:
    ids = {agent.agent_id for one in found.metrics for agent in one.figures.agents}
    agents = dict(Agent.objects.filter(pk__in=ids - {None}).values_list("pk", "name"))
    return {
        "rerun": None if found.rerun is None else found.rerun.pk,
        "against": None if found.against is None else found.against.pk,
        "unfinished": found.unfinished,
        "summary": found.summary,
        "metrics": [_metric(one, agents) for one in found.metrics],
    }


def _metric(one: OfMetric, agents: Mapping[int, str]) -> dict[str, Any]:
    figures = one.figures
    return {
        "id": one.metric_id,
        "name": one.name,
        "before_version": None if one.before is None else one.before.number,
        "after_version": one.after.number,
        "other_versions_before": one.other_versions,
        "changed": changed_fields(one.before, one.after),
        "words": one.words,
        "type": figures.eval_type,
        "n": figures.n,
        "flips": asdict(figures.flips),
        "table": figures.table and asdict(figures.table),
        "labels": figures.labels and _confusion(figures.labels),
        "pass_rate_before": figures.before and asdict(figures.before),
        "pass_rate_after": figures.after and asdict(figures.after),
        "numbers": figures.numbers and asdict(figures.numbers),
        "change": figures.change,
        "change_interval": figures.change_interval and asdict(figures.change_interval),
        "p_value": figures.p_value,
        "p_adjusted": figures.p_adjusted,
        "metrics_at_once": figures.metrics_at_once,
        "unchanged": figures.unchanged,
        "distribution": figures.distribution and asdict(figures.distribution),
        "agents": [{**asdict(one), "name": agents.get(one.agent_id or 0, "")} for one in figures.agents],
        "became_inapplicable": figures.became_inapplicable,
        "became_applicable": figures.became_applicable,
        "new": figures.new,
        "failed_before": figures.failed_before,
        "failed_after": figures.failed_after,
        "people": figures.people and asdict(figures.people),
        "noise": figures.noise and asdict(figures.noise),
        "within_noise": figures.within_noise,
        "cost_before_usd": figures.cost_before.known_usd,
        "cost_after_usd": figures.cost_after.known_usd,
        "unpriced_before": figures.cost_before.unpriced,
        "unpriced_after": figures.cost_after.unpriced,
        "flipped_calls": _flips(figures.flipped[:MOST_FLIPS]),
        "flipped_calls_total": len(figures.flipped),
    }


def _confusion(table: Confusion) -> dict[str, Any]:
    return {"labels": list(table.labels), "counts": [list(row) for row in table.counts]}


def _flips(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    names = dict(CallLog.objects.filter(pk__in=[p.call_id for p in pairs]).values_list("pk", "call_id"))
    ids = [side.result_id for pair in pairs for side in (pair.before, pair.after) if side.result_id]
    told = dict(MetricResult.objects.filter(pk__in=ids).values_list("pk", "explanation"))
    return [
        {
            "call_log_id": pair.call_id,
            "call_id": names.get(pair.call_id, ""),
            "before": _side(pair.before, told),
            "after": _side(pair.after, told),
            "reviewed": pair.reviewed,
            "expected_value": pair.said,
        }
        for pair in pairs
    ]


def _side(side: Side, told: dict[int, str]) -> dict[str, Any]:
    return {
        "outcome": side.came.value,
        "value": side.value,
        "result_id": side.result_id,
        "low_trust": side.low_trust,
        "explanation": json.loads(told.get(side.result_id or 0, "[]")),
    }


def csv_of(found: Difference) -> str:
    """A row for each call and metric that was compared."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(("metric_id", "metric", "call_log_id", "before", "after", "flipped", "reviewed", "said"))
    for one in found.metrics:
        for pair in one.pairs:
            table.writerow(
                (
                    one.metric_id,
                    safe_cell(one.name),
                    pair.call_id,
                    _cell(pair.before),
                    _cell(pair.after),
                    pair.flipped(one.figures.eval_type),
                    pair.reviewed,
                    ""
                    if not pair.reviewed
                    else safe_cell("not applicable" if pair.said is None else pair.said),
                )
            )
    return out.getvalue()


def _cell(side: Side) -> Any:
    return side.came.value if side.value is None else safe_cell(side.value)


def safe_cell(value: Any) -> Any:
    """A spreadsheet would run a text that begins like a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value

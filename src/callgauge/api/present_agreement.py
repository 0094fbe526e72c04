"""Agreement, golden sets and gates on the wire."""

from __future__ import annotations

from typing import Any

from callgauge.engine.agreement import Agreement, in_words
from callgauge.engine.statistics import Interval, Proportion
from callgauge.flow.agreement import VersionAgreement
from callgauge.flow.gate import Flip, Gate
from callgauge.store.models import GoldenCase, GoldenSet, Metric, MetricVersion


def present_agreement(found: Agreement, *, who: str = "the machine") -> dict[str, Any]:
    """Below 20 cases there are counts and no interval."""
    table = found.table
    return {
        "n": found.n,
        "enough": found.enough,
        "words": in_words(found, who=who),
        "accuracy": _share(found.agreed),
        "kappa": None
        if found.kappa is None
        else {"value": found.kappa.value, "interval": _interval(found.kappa.interval)},
        "f1": [
            {
                "label": label,
                "value": one.value,
                "precision": one.precision,
                "recall": one.recall,
                "interval": _interval(one.interval),
            }
            for label, one in found.f1
        ],
        "confusion": None if table is None else {"labels": list(table.labels), "counts": list(table.counts)},
        "mean_difference": found.mean_difference,
    }


def present_version(one: VersionAgreement) -> dict[str, Any]:
    return {
        **_version(one.version),
        "meaning": one.version.meaning,
        "labels": one.labels,
        "stale": one.stale,
        "failed": one.failed,
        "not_measured": one.not_measured,
        **present_agreement(one.agreement),
    }


def present_gate(gate: Gate, metric: Metric, golden: GoldenSet | None) -> dict[str, Any]:
    return {
        "state": gate.state,
        "metric": {"id": metric.pk, "name": metric.name},
        "golden_set": None if golden is None else {"id": golden.pk, "name": golden.name},
        **_version(gate.version),
        "baseline": None if gate.baseline is None else gate.baseline.number,
        "checks": [
            {
                "name": check.name,
                "limit": check.limit,
                "value": check.value,
                "passed": check.passed,
                "text": check.text,
            }
            for check in gate.checks
        ],
        "agreement": present_agreement(gate.agreement),
        "missing": list(gate.missing),
        "failed": list(gate.failed),
        "stale": gate.stale,
        "regressions": [_flip(flip) for flip in gate.regressions],
        "gains": [_flip(flip) for flip in gate.gains],
        "p_value": gate.p_value,
    }


def present_golden_set(golden: GoldenSet) -> dict[str, Any]:
    return {
        "id": golden.pk,
        "name": golden.name,
        "description": golden.description,
        "project": golden.project_id,
        "cases": getattr(golden, "number", 0),
        "created_by": golden.created_by,
        "created_at": golden.created_at,
        "updated_at": golden.updated_at,
    }


def present_case(case: GoldenCase) -> dict[str, Any]:
    review = case.review
    today = case.metric.current_version
    return {
        "id": case.pk,
        "call_log_id": case.call_id,
        "call_id": case.call.call_id,
        "metric_id": case.metric_id,
        "metric_name": case.metric.name,
        "expected_value": case.expected_value,
        "note": case.note,
        "stale": today is not None and today.meaning != case.meaning,
        "review": case.review_id,
        "differs_from_its_review": review is not None and review.expected_value != case.expected_value,
    }


def _version(version: MetricVersion) -> dict[str, Any]:
    return {"version": version.number, "version_id": version.pk, "eval_type": version.eval_type}


def _share(share: Proportion) -> dict[str, Any]:
    return {"count": share.count, "value": share.value, "interval": _interval(share.interval)}


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "call_log_id": flip.call_id,
        "expected": flip.expected,
        "before": flip.before,
        "now": flip.now,
    }

"""The gate: is a metric version good enough, by calls whose answers are known?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import transaction

from callgauge.domain.agreeing import agrees
from callgauge.domain.metrics import EvalType
from callgauge.engine.agreement import Agreement
from callgauge.engine.statistics import PairedTable, mcnemar
from callgauge.flow.agreement import compare_values, labels_of, measured_by
from callgauge.flow.errors import Invalid
from callgauge.flow.golden import cases_of
from callgauge.flow.metrics import current_version
from callgauge.flow.rerun import request_evaluation
from callgauge.flow.scope import Who
from callgauge.store.models import GoldenSet, Metric, MetricResult, MetricVersion, Rerun

State = Literal["passed", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Limits:
    min_kappa: float | None = None
    min_accuracy: float | None = None
    max_regressions: int | None = None
    min_cases: int = 1


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    limit: float
    value: float | None
    """None where it is not defined."""
    passed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A call that one of two versions had right."""

    call_id: int
    expected: Any
    before: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Gate:
    state: State
    version: MetricVersion
    baseline: MetricVersion | None
    agreement: Agreement
    checks: Sequence[Check]
    missing: Sequence[int]
    """Calls that the version has not measured."""
    failed: Sequence[int]
    """Calls on which it could not be computed."""
    stale: int
    """Answers to a question that meant something else: not used."""
    regressions: Sequence[Flip] = field(default_factory=tuple)
    gains: Sequence[Flip] = field(default_factory=tuple)
    p_value: float | None = None
    """Of regressions against gains (McNemar, exact); None without a baseline."""


def hold_to(
    metric: Metric,
    golden: GoldenSet | None,
    limits: Limits,
    *,
    version: MetricVersion | None = None,
    baseline: MetricVersion | None = None,
) -> Gate:
    """Compare a version (today's) with the known answers, and with an earlier one (the newest that measured
    some of these calls). Nothing is measured and nothing is asked of a judge. Raises Invalid."""
    version = version or current_version(metric)
    known, stale = _known(metric, golden, version)
    results = measured_by(version, known)
    values = {call: one.value for call, one in results.values.items()}
    agreement = compare_values(version, [(known[call], value) for call, value in values.items()])
    baseline = baseline or _baseline(version, list(known))
    regressions, gains, p_value = _flips(version, baseline, known, values)
    missing = [call for call in known if call not in values and call not in results.failed]
    checks = _checks(limits, agreement, baseline, len(regressions))
    undecided = bool(missing or results.failed or agreement.n < max(1, limits.min_cases))
    return Gate(
        state="incomplete" if undecided else "passed" if all(check.passed for check in checks) else "failed",
        version=version,
        baseline=baseline,
        agreement=agreement,
        checks=checks,
        missing=missing,
        failed=sorted(results.failed),
        stale=stale,
        regressions=regressions,
        gains=gains,
        p_value=p_value,
    )


@transaction.atomic
def measure_missing(who: Who, metric: Metric, golden: GoldenSet | None) -> list[Rerun]:
    """Measure today's version on those calls that it has not measured, or not without a failure.

    Raises Invalid where the metric does not measure them."""
    found = hold_to(metric, golden, Limits())
    wanted = [*found.missing, *found.failed]
    return request_evaluation(who, metric.project, wanted, [metric.pk]) if wanted else []


def _known(metric: Metric, golden: GoldenSet | None, version: MetricVersion) -> tuple[dict[int, Any], int]:
    """The right answers by call, and how many are stale: of a golden set, or else all that people gave."""
    if golden is None:
        rows = list(labels_of(metric).order_by("call_id").values_list("call_id", "meaning", "expected_value"))
    else:
        if golden.project_id != metric.project_id:
            raise Invalid.field("golden_set", "The golden set is not of the metric's project.")
        cases = cases_of(golden).filter(metric=metric).order_by("call_id")
        rows = list(cases.values_list("call_id", "meaning", "expected_value"))
    known = {call: value for call, meaning, value in rows if meaning == version.meaning}
    return known, len(rows) - len(known)


def _baseline(version: MetricVersion, call_ids: Sequence[int]) -> MetricVersion | None:
    """The newest earlier version of the same meaning that has measured some of these calls."""
    measured = MetricResult.objects.filter(call_id__in=call_ids, metric_id=version.metric_id)
    earlier = MetricVersion.objects.filter(
        metric_id=version.metric_id, number__lt=version.number, meaning=version.meaning
    )
    return (
        earlier.filter(pk__in=measured.values_list("version_id", flat=True).distinct())
        .order_by("-number")
        .first()
    )


def _flips(
    version: MetricVersion, baseline: MetricVersion | None, known: Mapping[int, Any], now: Mapping[int, Any]
) -> tuple[list[Flip], list[Flip], float | None]:
    """Regressions, gains, and how likely flips as uneven as these are by chance."""
    if baseline is None:
        return [], [], None
    eval_type = EvalType(version.eval_type)
    before = {call: one.value for call, one in measured_by(baseline, now).values.items()}
    regressions, gains = [], []
    right_in_both = wrong_in_both = 0
    for call, old in before.items():
        flip = Flip(call, known[call], old, now[call])
        was, is_now = agrees(eval_type, known[call], old), agrees(eval_type, known[call], now[call])
        if was and not is_now:
            regressions.append(flip)
        elif is_now and not was:
            gains.append(flip)
        else:
            right_in_both += was
            wrong_in_both += not was
    table = PairedTable(right_in_both, len(regressions), len(gains), wrong_in_both)
    return regressions, gains, mcnemar(table)


def _checks(
    limits: Limits, agreement: Agreement, baseline: MetricVersion | None, regressions: int
) -> list[Check]:
    checks = []
    if limits.min_kappa is not None:
        checks.append(_kappa_check(limits.min_kappa, agreement))
    if limits.min_accuracy is not None:
        share = agreement.agreed.value
        words = "No call has both answers." if share is None else f"{share:.1%} of the answers agree"
        text = f"{words}; at least {limits.min_accuracy:.1%} are asked for."
        enough = share is not None and share >= limits.min_accuracy
        checks.append(Check("min_accuracy", limits.min_accuracy, share, enough, text))
    if limits.max_regressions is not None:
        text = (
            f"Version {baseline.number} was right on {regressions} of these calls that are wrong now; "
            f"at most {limits.max_regressions} may be."
            if baseline is not None
            else "No earlier version has measured these calls: there is nothing to regress from."
        )
        passed = regressions <= limits.max_regressions
        checks.append(Check("max_regressions", limits.max_regressions, regressions, passed, text))
    return checks


def _kappa_check(limit: float, agreement: Agreement) -> Check:
    if agreement.kappa is None:
        raise Invalid.field("min_kappa", "There is no kappa of numbers; use min_accuracy.")
    value = agreement.kappa.value
    if value is None:
        # Everybody always said the same, so nothing is left to correct for chance.
        passed = agreement.n > 0 and agreement.agreed.count == agreement.n
        text = "Kappa is not defined: everybody always said the same" + (", and agrees." if passed else ".")
        return Check("min_kappa", limit, None, passed, text)
    passed = value >= limit
    few = "" if agreement.enough else f" of {agreement.n} answers, which is too few to rely on"
    text = f"Kappa is {value:.3f}{few}; at least {limit:g} is asked for."
    return Check("min_kappa", limit, value, passed, text)

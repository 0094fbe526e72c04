"""How far a metric version agrees with people, and people with each other.

The machine's side is what that version measured itself, never what is shown today: a value that a person gave
is no evidence for the machine. The people's side are answers to a question that meant the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Q, QuerySet

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import SkipReason
from callgauge.engine.agreement import Agreement, Values, compare
from callgauge.flow.errors import Invalid
from callgauge.flow.review_reasons import Reason
from callgauge.store.models import Metric, MetricResult, MetricVersion, ResultOutcome, Review, ReviewRole

IDS_PER_QUERY: Final = 5_000
_INAPPLICABLE = (SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value)
ONLY = ("", "drawn", "blind")
"""Which answers: all; of calls drawn at random; given without the machine's value on the screen."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a version made of a call: a value, None for "not applicable"."""

    result_id: int
    value: Any
    explanation: str
    """JSON array of sentences."""


@dataclass(frozen=True, slots=True)
class Results:
    values: Mapping[int, Measured]
    """By call."""
    failed: Collection[int]
    """Calls on which the version could not be computed, and never was."""


@dataclass(frozen=True, slots=True)
class VersionAgreement:
    version: MetricVersion
    agreement: Agreement
    labels: int
    """Answers that count for what this version means."""
    stale: int
    failed: int
    not_measured: int


def measured_by(version: MetricVersion, call_ids: Iterable[int]) -> Results:
    """The newest usable result of a version on each of these calls, of what the call holds today."""
    wanted = list(call_ids)
    values: dict[int, Measured] = {}
    failed: set[int] = set()
    for start in range(0, len(wanted), IDS_PER_QUERY):
        rows = MetricResult.objects.filter(
            Q(outcome=ResultOutcome.SCORED)
            | Q(outcome=ResultOutcome.FAILED)
            | Q(outcome=ResultOutcome.SKIPPED, reason__in=_INAPPLICABLE),
            call_id__in=wanted[start : start + IDS_PER_QUERY],
            version=version,
            input_hash=F("call__content_hash"),
        ).order_by("id")
        for row in rows.only("call_id", "outcome", "passed", "number", "label", "explanation"):
            if row.outcome == ResultOutcome.FAILED:
                failed.add(row.call_id)
            else:
                values[row.call_id] = Measured(row.pk, _plain(row), row.explanation)
    return Results(values, failed - values.keys())


def _plain(row: MetricResult) -> bool | float | str | None:
    if row.passed is not None:
        return row.passed
    return row.number if row.number is not None else row.label


def labels_of(metric: Metric, *, only: str = "") -> QuerySet[Review]:
    """People's answers on a metric, stale ones among them. Raises Invalid."""
    labels = Review.objects.filter(
        metric=metric, is_current=True, has_expected_value=True, call__deleted_at=None
    )
    match only:
        case "":
            return labels
        case "drawn":
            return labels.filter(picked=Reason.NEVER_SEEN)
        case "blind":
            return labels.filter(is_blind=True)
        case _:
            raise Invalid.field("only", f"Write one of {', '.join(ONLY[1:])}.")


def agreement_by_version(
    metric: Metric, versions: Sequence[MetricVersion], *, only: str = ""
) -> list[VersionAgreement]:
    """Two queries per version, and one for the answers. Raises Invalid."""
    labels = list(labels_of(metric, only=only).values_list("call_id", "meaning", "expected_value"))
    return [_of_version(version, labels) for version in versions]


def _of_version(version: MetricVersion, labels: Sequence[tuple[int, int, Any]]) -> VersionAgreement:
    valid = {call_id: value for call_id, meaning, value in labels if meaning == version.meaning}
    results = measured_by(version, valid)
    pairs = [(said, results.values[call].value) for call, said in valid.items() if call in results.values]
    return VersionAgreement(
        version=version,
        agreement=compare_values(version, pairs),
        labels=len(valid),
        stale=len(labels) - len(valid),
        failed=len(results.failed),
        not_measured=len(valid) - len(pairs) - len(results.failed),
    )


def compare_values(version: MetricVersion, pairs: Sequence[Values]) -> Agreement:
    return compare(EvalType(version.eval_type), version.labels, pairs)


def between_people(metric: Metric) -> Agreement:
    """First answers against blind second ones, of what the metric means today."""
    version = metric.current_version
    assert version is not None
    seconds = Review.objects.filter(
        metric=metric,
        role=ReviewRole.SECOND,
        withdrawn_at=None,
        meaning=version.meaning,
        compared_with__withdrawn_at=None,
        compared_with__meaning=version.meaning,
        call__deleted_at=None,
    )
    pairs = list(seconds.values_list("compared_with__expected_value", "expected_value"))
    return compare_values(version, pairs)

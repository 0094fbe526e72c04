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
from callgauge.flow.metrics import current_version
from callgauge.flow.review_reasons import Reason
from callgauge.store.models import Metric, MetricResult, MetricVersion, ResultOutcome, Review, ReviewRole

IDS_PER_QUERY: Final = 5_000
_INAPPLICABLE = (SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value)
_Label = tuple[int, int, Any]
"""Call, meaning and value of an answer."""
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
    return _measured({version.pk: set(call_ids)})[version.pk]


def _measured(wanted: Mapping[int, Collection[int]]) -> dict[int, Results]:
    """The same for several versions, by id: as many queries as there are thousands of calls."""
    calls = sorted({call for ids in wanted.values() for call in ids})
    values: dict[int, dict[int, Measured]] = {version: {} for version in wanted}
    failed: dict[int, set[int]] = {version: set() for version in wanted}
    for start in range(0, len(calls), IDS_PER_QUERY):
        rows = MetricResult.objects.filter(
            Q(outcome=ResultOutcome.SCORED)
            | Q(outcome=ResultOutcome.FAILED)
            | Q(outcome=ResultOutcome.SKIPPED, reason__in=_INAPPLICABLE),
            call_id__in=calls[start : start + IDS_PER_QUERY],
            version__in=list(wanted),
            input_hash=F("call__content_hash"),
        ).order_by("id")
        columns = ("call_id", "version_id", "outcome", "passed", "number", "label", "explanation")
        for row in rows.only(*columns):
            if row.call_id not in wanted[row.version_id]:
                continue
            if row.outcome == ResultOutcome.FAILED:
                failed[row.version_id].add(row.call_id)
            else:
                values[row.version_id][row.call_id] = Measured(row.pk, _plain(row), row.explanation)
    return {pk: Results(values[pk], failed[pk] - values[pk].keys()) for pk in wanted}


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
    """In a few queries, however many versions there are. Raises Invalid."""
    labels = list(labels_of(metric, only=only).values_list("call_id", "meaning", "expected_value"))
    return _compared([(version, labels) for version in versions])


def agreement_today(metrics: Sequence[Metric]) -> list[VersionAgreement]:
    """Of each metric's current version. In a few queries, however many metrics there are."""
    rows = Review.objects.filter(
        metric__in=metrics, is_current=True, has_expected_value=True, call__deleted_at=None
    )
    labels: dict[int, list[_Label]] = {metric.pk: [] for metric in metrics}
    columns = ("metric_id", "call_id", "meaning", "expected_value")
    for metric_id, call_id, meaning, value in rows.values_list(*columns):
        labels[metric_id].append((call_id, meaning, value))
    return _compared([(current_version(metric), labels[metric.pk]) for metric in metrics])


def _compared(wanted: Sequence[tuple[MetricVersion, Sequence[_Label]]]) -> list[VersionAgreement]:
    valid = {
        version.pk: {call: value for call, meaning, value in labels if meaning == version.meaning}
        for version, labels in wanted
    }
    measured = _measured(valid)
    found = []
    for version, labels in wanted:
        said, results = valid[version.pk], measured[version.pk]
        values = results.values
        pairs = [(value, values[call].value) for call, value in said.items() if call in values]
        found.append(
            VersionAgreement(
                version=version,
                agreement=compare_values(version, pairs),
                labels=len(said),
                stale=len(labels) - len(said),
                failed=len(results.failed),
                not_measured=len(said) - len(pairs) - len(results.failed),
            )
        )
    return found


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

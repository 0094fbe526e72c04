"""Golden sets: named calls with known answers, to hold a metric to before it goes live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Count, F, QuerySet

from callgauge.domain.storable import is_storable
from callgauge.flow.agreement import labels_of
from callgauge.flow.audit import audited, record
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metrics import current_version
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.reviews import fitting
from callgauge.flow.scope import Who, as_id, projects_of
from callgauge.store.models import CallLog, GoldenCase, GoldenSet, Metric, Project, Review

MAX_CASES: Final = 5_000


def golden_sets_of(who: Who) -> QuerySet[GoldenSet]:
    return (
        GoldenSet.objects.filter(project__in=projects_of(who))
        .annotate(number=Count("cases"))
        .order_by("name")
    )


def find_golden_set(who: Who, id_or_name: Any) -> GoldenSet:
    """By id, or by its name where that is unique in what one sees. Raises NotFound and Invalid."""
    number, name = as_id(id_or_name), str(id_or_name).strip()
    if not is_storable(name):
        raise NotFound
    sets = golden_sets_of(who)
    found = list(sets.filter(pk=number)[:2]) if number else []
    if not found:
        found = list(sets.filter(name=name)[:2])
    if not found:
        raise NotFound
    if len(found) > 1:
        raise Invalid.field("golden_set", "Several projects have a golden set of this name; give its id.")
    return found[0]


def create_golden_set(project: Project, name: str, *, description: str = "", by: Reviewer) -> GoldenSet:
    """Raises Invalid where the project has one of that name."""
    for field, text in (("name", name), ("description", description)):
        if not is_storable(text):
            raise Invalid.field(field, "Null characters are not allowed.")
    try:
        with transaction.atomic():
            golden = GoldenSet.objects.create(
                project=project, name=name, description=description, created_by=by.name
            )
            record("golden.created", golden)
            return golden
    except IntegrityError:
        raise Invalid.field("name", "A golden set with this name already exists.") from None


def edit_golden_set(golden: GoldenSet, changes: Mapping[str, str]) -> GoldenSet:
    """Raises Invalid where the project has another of the new name."""
    for name, value in changes.items():
        setattr(golden, name, value)
    try:
        with transaction.atomic():
            golden.save()
            record("golden.edited", golden)
    except IntegrityError:
        raise Invalid.field("name", "A golden set with this name already exists.") from None
    return golden


@audited("golden.deleted")
def delete_golden_set(golden: GoldenSet) -> None:
    GoldenSet.objects.filter(pk=golden.pk).delete()


@audited("golden.cases_changed")
def take_labels(golden: GoldenSet, metric: Metric, call_ids: Sequence[int] | None) -> int:
    """Copy people's answers on a metric, those of the given calls or all that are not stale. What is in the
    set already is brought up to date. How many were copied. Raises Invalid."""
    _require_own(golden, metric)
    labels = labels_of(metric).filter(meaning=current_version(metric).meaning)
    if call_ids is not None:
        labels = labels.filter(call_id__in=call_ids[:MAX_CASES])
    found = {review.call_id: review for review in labels}
    missing = [pk for pk in dict.fromkeys(call_ids or ()) if pk not in found]
    if missing:
        named = ", ".join(str(pk) for pk in missing[:10])
        raise Invalid.field("call_logs", f"No person has answered {metric.name} on these calls: {named}.")
    _put(golden, metric, [(review.call_id, review.expected_value, review) for review in found.values()])
    return len(found)


@audited("golden.cases_changed")
def put_case(golden: GoldenSet, metric: Metric, call: CallLog, expected_value: Any, note: str = "") -> None:
    """One call with the answer that is right, whoever gave it. Raises Invalid."""
    _require_own(golden, metric)
    if call.project_id != golden.project_id:
        raise Invalid.field("call_log_id", "This call log does not exist here.")
    value = None if expected_value is None else fitting(expected_value, current_version(metric))
    _put(golden, metric, [(call.pk, value, None)], note)


def _put(
    golden: GoldenSet, metric: Metric, cases: Sequence[tuple[int, Any, Review | None]], note: str = ""
) -> None:
    if golden.cases.exclude(call_id__in=[case[0] for case in cases]).count() + len(cases) > MAX_CASES:
        raise Invalid.field("call_logs", f"A golden set holds at most {MAX_CASES} cases.")
    meaning = current_version(metric).meaning
    GoldenCase.objects.bulk_create(
        [
            GoldenCase(
                golden_set=golden,
                call_id=call_id,
                metric=metric,
                expected_value=value,
                meaning=meaning,
                review=review,
                note=note or (review.feedback if review is not None else ""),
            )
            for call_id, value, review in cases
        ],
        update_conflicts=True,
        unique_fields=["golden_set", "call", "metric"],
        update_fields=["expected_value", "meaning", "review", "note"],
        batch_size=500,
    )


@audited("golden.cases_changed")
def drop_cases(golden: GoldenSet, call_ids: Sequence[int], metric: Metric | None) -> int:
    cases = golden.cases.filter(call_id__in=call_ids)
    if metric is not None:
        cases = cases.filter(metric=metric)
    return cases.delete()[0]


def cases_of(golden: GoldenSet) -> QuerySet[GoldenCase]:
    """Those that can be measured: a call or a metric that was deleted is not shown."""
    return (
        GoldenCase.objects.filter(golden_set=golden, call__deleted_at=None, metric__deleted_at=None)
        .select_related("call", "metric__current_version", "review")
        .annotate(today=F("metric__current_version__meaning"))
        .order_by("metric__name", "id")
    )


def _require_own(golden: GoldenSet, metric: Metric) -> None:
    if metric.project_id != golden.project_id:
        raise Invalid.field("metric_id", "This metric is not of the golden set's project.")

"""Versions beside the one in use: drafts that measure nothing yet, and the pointer that says which does.

Moving the pointer computes nothing. Results of the version that it comes to are kept; a rerun with
`reuse=current` makes them current again without asking anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from callgauge.domain.metrics import EvalType
from callgauge.flow.audit import audited, record
from callgauge.flow.dependencies import check_scripts
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metric_fields import FROZEN, check_whole
from callgauge.flow.metrics import MetricChange, add_version, current_version, meaning_of
from callgauge.flow.rubric import require_fit
from callgauge.flow.scope import as_id
from callgauge.store.models import AuditEntry, Metric, MetricVersion
from callgauge.store.models.audit import VERSION_USED
from callgauge.store.turns import write_turn

USES_LOOKED_AT: Final = 200


@audited("metric.drafted")
def draft_version(metric: Metric, change: MetricChange, *, by: str = "", reason: str = "") -> MetricVersion:
    """A version that is not in use, with the current one's content and these changes. Raises Invalid where it
    could not be used, and where it changes nothing."""
    locked = _locked(metric)
    version = current_version(locked)
    before = {name: getattr(version, name) for name in FROZEN}
    frozen = {**before, **change.frozen}
    meaning = meaning_of(version, frozen, change)
    if frozen == before and meaning == version.meaning:
        raise Invalid.field("non_field_errors", "This asks what the current version asks.")
    check_whole(frozen)
    check_scripts(locked.project_id, locked, frozen)
    return add_version(locked, frozen, by=by, reason=reason, meaning=meaning, use=False)


def use_version(metric: Metric, version: MetricVersion) -> Metric:
    """Measure with this version from now on. Raises Invalid where the rubric or a script forbids it."""
    with write_turn(), transaction.atomic():
        locked = _locked(metric)
        before = current_version(locked)
        if before == version:
            return locked
        frozen = {name: getattr(version, name) for name in FROZEN}
        check_scripts(locked.project_id, locked, frozen)
        if frozen["eval_type"] != before.eval_type:
            require_fit(locked, EvalType(frozen["eval_type"]))
        locked.current_version, locked.name = version, version.name
        locked.save(update_fields=["current_version", "name", "updated_at"])
        record(VERSION_USED, locked, version=version.number, instead_of=before.number)
    return locked


@dataclass(frozen=True, slots=True)
class Use:
    """That a version was taken into use again, as the audit log has it."""

    at: datetime
    by: str


def uses_of(metric: Metric) -> dict[int, Use]:
    """By number: when each version was last taken into use after it was made, and by whom; as far as the
    audit log goes back."""
    entries = AuditEntry.objects.filter(action=VERSION_USED, object_id=metric.pk).order_by("-id")
    found: dict[int, Use] = {}
    for details, at, by in entries.values_list("details", "created_at", "actor_name")[:USES_LOOKED_AT]:
        found.setdefault(details["version"], Use(at, by))
    return found


def find_version(metric: Metric, number: Any) -> MetricVersion:
    """By its number. Raises NotFound."""
    found = MetricVersion.objects.filter(metric=metric, number=as_id(number) or 0).first()
    if found is None:
        raise NotFound
    return found


def _locked(metric: Metric) -> Metric:
    locked = Metric.objects.select_for_update(no_key=True).filter(pk=metric.pk, deleted_at=None).first()
    if locked is None:
        raise NotFound
    return locked

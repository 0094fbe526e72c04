"""Proposals of a better wording: shown to people, and applied or dismissed by them only."""

from __future__ import annotations

import difflib
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from callgauge.flow.audit import audited
from callgauge.flow.errors import Conflict, NotFound
from callgauge.flow.labs import wording_column
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.scope import Who, as_id, projects_of
from callgauge.store.models import ErrandState, Lab, LabKind, Metric


def proposals_of(who: Who) -> QuerySet[Lab]:
    """Those that hold a wording or are about to, the newest first."""
    return (
        Lab.objects.filter(kind=LabKind.PROPOSE, project__in=projects_of(who), metric__deleted_at=None)
        .select_related("metric__current_version", "version", "applied_version")
        .order_by("-id")
    )


def find_proposal(who: Who, proposal_id: Any) -> Lab:
    """Raises NotFound for what is foreign or missing."""
    number = as_id(proposal_id)
    found = proposals_of(who).filter(pk=number).first() if number else None
    if found is None:
        raise NotFound
    return found


def wordings(lab: Lab) -> tuple[str, str]:
    """Before and after; equal until there is a proposal."""
    column = wording_column(lab.version)
    before: str = getattr(lab.version, column)
    return before, before if lab.draft is None else str(lab.draft[column])


def diff_of(lab: Lab) -> list[str]:
    """The two wordings as a unified diff without its file names."""
    before, after = wordings(lab)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return list(lines)[2:]


def is_open(lab: Lab) -> bool:
    """Whether a person can still apply or dismiss it."""
    return lab.state == ErrandState.COMPLETED and lab.draft is not None and not lab.decided_by


def is_outdated(lab: Lab) -> bool:
    """Whether the metric asks something else by now."""
    return lab.metric.current_version_id != lab.version_id


@audited("proposal.applied")
def apply_proposal(lab: Lab, *, by: Reviewer) -> Metric:
    """Make the proposed wording the metric's next version. Raises Conflict where it was decided before or the
    metric has been edited since."""
    metric = Metric.objects.select_for_update(no_key=True).filter(pk=lab.metric_id, deleted_at=None).first()
    if metric is None:
        raise NotFound
    lab = _undecided(lab)
    if metric.current_version_id != lab.version_id:
        raise Conflict("The metric has been edited since this was proposed. Ask for a new proposal.")
    column = wording_column(lab.version)
    assert lab.draft is not None
    change = MetricChange(frozen={column: lab.draft[column]})
    edited = edit_metric(metric, change, by=by.name, reason=f"Applied proposal {lab.pk}")
    lab.applied_version, lab.decided_by = edited.current_version, by.name
    lab.save(update_fields=["applied_version", "decided_by"])
    return edited


@audited("proposal.dismissed")
def dismiss_proposal(lab: Lab, *, by: Reviewer) -> None:
    """Raises Conflict where it was decided before."""
    lab = _undecided(lab)
    lab.dismissed_at, lab.decided_by = timezone.now(), by.name
    lab.save(update_fields=["dismissed_at", "decided_by"])


def _undecided(lab: Lab) -> Lab:
    locked = Lab.objects.select_for_update(of=("self",)).select_related("version").get(pk=lab.pk)
    if locked.decided_by:
        raise Conflict("This proposal was applied or dismissed before.")
    if not is_open(locked):
        raise Conflict("There is no proposal to apply or dismiss yet.")
    return locked

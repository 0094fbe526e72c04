"""How long a project keeps its calls and their recordings, and deleting what is older, a little at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from callgauge.flow.audit import record
from callgauge.flow.calls import forget_completely
from callgauge.flow.errors import Invalid
from callgauge.flow.recordings.rows import forget
from callgauge.store.models import CallLog, Project, Recording
from callgauge.store.turns import write_turn

BATCH: Final = 50
"""Calls in one transaction: whoever else writes waits for it."""
MAX_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Overdue:
    """What the rules of a project would delete now."""

    calls: int
    recordings: int


def set_retention(project: Project, *, calls_days: int | None, recordings_days: int | None) -> None:
    """None keeps them for ever. Raises Invalid."""
    for name, days in (("calls", calls_days), ("recordings", recordings_days)):
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise Invalid.field(name, f"Write a number of days from 1 to {MAX_DAYS}, or forever.")
    with write_turn(), transaction.atomic():
        record("project.retention_set", project, calls_days=calls_days, recordings_days=recordings_days)
        Project.objects.filter(pk=project.pk).update(
            keep_calls_days=calls_days, keep_recordings_days=recordings_days
        )


def overdue(project: Project) -> Overdue:
    return Overdue(old_calls(project).count(), old_recordings(project).count())


def old_calls(project: Project) -> QuerySet[CallLog]:
    """Those out of sight too: what is left of them is as old."""
    if project.keep_calls_days is None:
        return CallLog.objects.none()
    before = timezone.now() - timedelta(days=project.keep_calls_days)
    return CallLog.objects.filter(project=project, timestamp__lt=before)


def old_recordings(project: Project) -> QuerySet[Recording]:
    if project.keep_recordings_days is None:
        return Recording.objects.none()
    before = timezone.now() - timedelta(days=project.keep_recordings_days)
    return Recording.objects.filter(call__project=project, call__timestamp__lt=before)


def delete_some() -> int:
    """Delete at most one batch of calls and one of recordings in each project that has a rule; says how many
    went, so that 0 means that nothing is left. The caller is in no transaction."""
    gone = 0
    rules = Project.objects.exclude(keep_calls_days=None, keep_recordings_days=None)
    for project in rules.order_by("id"):
        calls = list(old_calls(project).order_by("timestamp").values_list("pk", flat=True)[:BATCH])
        if calls:
            with write_turn(), transaction.atomic():
                forget_completely(calls)
        recordings = list(old_recordings(project).values_list("pk", flat=True)[:BATCH])
        if recordings:
            with write_turn(), transaction.atomic():
                forget(recordings)
        gone += len(calls) + len(recordings)
    return gone

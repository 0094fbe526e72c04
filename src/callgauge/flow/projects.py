"""Projects: make, edit, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from callgauge.flow.agents import delete_calls
from callgauge.flow.errors import Invalid
from callgauge.flow.rubric import write_rubric
from callgauge.flow.sealing import changed
from callgauge.store.models import CallLog, Metric, Organization, Project


@transaction.atomic
def create_project(
    organization: Organization,
    columns: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    rubric: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str | None] | None = None,
) -> Project:
    """`columns` are name and sample_rate. Raises Invalid for a name that is taken."""
    sealed = changed({}, secrets or {})
    project = Project(organization=organization, settings=dict(settings or {}), secrets=sealed, **columns)
    _save(project)
    if rubric:
        write_rubric(project, rubric)
        project.refresh_from_db()
    return project


@transaction.atomic
def edit_project(
    project: Project,
    columns: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    rubric: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str | None] | None = None,
) -> Project:
    """Change what is mentioned; `rubric` None leaves the rubric alone, an empty one clears it."""
    locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    for name, value in columns.items():
        setattr(locked, name, value)
    locked.settings = {**locked.settings, **(settings or {})}
    locked.secrets = changed(locked.secrets, secrets or {})
    _save(locked, update_fields=[*columns, "settings", "secrets", "updated_at"])
    if rubric is not None:
        write_rubric(locked, rubric)
    locked.refresh_from_db()
    return locked


def delete_project(project: Project) -> None:
    """Delete a project with everything in it. Calls go first and in batches, so that others can write
    meanwhile; cut short, it leaves a project that can be deleted again."""
    delete_calls(CallLog.objects.filter(project=project))
    with transaction.atomic():
        project.reruns.all().delete()
        Metric.objects.filter(project=project).update(current_version=None)
        project.delete()


def _save(project: Project, **options: Any) -> None:
    try:
        with transaction.atomic():
            project.save(**options)
    except IntegrityError:
        raise Invalid.field("name", "A project with this name already exists.") from None

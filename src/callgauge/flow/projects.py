"""Projects: make, edit, delete. Owners make and delete them; members change what decides success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from callgauge.flow.agents import delete_calls
from callgauge.flow.audit import audited, record
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.rubric import write_rubric
from callgauge.flow.scope import Who, projects_of, require_change, require_owner
from callgauge.flow.sealing import changed
from callgauge.flow.webhooks.receivers import checked_secrets
from callgauge.store.models import CallLog, Metric, Project


@audited("project.created")
def create_project(
    who: Who,
    columns: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    rubric: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str | None] | None = None,
) -> Project:
    """`columns` are name and sample_rate. Raises Forbidden for all but owners, and Invalid for a name that is
    taken."""
    require_owner(who)
    sealed = changed({}, checked_secrets(secrets or {}))
    project = Project(organization=who.organization, settings=dict(settings or {}), secrets=sealed, **columns)
    _save(project)
    if rubric:
        write_rubric(project, rubric, who=who)
        project.refresh_from_db()
    return project


@audited("project.edited", at=1)
def edit_project(
    who: Who,
    project: Project,
    columns: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    rubric: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str | None] | None = None,
) -> Project:
    """Change what is mentioned; `rubric` None leaves the rubric alone, an empty one clears it."""
    require_change(who)
    _require_reach(who, project)
    locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    for name, value in columns.items():
        setattr(locked, name, value)
    locked.settings = {**locked.settings, **(settings or {})}
    locked.secrets = changed(locked.secrets, checked_secrets(secrets or {}))
    _save(locked, update_fields=[*columns, "settings", "secrets", "updated_at"])
    if rubric is not None:
        write_rubric(locked, rubric, who=who)
    locked.refresh_from_db()
    return locked


def delete_project(who: Who, project: Project) -> None:
    """Delete a project with everything in it. Calls go first and in batches, so that others can write
    meanwhile; cut short, it leaves a project that can be deleted again."""
    require_owner(who)
    _require_reach(who, project)
    delete_calls(CallLog.objects.filter(project=project))
    with transaction.atomic():
        project.reruns.all().delete()
        Metric.objects.filter(project=project).update(current_version=None)
        record("project.deleted", project)
        project.delete()


def _require_reach(who: Who, project: Project) -> None:
    if not projects_of(who).filter(pk=project.pk).exists():
        raise NotFound


def _save(project: Project, **options: Any) -> None:
    try:
        with transaction.atomic():
            project.save(**options)
    except IntegrityError:
        raise Invalid.field("name", "A project with this name already exists.") from None

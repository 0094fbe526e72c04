"""Agents: make, edit, restore, copy, delete. Every change that shows leaves a version in the history.

Where `who` is None, whoever runs the server's command line asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet

from callgauge.flow.audit import acting_user_id, audited, record
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.keys import name_of
from callgauge.flow.metric_agents import meet_new_agent
from callgauge.flow.scope import Who, require_change
from callgauge.flow.sealing import changed
from callgauge.flow.webhooks.receivers import checked_secrets
from callgauge.store.models import Agent, AgentVersion, CallLog, KnowledgeBaseFile, Metric, Project

DELETE_BATCH = 1_000
"""Calls per transaction: on SQLite nobody else can write while one lasts."""
COLUMNS = ("name", "assistant_id", "description", "language", "inbound", "contact_number")
"""What a version holds, beside the settings."""
MAX_NAME = 255


@audited("agent.created")
def create_agent(
    project: Project,
    columns: Mapping[str, Any],
    settings: Mapping[str, Any],
    secrets: Mapping[str, str | None] | None = None,
    *,
    who: Who | None = None,
) -> Agent:
    """`settings` are the wire's fields that are kept. Raises Invalid for an assistant id that is taken."""
    _may_change(who)
    agent = Agent(
        project=project,
        settings=dict(settings),
        secrets=changed({}, checked_secrets(secrets or {})),
        **columns,
    )
    _save(agent)
    _note(agent, who)
    meet_new_agent(agent)
    return agent


@audited("agent.edited")
def edit_agent(
    agent: Agent,
    columns: Mapping[str, Any],
    settings: Mapping[str, Any],
    secrets: Mapping[str, str | None] | None = None,
    *,
    who: Who | None = None,
    reason: str = "",
) -> Agent:
    """Change what is mentioned. Calls that were measured keep their results."""
    _may_change(who)
    locked = _locked(agent)
    before = _snapshot(locked)
    for name, value in columns.items():
        setattr(locked, name, value)
    locked.settings = {**locked.settings, **settings}
    locked.secrets = changed(locked.secrets, checked_secrets(secrets or {}))
    _save(locked)
    if _snapshot(locked) != before:
        _note(locked, who, reason=reason)
    return locked


@audited("agent.restored")
def restore_agent(agent: Agent, version_id: int, *, who: Who | None = None) -> Agent:
    """Make the agent what it was. Its secrets and files stay as they are: a version holds none.

    Raises NotFound for a version that is not this agent's."""
    _may_change(who)
    version = _version(agent, version_id)
    locked = _locked(agent)
    before = _snapshot(locked)
    for name, value in version.columns.items():
        setattr(locked, name, value)
    locked.settings = version.settings
    _save(locked)
    if _snapshot(locked) != before:
        _note(locked, who, reason=f"Restored version {version.number}")
    return locked


@audited("agent.version_labelled")
def label_version(
    agent: Agent,
    version_id: int,
    *,
    label: str | None = None,
    reason: str | None = None,
    who: Who | None = None,
) -> AgentVersion:
    """Say what a version was, in words. Raises NotFound."""
    _may_change(who)
    version = _version(agent, version_id)
    version.label = version.label if label is None else label
    version.change_reason = version.change_reason if reason is None else reason
    version.save(update_fields=["label", "change_reason"])
    return version


@audited("agent.created")
def duplicate_agent(agent: Agent, *, name: str = "", who: Who | None = None) -> Agent:
    """A copy with its settings, secrets and files, measured by the metrics that were chosen for it.

    It has no assistant id: two agents of a project cannot have the same."""
    _may_change(who)
    source = _locked(agent)
    columns = {field: getattr(source, field) for field in COLUMNS if field != "assistant_id"}
    columns["name"] = name or f"{source.name[: MAX_NAME - 7]} (copy)"
    copy = Agent(project=source.project, settings=source.settings, secrets=source.secrets, **columns)
    _save(copy)
    _note(copy, who, reason=f"Copied from agent {source.pk}")
    for file in KnowledgeBaseFile.objects.filter(agent=source).order_by("pk"):
        file.pk, file.agent = None, copy
        file.save(force_insert=True)
    meet_new_agent(copy)
    for metric in Metric.objects.filter(agents=source, every_agent=False, deleted_at=None):
        metric.agents.add(copy)
    return copy


def delete_agent(agent: Agent, *, with_calls: bool, who: Who | None = None) -> None:
    """Without its calls those stay in the project and belong to no agent. Metrics only lose the agent."""
    _may_change(who)
    if with_calls:
        delete_calls(CallLog.objects.filter(agent=agent))
    with transaction.atomic():
        record("agent.deleted", agent, with_calls=with_calls)
        agent.delete()


def delete_calls(calls: QuerySet[CallLog]) -> None:
    """Delete calls with their results and reviews, a batch per transaction; cut short, it can be repeated."""
    while ids := list(calls.order_by("pk").values_list("pk", flat=True)[:DELETE_BATCH]):
        with transaction.atomic():
            CallLog.objects.filter(pk__in=ids).delete()


def _may_change(who: Who | None) -> None:
    if who is not None:
        require_change(who)


def _locked(agent: Agent) -> Agent:
    locked = Agent.objects.select_for_update(no_key=True).filter(pk=agent.pk).first()
    if locked is None:
        raise NotFound
    return locked


def _version(agent: Agent, version_id: int) -> AgentVersion:
    version = AgentVersion.objects.filter(agent=agent, pk=version_id).first()
    if version is None:
        raise NotFound
    return version


def _snapshot(agent: Agent) -> dict[str, Any]:
    return {"columns": {name: getattr(agent, name) for name in COLUMNS}, "settings": agent.settings}


def _note(agent: Agent, who: Who | None, *, reason: str = "") -> None:
    """The caller holds the agent's row, so two changes never take one number."""
    by = "" if who is None else name_of(who)
    highest = AgentVersion.objects.filter(agent=agent).aggregate(number=Max("number"))["number"] or 0
    AgentVersion.objects.create(
        agent=agent,
        number=highest + 1,
        change_reason=reason[:100],
        changed_by=by[:255],
        changed_by_user_id=acting_user_id(),
        **_snapshot(agent),
    )


def _save(agent: Agent) -> None:
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError:
        raise Invalid.field(
            "assistant_id", "Another agent of this project already has this assistant id."
        ) from None

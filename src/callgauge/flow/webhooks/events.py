"""What receivers are told, written down in the transaction that makes it true: a crash loses none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models.functions import Now

from callgauge.domain.storable import storable_json
from callgauge.flow.errands import new_uid
from callgauge.flow.presenting.calls import present_outcomes
from callgauge.flow.presenting.json import dump
from callgauge.flow.wake import announce_work
from callgauge.flow.webhooks.receivers import receiver_of
from callgauge.store.models import Agent, CallLog, Project, WebhookDelivery, WebhookEvent

ON_SUCCESS: Final = "notify_call_log_webhook_success"
ON_FAILURE: Final = "notify_call_log_webhook_failed"
"""Also of calls without a verdict: somebody has to look at them."""
FORWARDED: Final[Mapping[str, tuple[str, WebhookEvent]]] = {
    "vapi": ("forward_vapi_webhook", WebhookEvent.FORWARD_VAPI),
    "retell": ("forward_retell_webhook", WebhookEvent.FORWARD_RETELL),
}
"""By provider: the project's switch, and what the event is called."""


def tell_completed(projects: Mapping[int, int]) -> None:
    """`call_log.completed` of calls (id to project) that have just been decided, where their project wants
    it told. The caller is in the transaction that decided them."""
    listening = {
        project.pk: project
        for project in (Project.objects.filter(pk__in=set(projects.values())) if projects else ())
        if project.settings.get(ON_SUCCESS) or project.settings.get(ON_FAILURE)
    }
    ids = [call_id for call_id, project_id in projects.items() if project_id in listening]
    if not ids:
        return
    found = CallLog.objects.filter(pk__in=ids, deleted_at=None).order_by("pk")
    wanted = [call for call in found if _is_wanted(call, listening[call.project_id])]
    agents = Agent.objects.in_bulk({call.agent_id for call in wanted if call.agent_id is not None})
    told = [
        call
        for call in wanted
        if receiver_of(listening[call.project_id], agents.get(call.agent_id or 0)) is not None
    ]
    _queue(
        _row(WebhookEvent.COMPLETED, call.project_id, call.agent_id, call.pk, dump(outcome).decode())
        for call, outcome in zip(told, present_outcomes(told), strict=True)
    )


def forward(call: CallLog, source: str, report: Any) -> None:
    """A provider's report goes on as it came. The caller is in the transaction that stores the call."""
    if source not in FORWARDED:
        return
    switch, event = FORWARDED[source]
    project = call.project
    if project.settings.get(switch) and receiver_of(project, call.agent) is not None:
        _queue([_row(event, project.pk, call.agent_id, call.pk, storable_json(report))])


def queue_test(project: Project, agent: Agent | None) -> WebhookDelivery:
    row = _row(WebhookEvent.TEST, project.pk, None if agent is None else agent.pk, None, "")
    _queue([row])
    row.refresh_from_db(fields=["due_at"])
    return row


def _is_wanted(call: CallLog, project: Project) -> bool:
    return bool(project.settings.get(ON_SUCCESS if call.success else ON_FAILURE))


def _row(
    event: WebhookEvent, project_id: int, agent_id: int | None, call_id: int | None, facts: str
) -> WebhookDelivery:
    return WebhookDelivery(
        uid=new_uid(),
        project_id=project_id,
        agent_id=agent_id,
        call_id=call_id,
        event=event,
        facts=facts,
        due_at=Now(),
    )


def _queue(rows: Any) -> None:
    if WebhookDelivery.objects.bulk_create(rows):
        announce_work()

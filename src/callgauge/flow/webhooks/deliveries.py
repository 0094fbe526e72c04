"""Deliveries as people see them: the log, sending again, trying an address, and forgetting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from callgauge.flow import errands
from callgauge.flow.audit import audited, record
from callgauge.flow.errors import Conflict, Invalid, NotFound
from callgauge.flow.scope import Who, projects_of, require_change
from callgauge.flow.wake import announce_work
from callgauge.flow.webhooks.events import queue_test
from callgauge.flow.webhooks.receivers import receiver_of
from callgauge.store.models import Agent, ErrandState, Project, WebhookDelivery, WebhookEvent
from callgauge.store.turns import write_turn

STATES: Final = {
    "queued": ErrandState.QUEUED,
    "sending": ErrandState.IN_PROGRESS,
    "delivered": ErrandState.COMPLETED,
    "dead": ErrandState.FAILED,
}
"""By our word on the wire."""
OVER: Final = (ErrandState.COMPLETED, ErrandState.FAILED)
FORGOTTEN_AT_ONCE: Final = 500


def deliveries_of(who: Who) -> QuerySet[WebhookDelivery]:
    """Newest first."""
    found = WebhookDelivery.objects.filter(project__in=projects_of(who))
    return found.select_related("call").order_by("-id")


def find_delivery(who: Who, uid: str) -> WebhookDelivery:
    """Raises NotFound for what is foreign or missing."""
    found = deliveries_of(who).filter(uid=errands.uid_of(uid)).first()
    if found is None:
        raise NotFound
    return found


def state_of(row: WebhookDelivery) -> str:
    return next(word for word, state in STATES.items() if state == row.state)


@audited("webhook.replayed", at=1)
def replay(who: Who, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send it again, under the same id, with all the tries that it had. Raises Conflict while it still waits
    or is being sent."""
    require_change(who)
    if not _send_again(WebhookDelivery.objects.filter(pk=delivery.pk)):
        raise Conflict("It has not ended yet: it is sent without being asked again.")
    delivery.refresh_from_db()
    return delivery


def replay_dead(who: Who, project: Project, since: datetime | None = None) -> int:
    """Send again what was given up; how many there are. Tests are left out. Nothing to send leaves no entry
    in the audit log."""
    require_change(who)
    dead = WebhookDelivery.objects.filter(project=project, state=ErrandState.FAILED)
    dead = dead.exclude(event=WebhookEvent.TEST)
    with write_turn(), transaction.atomic():
        count = _send_again(dead if since is None else dead.filter(created_at__gte=since))
        if count:
            record("webhook.replayed", project, count=count)
    return count


def _send_again(rows: QuerySet[WebhookDelivery]) -> int:
    with write_turn(), transaction.atomic():
        count = rows.filter(state__in=OVER).update(
            state=ErrandState.QUEUED, attempts=0, due_at=Now(), finished_at=None, owner=""
        )
        announce_work()
    return count


@audited("webhook.tested", at=1)
def send_test(who: Who, project: Project, agent: Agent | None) -> WebhookDelivery:
    """A test event, which is tried once. Raises Invalid where there is no address."""
    require_change(who)
    if receiver_of(project, agent) is None:
        raise Invalid.field("webhook_url", "Neither the project nor the agent has a webhook_url.")
    with write_turn(), transaction.atomic():
        return queue_test(project, agent)


def forget_old(days: int) -> int:
    """Delete some of what ended longer ago; 0 means that nothing is left."""
    before = timezone.now() - timedelta(days=days)
    old = WebhookDelivery.objects.filter(state__in=OVER, finished_at__lt=before).order_by("finished_at")
    ids: list[Any] = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    if ids:
        with write_turn():
            WebhookDelivery.objects.filter(pk__in=ids, state__in=OVER).delete()
    return len(ids)

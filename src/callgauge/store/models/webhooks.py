"""What is to be told to receivers outside, and what came of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.calls import Agent, CallLog
from callgauge.store.models.errands import Errand
from callgauge.store.models.tenancy import Project


class WebhookEvent(models.TextChoices):
    COMPLETED = "call_log.completed", "a call has been measured"
    FORWARD_VAPI = "vapi.forwarded", "Vapi's report of a call, as it came"
    FORWARD_RETELL = "retell.forwarded", "Retell's report of a call, as it came"
    TEST = "webhook.test", "somebody tries the address"


class WebhookDelivery(Errand):
    """One event for one receiver, written in the transaction that makes it true: the outbox and the log in
    one. Its `uid` is the same in every try, so that a receiver can tell what it has had."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="deliveries")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, db_index=False)
    """Whose address it goes to, where it has one."""
    call = models.ForeignKey(CallLog, models.CASCADE, null=True, related_name="deliveries")
    event = models.CharField(max_length=20, choices=WebhookEvent.choices)
    facts = models.TextField(blank=True)
    """JSON. Of a measured call the outcome as it was decided; what was said is read when it is sent, and so
    is not kept twice. Of a forwarded report all of it."""
    due_at = models.DateTimeField()
    tries = models.JSONField(default=list)
    """The last of them; see flow.webhooks.outbox."""
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state__in=["queued", "in_progress"]), name="delivery_due"
            ),
            models.Index(fields=["project", "id"], name="delivery_project"),
            models.Index(fields=["finished_at"], name="delivery_finished"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.uid}"

"""Agents under watch, and the calls they held: narrow rows to search, payloads apart."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.tenancy import Project, User


class Agent(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="agents")
    name = models.CharField(max_length=255)
    assistant_id = models.CharField(max_length=255, blank=True)
    """The agent's id at its provider; empty where there is none."""
    description = models.TextField(blank=True)
    language = models.CharField(max_length=32, default="en")
    inbound = models.BooleanField(null=True)
    contact_number = models.CharField(max_length=255, blank=True)
    settings = models.JSONField(default=dict)
    """Fields of the wire that nothing here acts on yet: kept and given back."""
    secrets = models.JSONField(default=dict)
    """Sealed values by name; see flow.sealing."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "assistant_id"], condition=~Q(assistant_id=""), name="assistant_id"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AgentVersion(models.Model):
    """An agent as a change left it, without its secrets. Never updated, but for its label."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="history")
    number = models.PositiveIntegerField()
    columns = models.JSONField()
    settings = models.JSONField()
    label = models.CharField(max_length=255, blank=True)
    change_reason = models.CharField(max_length=100, blank=True)
    changed_by = models.CharField(max_length=255, blank=True)
    changed_by_user = models.ForeignKey(User, models.SET_NULL, null=True, db_index=False, related_name="+")
    """Null where a key or the server did it, and for somebody who is gone."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "number"], name="agent_version_number")]

    def __str__(self) -> str:
        return f"version {self.number} of agent {self.agent_id}"


class CallLog(models.Model):
    """One finished call as received. What it said is in its payload."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="calls")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="calls")
    call_id = models.CharField(max_length=100)
    trace_id = models.CharField(max_length=32, blank=True)
    timestamp = models.DateTimeField()
    duration_secs = models.FloatField(null=True)
    call_ended_reason = models.CharField(max_length=100, blank=True)
    customer_number = models.CharField(max_length=100, blank=True)
    dropoff_point = models.CharField(max_length=1000, blank=True)
    topic = models.CharField(max_length=1000, blank=True)
    success = models.BooleanField(null=True)
    passed_unmeasured = models.BooleanField(default=False)
    """It passed because no metric of the rubric had a value, as the contract has it. Says nothing of a call
    that did not pass."""
    is_reviewed = models.BooleanField(default=False)
    feedback = models.TextField(blank=True)
    error_message = models.TextField(null=True)
    pending_rerun_id = models.BigIntegerField(null=True)
    """The newest rerun that owes this call a verdict; null when none does. Not a foreign key: it is
    written for every call of a large rerun, and a rerun is never deleted before its calls."""
    event_owed = models.BooleanField(default=False)
    """Receivers are still to be told that it has been measured. Whichever rerun decides it tells them: the
    one that was asked for it may have been overtaken by a newer one."""
    content_hash = models.CharField(max_length=64)
    testing_channel_index = models.SmallIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True)
    """Set where a person deleted the call but chose to keep its evaluations."""
    has_logs = models.BooleanField(default=False)
    """Whether the payload holds log entries of the agent."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "call_id"], condition=Q(deleted_at=None), name="call_id_once"
            )
        ]
        indexes = [
            models.Index(fields=["agent", "id"], condition=Q(deleted_at=None), name="call_agent"),
            models.Index(fields=["project", "timestamp", "id"], name="call_project_time"),
            models.Index(fields=["agent", "timestamp", "id"], name="call_agent_time"),
        ]

    def __str__(self) -> str:
        return self.call_id


class CallPayload(models.Model):
    """The wide part of a call. JSON is kept as text so that a list can pass it on unparsed."""

    call = models.OneToOneField(CallLog, models.CASCADE, primary_key=True, related_name="payload")
    transcript = models.TextField(blank=True)
    """Lines `[MM:SS] Role: text`."""
    turns = models.TextField(default="[]")
    """JSON array, the wire's `transcript_object`."""
    metadata = models.TextField(default="{}")
    dynamic_variables = models.TextField(default="{}")
    rubric = models.TextField(default="null")
    """JSON array of the last verdict's grounds, the wire's `rubric`."""
    user_generated_transcript = models.TextField(default="null")
    voice_recording_url = models.TextField(blank=True)
    raw = models.TextField(default="null")
    """The transcript as it was sent, or a webhook's whole body, so that a better parser can read it again."""
    raw_source = models.CharField(max_length=32, blank=True)
    """The provider whose webhook's body `raw` is; empty where it is a transcript."""
    raw_type = models.CharField(max_length=32, blank=True)
    """The transcript type that the sender declared."""
    raw_format = models.CharField(max_length=32, blank=True)
    """The format that it was read with."""
    notes = models.JSONField(default=list)
    """What the parser had to mend."""
    logs = models.TextField(blank=True)
    """JSON array of {ts, level, message, logger?, raw?}; empty where there are none."""
    redaction = models.JSONField(default=dict)
    """Empty unless personal data is taken out of the call; see flow.redaction."""

    def __str__(self) -> str:
        return f"payload of {self.call_id}"


class CallOriginal(models.Model):
    """A redacted call as it was sent, where CALLGAUGE_REDACTION_ORIGINALS keeps it. Nothing shows it."""

    call = models.OneToOneField(CallLog, models.CASCADE, primary_key=True, related_name="original")
    turns = models.TextField(default="[]")
    """JSON array, as `CallPayload.turns`; the others are as there and on the call."""
    raw = models.TextField(default="null")
    metadata = models.TextField(default="{}")
    dynamic_variables = models.TextField(default="{}")
    logs = models.TextField(blank=True)
    feedback = models.TextField(blank=True)
    customer_number = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return f"original of {self.call_id}"


class DeferredCall(models.Model):
    """A call that came in and is not measured yet: somebody still wants to add to it."""

    call = models.OneToOneField(CallLog, models.CASCADE, primary_key=True, related_name="deferred")
    until = models.DateTimeField(db_index=True)
    """Measured then at the latest."""
    metric_ids = models.JSONField(null=True)
    """The metrics that were named when it came in; null: all."""

    def __str__(self) -> str:
        return f"call {self.call_id} until {self.until}"

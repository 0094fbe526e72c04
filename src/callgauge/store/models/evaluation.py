"""The ledger: reruns, chunks with leases, results, and the checkpoint of every paid judge call."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.calls import Agent, CallLog
from callgauge.store.models.metrics import Metric, MetricVersion
from callgauge.store.models.tenancy import ApiKey, Project, User


class RerunKind(models.TextChoices):
    LIVE = "live", "the first evaluation of a call that came in"
    EVALUATE = "evaluate", "chosen metrics on chosen calls"
    RERUN = "rerun", "a re-evaluation"
    SETTLE = "settle", "calls of a cancelled rerun, decided by the results they have"
    SHADOW = "shadow", "a version that is not in use, beside the one that is, on a call that came in"
    NOISE = "noise", "the same version once more, to see how far the judge agrees with itself"


ASKED_FOR = (RerunKind.EVALUATE, RerunKind.RERUN, RerunKind.NOISE)
"""What somebody asked for, and lists show; the others come by themselves, one for each call."""


class RerunState(models.TextChoices):
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


UNFINISHED = (RerunState.PLANNED, RerunState.RUNNING, RerunState.PAUSED)


class Reuse(models.TextChoices):
    """Which results a rerun leaves as they are where nothing has changed that they depend on."""

    DETERMINISTIC = "", "those that no judge was asked for"
    CURRENT = "current", "all of them"


class PauseReason(models.TextChoices):
    ASKED = "asked", "somebody paused it"
    BUDGET = "budget", "its money cap is reached"
    FAULT = "fault", "its calls could not be cut into pieces"


class Priority(models.IntegerChoices):
    INTERACTIVE = 0
    NORMAL = 1
    BULK = 2


class Rerun(models.Model):
    """One request over calls: what was selected, with which versions, and how far it is."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="reruns")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True)
    kind = models.CharField(max_length=10, choices=RerunKind.choices)
    state = models.CharField(max_length=10, choices=RerunState.choices, default=RerunState.PLANNED)
    requested_by = models.ForeignKey(ApiKey, models.SET_NULL, null=True)
    requested_by_user = models.ForeignKey(User, models.SET_NULL, null=True)
    selection = models.JSONField(default=dict)
    """{"calls": "all" | [ids] | N} as asked for; a long list is kept as its count and hash."""
    metric_version_ids = models.JSONField(default=list)
    rubric_version = models.PositiveIntegerField(default=0)
    judge_model = models.CharField(max_length=255, blank=True)
    reuse = models.CharField(max_length=8, choices=Reuse.choices, blank=True)
    aside = models.BooleanField(default=False)
    """Its results never become current and decide nothing: shadows and measurements of noise."""
    follows = models.BigIntegerField(null=True)
    """The rerun whose failures this one measures again, or whose calls it settles. No foreign key: nothing
    looks it up that way."""
    notify = models.BooleanField(default=False)
    """Receivers of webhooks are told of its calls as of new ones."""
    max_cost_usd = models.FloatField(null=True)
    spent_usd = models.FloatField(default=0.0)
    """For answers that are stored, and questions that came to nothing; ahead of `cost_usd`, which counts what
    has become results."""
    pause_reason = models.CharField(max_length=8, choices=PauseReason.choices, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    """Equal for identical requests: see flow.rerun."""
    last_call_id = models.BigIntegerField(default=0)
    """Calls that came in after the request are not part of it."""
    planned_through = models.BigIntegerField(default=0)
    """Calls up to this id have been put into chunks."""
    resets_while_planning = models.BooleanField(default=False)
    """True for a selection too large to reset in one transaction: until the planner has passed a call,
    readers show it as reset (see store.resets)."""
    planned_at = models.DateTimeField(null=True)
    total_calls = models.PositiveBigIntegerField(default=0)
    settled_calls = models.PositiveBigIntegerField(default=0)
    failed_calls = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    scored = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    reused = models.PositiveBigIntegerField(default=0)
    """Of those scored and skipped: left as they were, for nothing had changed."""
    judge_requests = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.FloatField(default=0.0)
    unpriced_requests = models.PositiveBigIntegerField(default=0)
    """Of the judge's requests: at a price that is not known, and so no part of `cost_usd`."""
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_secs = models.FloatField(default=0.0)
    """All its pauses that are over."""
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "kind", "id"], name="rerun_project"),
            models.Index(
                fields=["fingerprint", "id"], condition=~Q(fingerprint=""), name="rerun_fingerprint"
            ),
            models.Index(
                fields=["project"],
                condition=Q(resets_while_planning=True, planned_at=None),
                name="rerun_resetting",
            ),
            models.Index(fields=["project", "id"], condition=Q(finished_at=None), name="rerun_unfinished"),
            models.Index(fields=["last_call_id"], name="rerun_last_call"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ChunkKind(models.TextChoices):
    PLAN = "plan", "put the next calls of a rerun into chunks"
    EVALUATE = "evaluate"


class ChunkState(models.TextChoices):
    PENDING = "pending"
    LEASED = "leased"
    WAITING = "waiting_at_provider"
    """Without a lease: its questions are in batches at a provider, and `worker.batches` looks after these."""
    DONE = "done"
    CANCELLED = "cancelled"


class Chunk(models.Model):
    """Work for one owner at a time: at most 100 calls of one rerun, or one stretch of planning."""

    rerun = models.ForeignKey(Rerun, models.CASCADE, related_name="chunks")
    kind = models.CharField(max_length=10, choices=ChunkKind.choices, default=ChunkKind.EVALUATE)
    priority = models.SmallIntegerField(choices=Priority.choices)
    tenant = models.BigIntegerField()
    """The rerun's project, here as well so that tenants can be served in turn by an index."""
    call_ids = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=ChunkState.choices, default=ChunkState.PENDING)
    owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    """When a message about it was last sent to the broker; null again once an owner took it."""
    attempts = models.PositiveSmallIntegerField(default=0)
    """Claims since the last result was stored: a chunk that only ever loses its owner is given up."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["priority", "tenant", "id"], condition=Q(state="pending"), name="chunk_pending"
            ),
            models.Index(fields=["lease_until"], condition=Q(state="leased"), name="chunk_leased"),
            models.Index(
                fields=["dispatched_at"],
                condition=Q(state="pending", dispatched_at__isnull=False),
                name="chunk_dispatched",
            ),
        ]

    def __str__(self) -> str:
        return f"chunk {self.pk} of rerun {self.rerun_id}"


class ResultOutcome(models.TextChoices):
    SCORED = "scored"
    SKIPPED = "skipped"
    FAILED = "failed"


class MetricResult(models.Model):
    """One metric version on one call in one rerun. Append-only; one is current per call and metric."""

    call = models.ForeignKey(CallLog, models.CASCADE, related_name="results")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="results", db_index=False)
    version = models.ForeignKey(MetricVersion, models.CASCADE, related_name="results", db_index=False)
    rerun = models.ForeignKey(Rerun, models.CASCADE, related_name="results")
    outcome = models.CharField(max_length=8, choices=ResultOutcome.choices)
    passed = models.BooleanField(null=True)
    number = models.FloatField(null=True)
    label = models.CharField(max_length=255, null=True)
    reason = models.CharField(max_length=32, blank=True)
    """Of a skip, or the code of a failure."""
    retryable = models.BooleanField(default=False)
    explanation = models.TextField(default="[]")
    """JSON array of sentences."""
    extra = models.TextField(default="{}")
    """JSON object."""
    low_trust = models.BooleanField(default=False)
    input_hash = models.CharField(max_length=64)
    """Of the call's content as it was measured: a result of stale content never becomes current."""
    scorer_hash = models.CharField(max_length=32, blank=True)
    """Of what measured it: wording, code, settings, model, prompts, agent. See engine.identity."""
    parts_hash = models.CharField(max_length=32, blank=True)
    """Of the parts of the call that it read."""
    reads_hash = models.CharField(max_length=32, blank=True)
    """Of the other metrics' results that it read."""
    judge_model = models.CharField(max_length=255, blank=True)
    prompt_hash = models.CharField(max_length=64, blank=True)
    judge_requests = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.FloatField(null=True)
    is_current = models.BooleanField(default=False)
    is_stale = models.BooleanField(default=False)
    """Current only because the rerun after it failed."""
    reused_by = models.BigIntegerField(null=True)
    """The newest rerun that left it as it was, where it had to be said: it made it current again, or an older
    rerun was still under way, whose results must not displace it."""
    previous_id = models.BigIntegerField(null=True)
    """The result that was current when this one was stored. Not a foreign key: without an index, each
    deleted result would scan the table for what refers to it, and nothing looks it up this way round."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["call", "version", "rerun"], name="result_once"),
            models.UniqueConstraint(
                fields=["call", "metric"], condition=Q(is_current=True), name="one_current_result"
            ),
        ]

    def __str__(self) -> str:
        return f"result {self.pk}"


class JudgeCallState(models.TextChoices):
    STARTED = "started"
    DONE = "done"


class JudgeCall(models.Model):
    """The checkpoint of one paid request: `started` is committed before it is sent, the answer before
    anything uses it."""

    key = models.CharField(max_length=64, unique=True)
    rerun = models.ForeignKey(Rerun, models.CASCADE, null=True, related_name="judge_calls")
    lab = models.ForeignKey(
        "store.Lab", models.CASCADE, null=True, related_name="judge_calls", db_index=False
    )
    """Either of the two: what the request was made for."""
    call = models.ForeignKey(CallLog, models.CASCADE, null=True, related_name="judge_calls")
    """An answer quotes the call: it goes when the call does. Null for a question about several."""
    state = models.CharField(max_length=8, choices=JudgeCallState.choices, default=JudgeCallState.STARTED)
    model = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    answer = models.TextField(default="null")
    """JSON object as the model gave it."""
    answered_by = models.CharField(max_length=255, blank=True)
    """The model that the provider says answered."""
    attempts = models.PositiveSmallIntegerField(default=0)
    judge_requests = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.FloatField(null=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["lab"], condition=~Q(lab=None), name="judge_call_lab")]

    def __str__(self) -> str:
        return f"judge call {self.key[:8]}"


class BatchStep(models.TextChoices):
    CREATED = "created", "not yet handed to the provider"
    SUBMITTING = "submitting", "perhaps handed over: the answer to that has not been stored"
    WAITING = "waiting", "at the provider"
    ENDED = "ended"


class BatchEnding(models.TextChoices):
    ANSWERED = "answered", "its answers are stored"
    REFUSED = "refused", "the provider did not take it"
    LOST = "lost", "nobody knows what became of it"
    DROPPED = "dropped", "its rerun was cancelled, or its calls changed, before it was handed over"


class JudgeBatch(models.Model):
    """Questions of one chunk in one batch at a provider. Committed before the batch is made, so that no
    second one is ever made for them."""

    uid = models.CharField(max_length=32, unique=True)
    """Ours; where the provider keeps marks on batches, one whose id was lost is found by it."""
    rerun = models.ForeignKey(Rerun, models.CASCADE, related_name="batches")
    chunk = models.ForeignKey(Chunk, models.CASCADE, related_name="batches")
    model = models.CharField(max_length=255)
    keys = models.TextField()
    """JSON array: the keys of its judge calls."""
    questions = models.PositiveIntegerField()
    answered = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=10, choices=BatchStep.choices, default=BatchStep.CREATED)
    ending = models.CharField(max_length=10, choices=BatchEnding.choices, blank=True)
    provider_id = models.CharField(max_length=255, blank=True)
    cancel_asked = models.BooleanField(default=False)
    faults = models.PositiveSmallIntegerField(default=0)
    """Times in a row that the provider could not be used."""
    due_at = models.DateTimeField()
    owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True)
    """When it was first handed over, or tried to be."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=~Q(step="ended"), name="judge_batch_open"),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of chunk {self.chunk_id}"

"""Metrics: the name people know, its frozen versions, and the rules that decide success."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.store.models.calls import Agent
from callgauge.store.models.tenancy import Organization, Project, User


class Metric(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="metrics")
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=255)
    current_version = models.ForeignKey("MetricVersion", models.PROTECT, null=True, related_name="+")
    every_agent = models.BooleanField(default=True)
    """True: measures the calls of every agent of the project. False: only of `agents`."""
    agents = models.ManyToManyField(Agent, related_name="metrics")
    observability_enabled = models.BooleanField(default=True)
    simulation_enabled = models.BooleanField(default=True)
    sampling_enabled = models.BooleanField(default=False)
    sampling_phase = models.PositiveIntegerField(default=0)
    """What the draws so far have left over, in millionths; see flow.sampling."""
    display_order = models.IntegerField(default=0)
    add_to_new_agents = models.BooleanField(null=True)
    settings = models.JSONField(default=dict)
    """Fields of the wire that nothing here acts on yet: kept and given back."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True)
    """A deleted metric keeps its versions and results: history refers to them."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "slug"], condition=Q(deleted_at=None), name="metric_slug"
            )
        ]

    def __str__(self) -> str:
        return self.name


class MetricVersion(models.Model):
    """Frozen wording, code and settings. Never updated, but for its label; an edit adds one."""

    metric = models.ForeignKey(Metric, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in MetricKind])
    eval_type = models.CharField(max_length=32, choices=[(kind.value, kind.value) for kind in EvalType])
    description = models.TextField(blank=True)
    prompt = models.TextField(blank=True)
    custom_code = models.TextField(blank=True)
    labels = models.JSONField(default=list)
    built_in = models.CharField(max_length=64, blank=True)
    predefined_code = models.CharField(max_length=32, blank=True)
    audio_enabled = models.BooleanField(default=False)
    configuration = models.JSONField(default=dict)
    llm_provider = models.CharField(max_length=32, blank=True)
    """Whose model the metric would like to be asked of; empty where nobody said."""
    trigger = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in Trigger], default=Trigger.ALWAYS.value
    )
    trigger_type = models.CharField(max_length=16, default="llm_judge")
    trigger_prompt = models.TextField(blank=True)
    trigger_code = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64)
    meaning = models.PositiveIntegerField(default=1)
    """Equal for versions whose labels by people may be compared: another kind of value or other labels, or an
    author who says so, gives a new number. See flow.metrics."""
    label = models.CharField(max_length=255, blank=True)
    change_reason = models.CharField(max_length=100, blank=True)
    changed_by = models.CharField(max_length=255, blank=True)
    changed_by_user = models.ForeignKey(User, models.SET_NULL, null=True, db_index=False, related_name="+")
    """Null where a key or the server did it, and for somebody who is gone."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "number"], name="version_number")]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class OwnPredefined(models.Model):
    """A metric that an organization offers to all its projects, as it was when it was offered."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="own_predefined")
    code = models.CharField(max_length=8, unique=True)
    """Eight hexadecimal digits, as the shipped ones have."""
    source = models.ForeignKey(Metric, models.SET_NULL, null=True, related_name="+")
    frozen = models.JSONField()
    """The columns of the version."""
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.code


class RubricRule(models.Model):
    """One rule of a project's rubric; how rules decide is in `domain.rubric` only."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="rubric_rules")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="rubric_rules")
    conditions = models.JSONField()
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"rule {self.position} of project {self.project_id}"

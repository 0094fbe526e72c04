"""Labs: a draft of a metric held to people's answers, and proposals of a better wording."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.calls import CallLog
from callgauge.store.models.errands import Errand
from callgauge.store.models.metrics import Metric, MetricVersion
from callgauge.store.models.reviews import Review
from callgauge.store.models.tenancy import Project


class LabKind(models.TextChoices):
    RUN = "run_reviews", "a draft, or the metric as it is, on calls that people answered"
    PROPOSE = "process_feedbacks", "a better wording, learned from the mistakes"


class Lab(Errand):
    project = models.ForeignKey(Project, models.CASCADE, related_name="labs")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="labs")
    version = models.ForeignKey(MetricVersion, models.CASCADE, related_name="+")
    """What the metric asked when this began."""
    kind = models.CharField(max_length=20, choices=LabKind.choices)
    reason = models.CharField(max_length=32, blank=True)
    """Of a failure, or why there is nothing to propose; see flow.labs."""
    draft = models.JSONField(null=True)
    """The columns of a version, as it would be saved; null until there is one."""
    summary = models.JSONField(default=list)
    """Sentences of the judge on what it changed."""
    skip_evaluation = models.BooleanField(default=False)
    asked_by = models.CharField(max_length=255, blank=True)
    usage = models.JSONField(default=dict)
    """What asking for the proposal took; that of the cases stands with them."""
    decided_by = models.CharField(max_length=255, blank=True)
    applied_version = models.ForeignKey(MetricVersion, models.SET_NULL, null=True, related_name="+")
    dismissed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"lab {self.uid}"


class LabCase(models.Model):
    """A person's answer that a draft is learned from, or held to."""

    lab = models.ForeignKey(Lab, models.CASCADE, related_name="cases")
    call = models.ForeignKey(CallLog, models.CASCADE, related_name="lab_cases")
    review = models.ForeignKey(Review, models.SET_NULL, null=True, related_name="+")

    expected_value = models.JSONField(null=True)
    note = models.TextField(blank=True)
    is_shown = models.BooleanField(default=False)
    """The judge that proposes sees it, so it says nothing of how good the proposal is."""
    before = models.JSONField(null=True)
    """What the version made of it: {"value", "explanation"}; null where it was not measured."""
    after = models.JSONField(null=True)
    """What the draft makes of it: a row as flow.labs writes it; null until it is measured."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lab", "call"], name="one_lab_case")]

    def __str__(self) -> str:
        return f"case {self.pk} of {self.lab_id}"

"""Golden sets: calls with known answers, kept as they were put in."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.calls import CallLog
from callgauge.store.models.metrics import Metric
from callgauge.store.models.reviews import Review
from callgauge.store.models.tenancy import Project


class GoldenSet(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="golden_sets")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="golden_set_name")]

    def __str__(self) -> str:
        return self.name


class GoldenCase(models.Model):
    """What one metric should say of one call. A copy of a person's answer: a gate does not change because
    somebody votes."""

    golden_set = models.ForeignKey(GoldenSet, models.CASCADE, related_name="cases")
    call = models.ForeignKey(CallLog, models.CASCADE, related_name="golden_cases")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="golden_cases")
    expected_value = models.JSONField(null=True)
    """Null: not applicable."""
    meaning = models.PositiveIntegerField()
    note = models.TextField(blank=True)
    review = models.ForeignKey(Review, models.SET_NULL, null=True, related_name="+")
    """The answer that it is a copy of."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["golden_set", "call", "metric"], name="one_golden_case")
        ]

    def __str__(self) -> str:
        return f"golden case {self.pk}"

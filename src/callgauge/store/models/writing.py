"""Texts that a model writes for people."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.errands import Errand
from callgauge.store.models.tenancy import Project


class WritingJob(Errand):
    """One request to the judge and what came of it; its own checkpoint. Kept for a day."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="writing_jobs")
    kind = models.CharField(max_length=16)
    asked = models.JSONField()
    """Fields of engine.writing.Asked."""
    about = models.JSONField(default=dict)
    """Ids that the request named, given back with the result."""
    was_sent = models.BooleanField(default=False)
    """Committed before the request goes out: with no answer after a crash, it may have been paid for."""
    answer = models.JSONField(null=True)
    """As the model gave it, committed before anything uses it."""
    answered_by = models.CharField(max_length=255, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.FloatField(null=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"

"""Metrics that are tried on past calls before they are saved."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.tenancy import Project


class PreviewState(models.TextChoices):
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class MetricPreview(models.Model):
    """One unsaved metric on a few calls. Its results are kept here and nowhere else, for a day."""

    uid = models.CharField(max_length=32, unique=True)
    project = models.ForeignKey(Project, models.CASCADE, related_name="previews")
    metric = models.JSONField()
    """The columns of a version, as it would be saved."""
    call_ids = models.JSONField()
    state = models.CharField(max_length=11, choices=PreviewState.choices, default=PreviewState.QUEUED)
    results = models.JSONField(default=list)
    """A row per call that is done; see flow.previews."""
    owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=["queued", "in_progress"]), name="preview_open"
            )
        ]

    def __str__(self) -> str:
        return f"preview {self.uid}"

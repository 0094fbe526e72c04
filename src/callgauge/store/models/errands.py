"""Small work beside the reruns: a row each, worked through by one owner at a time."""

from __future__ import annotations

from django.db import models


class ErrandState(models.TextChoices):
    """The wire's words for jobs that take a while."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class Errand(models.Model):
    uid = models.CharField(max_length=32, unique=True)
    """The wire's `progress_id`."""
    state = models.CharField(max_length=11, choices=ErrandState.choices, default=ErrandState.QUEUED)
    owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["queued", "in_progress"]),
                name="%(class)s_open",
            )
        ]

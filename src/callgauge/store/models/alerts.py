"""What people want to be told about."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.metrics import Metric
from callgauge.store.models.tenancy import Project


class Alert(models.Model):
    """Watches one metric."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="alerts")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="alerts")
    name = models.CharField(max_length=255)
    enabled = models.BooleanField(default=True)
    source = models.JSONField()
    """`sub_type`, and over which calls it looks."""
    threshold = models.JSONField(default=dict)
    notifications = models.JSONField(default=dict)
    trigger_count = models.PositiveIntegerField(default=0)
    last_triggered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="alert_name")]

    def __str__(self) -> str:
        return self.name

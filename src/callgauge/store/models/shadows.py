"""Versions that measure beside the one in use."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.metrics import Metric, MetricVersion


class Shadow(models.Model):
    """One version of a metric on the calls that come in, for some time. Ended ones stay, to be told."""

    metric = models.ForeignKey(Metric, models.CASCADE, related_name="shadows")
    version = models.ForeignKey(MetricVersion, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["metric"], condition=Q(ended_at=None), name="one_shadow")
        ]

    def __str__(self) -> str:
        return f"shadow {self.pk} of metric {self.metric_id}"

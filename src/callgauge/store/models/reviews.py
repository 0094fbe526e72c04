"""What people said of results. A review survives every rerun."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from callgauge.store.models.calls import CallLog
from callgauge.store.models.evaluation import MetricResult
from callgauge.store.models.metrics import Metric
from callgauge.store.models.tenancy import ApiKey, User


class Review(models.Model):
    """A vote on one metric of one call. Append-only; the newest is current."""

    call = models.ForeignKey(CallLog, models.CASCADE, related_name="reviews")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="reviews")
    result = models.ForeignKey(MetricResult, models.SET_NULL, null=True)
    """The machine's result that the person saw."""
    thumbs_up = models.BooleanField(null=True)
    has_expected_value = models.BooleanField(default=False)
    """An expected value of null says "not applicable", which is not the same as none given."""
    expected_value = models.JSONField(null=True)
    feedback = models.TextField(blank=True)
    is_current = models.BooleanField(default=True)
    by_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True)
    by_user = models.ForeignKey(User, models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["call", "metric"], condition=Q(is_current=True), name="one_current_review"
            )
        ]

    def __str__(self) -> str:
        return f"review {self.pk}"

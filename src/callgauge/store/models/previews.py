"""Metrics that are tried on past calls before they are saved."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.errands import Errand
from callgauge.store.models.tenancy import Project


class MetricPreview(Errand):
    """One unsaved metric on a few calls. Its results are kept here and nowhere else, for a day."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="previews")
    metric = models.JSONField()
    """The columns of a version, as it would be saved."""
    call_ids = models.JSONField()
    results = models.JSONField(default=list)
    """A row per call that is done; see flow.previews."""

    def __str__(self) -> str:
        return f"preview {self.uid}"

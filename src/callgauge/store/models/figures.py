"""What the overview keeps: figures of days that were counted already, and when a rubric changed."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.tenancy import Project

EVERY_AGENT = 0


class DayFigures(models.Model):
    """The results of one day's calls, counted. It is believed only while `fingerprint` fits the calls as they
    are: see flow.overview. Losing all rows costs nothing but time."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    agent = models.BigIntegerField(default=EVERY_AGENT)
    """No foreign key: 0 stands for the whole project."""
    day = models.CharField(max_length=10)
    fingerprint = models.CharField(max_length=160)
    figures = models.TextField()
    """JSON, see flow.overview."""
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "agent", "day"], name="figures_of_a_day_once")
        ]

    def __str__(self) -> str:
        return f"figures of {self.day} in project {self.project_id}"


class RubricChange(models.Model):
    """That a project's rubric became another, so that a plot can say when."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="rubric_changes")
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"rubric {self.version} of project {self.project_id}"

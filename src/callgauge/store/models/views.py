"""Lists that somebody wants to find again."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.tenancy import Project, User


class SavedView(models.Model):
    """A name for the query of a page's address; everybody in the project sees it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=32)
    """The name of the page's route, such as calls."""
    name = models.CharField(max_length=100)
    query = models.TextField(blank=True)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "page", "name"], name="view_name")]

    def __str__(self) -> str:
        return self.name

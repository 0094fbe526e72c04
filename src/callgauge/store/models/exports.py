"""Exports of calls: what was asked for, and the pieces that are written one by one."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.errands import Errand
from callgauge.store.models.tenancy import Project


class ExportFormat(models.TextChoices):
    CSV = "csv"
    PARQUET = "parquet"


class CallExport(Errand):
    """Calls and their results as a table. Kept for a day; see flow.exports."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="exports")
    format = models.CharField(max_length=8, choices=ExportFormat.choices)
    query = models.JSONField()
    """Which calls, in the words of flow.exports.Wanted."""
    fingerprint = models.CharField(max_length=64)
    metrics = models.JSONField()
    """[[id, name, eval type]] of the metrics that have columns, as it was when the export was asked for."""
    last_call_id = models.BigIntegerField(default=0)
    """Calls that came in later are not part of it."""
    written_through = models.BigIntegerField(default=0)
    """Calls up to this id stand in a piece."""
    total = models.PositiveBigIntegerField(null=True)
    """None until the calls have been counted."""
    written = models.PositiveBigIntegerField(default=0)
    pieces = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(Errand.Meta):
        indexes = [*Errand.Meta.indexes, models.Index(fields=["project", "id"], name="export_project")]

    def __str__(self) -> str:
        return f"export {self.uid}"


class ExportPiece(models.Model):
    """Some hundred calls, compressed. In the database, so that every server and worker can reach it and a
    piece is there exactly when its export says so."""

    export = models.ForeignKey(CallExport, models.CASCADE, related_name="content", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="export_piece_once")]

    def __str__(self) -> str:
        return f"piece {self.number} of export {self.export_id}"

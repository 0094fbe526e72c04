"""A call's metadata, key by key: what lists are filtered by."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.calls import CallLog


class CallMetadata(models.Model):
    """One value under one key. Written from the payload, never read back into it; see flow.call_metadata."""

    call = models.ForeignKey(CallLog, models.CASCADE, related_name="metadata_values", db_index=False)
    key = models.CharField(max_length=100)
    """Of a nested object: the keys on the way, joined by dots."""
    text = models.CharField(max_length=400)
    """The beginning of the value as text."""
    number = models.FloatField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["call", "key", "text", "number"], name="metadata_of_call"),
            # PostgreSQL reads the calls with one value from it at once; without, it reads the whole table.
            models.Index(fields=["key", "text", "call"], name="metadata_by_value"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of call {self.call_id}"

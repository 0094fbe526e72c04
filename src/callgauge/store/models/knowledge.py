"""What an agent is supposed to know: files, and their text."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.calls import Agent


class KnowledgeBaseFile(models.Model):
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="knowledge_base")
    file_name = models.CharField(max_length=255)
    file_type = models.CharField(max_length=8)
    """The ending of its name."""
    file_size = models.PositiveIntegerField()
    """Bytes."""
    content = models.BinaryField()
    """The file as it was sent. In the database, so that every host that serves has it."""
    text = models.TextField()
    """What was read out of it."""
    text_chars = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    """SHA-256 of the file."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "file_name"], name="knowledge_file_name")]

    def __str__(self) -> str:
        return self.file_name

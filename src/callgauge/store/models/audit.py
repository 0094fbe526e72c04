"""Who changed what. Rows are added and, when they are old, deleted; nothing changes one."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from django.db import models
from django.db.models import Q

from callgauge.store.models.tenancy import Organization

VERSION_USED: Final = "metric.version_used"


class ActorKind(models.TextChoices):
    KEY = "key", "an API key"
    USER = "user", "a person who is signed in"
    LINK = "link", "whoever followed a one-time link"
    COMMAND = "command", "a command on the server's own machine"
    SERVER = "server", "the server by itself"


class AppendOnly(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("An entry of the audit log is never changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Entries of the audit log are only deleted by their age, see flow.audit.")


class AuditEntry(models.Model):
    """Written in the transaction of what it is about, so that there is neither without the other."""

    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="audit")
    """Null for what concerns the whole installation: no tenant sees it."""
    project_id = models.BigIntegerField(null=True)
    """No foreign key: the entry about a project's end outlives it."""
    created_at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=8, choices=ActorKind.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=255, blank=True)
    """As it was then: a key's first characters and name, a person's address, a user of the machine."""
    address = models.CharField(max_length=64, blank=True)
    """On the net, where it came over the net."""
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=40)
    object_type = models.CharField(max_length=32)
    object_id = models.BigIntegerField(null=True)
    """Null where it was done to several, which `details` name."""
    object_name = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict)
    """Counts, ids and names of fields: never what was said, nor what a field held."""

    objects = AppendOnly.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "id"], name="audit_organization"),
            models.Index(fields=["project_id", "id"], name="audit_project"),
            models.Index(fields=["created_at"], name="audit_age"),
            models.Index(
                fields=["object_id", "id"], condition=Q(action=VERSION_USED), name="audit_version_used"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_kind} {self.actor_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("An entry of the audit log is never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("An entry of the audit log is never deleted by itself.")

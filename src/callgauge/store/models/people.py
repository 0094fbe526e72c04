"""How people get in: links that work once, and what was tried at the door."""

from __future__ import annotations

from django.db import models

from callgauge.store.models.tenancy import Organization, Role, User


class LinkKind(models.TextChoices):
    SETUP = "setup", "makes the first owner of an installation"
    INVITATION = "invitation", "makes a member of an organization"
    PASSWORD = "password", "sets a new password"


class OneTimeLink(models.Model):
    """A link that was given to somebody; the secret in it is stored hashed and counts once."""

    kind = models.CharField(max_length=10, choices=LinkKind.choices)
    digest = models.CharField(max_length=64, unique=True)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="links")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    email = models.CharField(max_length=254, blank=True)
    """Whom an invitation is meant for; empty lets anyone with the link in."""
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    """Whose password it sets."""
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} link {self.pk}"


class SignInTries(models.Model):
    """A token bucket of tries to sign in, for one address on the net or one account."""

    subject = models.CharField(max_length=80, unique=True)
    """What it counts and a hash of whose it is: an address that was tried is nobody's to read."""
    tokens = models.FloatField()
    refilled_at = models.FloatField()
    """Unix seconds."""

    def __str__(self) -> str:
        return self.subject

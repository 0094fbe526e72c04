"""Who owns what: organizations, projects, people and keys. Every other row hangs from a project."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class DuplicateCallPolicy(models.TextChoices):
    """What a second call with a known call id does."""

    KEEP = "keep", "answer with the first call, unchanged"
    UPDATE = "update", "replace what the first call held"
    REFUSE = "refuse", "refuse with 400"


class Organization(models.Model):
    name = models.CharField(max_length=255, unique=True)
    duplicate_calls = models.CharField(
        max_length=10, choices=DuplicateCallPolicy.choices, default=DuplicateCallPolicy.KEEP
    )
    settings = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """The tenant."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="projects")
    name = models.CharField(max_length=255)
    sample_rate = models.FloatField(default=1.0)
    rubric_logic = models.CharField(max_length=3, default="and")
    rubric_version = models.PositiveIntegerField(default=0)
    keep_calls_days = models.PositiveIntegerField(null=True)
    """Days after which calls are deleted; null keeps them. Recordings can go earlier."""
    keep_recordings_days = models.PositiveIntegerField(null=True)
    settings = models.JSONField(default=dict)
    secrets = models.JSONField(default=dict)
    """Sealed values by name; see flow.sealing."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="project_name")]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    objects = UserManager()

    def __str__(self) -> str:
        return self.email


class Role(models.TextChoices):
    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


class Member(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="members")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="one_membership")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id}"


class ApiKey(models.Model):
    """A key is shown once and stored hashed. Without a project it reaches the whole organization."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="keys")
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="keys")
    name = models.CharField(max_length=255, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OWNER)
    """An owner's key does all that it reaches; a member's makes no keys and no projects; a viewer's reads."""
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.prefix

    @property
    def is_authenticated(self) -> bool:
        """For DRF, which asks this of whoever made the request."""
        return True

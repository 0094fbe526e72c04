"""Organizations, projects and the keys that open them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from callgauge.flow.errors import Invalid, NotFound
from callgauge.store.models import ApiKey, Organization, Project, Role

PREFIX = "cg_"
SHOWN_CHARS = 10
LAST_USED_STEP = timedelta(minutes=1)
"""`last_used_at` is not written on every request: a read must not cost a write."""


def digest(secret: str) -> str:
    """SHA-256 is enough here: a key holds 256 random bits, so there is nothing to guess faster."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def create_key(
    *,
    organization: str = "default",
    project: str | None = None,
    name: str = "",
    role: Role = Role.OWNER,
) -> tuple[ApiKey, str]:
    """Make a key, and its organization and project where they are missing. The text is shown only here."""
    for field, value in (("organization", organization), ("project", project)):
        if value is not None and not value.strip():
            raise Invalid.field(field, "This field may not be blank.")
        if value is not None and len(value) > 255:
            raise Invalid.field(field, "Ensure this field has no more than 255 characters.")
    owner, _ = Organization.objects.get_or_create(name=organization.strip())
    scope = None
    if project is not None:
        scope, _ = Project.objects.get_or_create(organization=owner, name=project.strip())
    return issue_key(owner, scope, name, role)


def edit_organization(
    organization: Organization, *, name: str | None = None, duplicate_calls: str | None = None
) -> None:
    """Rename it, or set what a second call with a known call id does. Raises Invalid for a taken name."""
    organization.name = name or organization.name
    organization.duplicate_calls = duplicate_calls or organization.duplicate_calls
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError:
        raise Invalid.field("name", "An organization with this name exists already.") from None


def issue_key(
    organization: Organization, project: Project | None, name: str, role: Role = Role.OWNER
) -> tuple[ApiKey, str]:
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        organization=organization,
        project=project,
        name=name,
        role=role,
        prefix=secret[:SHOWN_CHARS],
        digest=digest(secret),
    )
    return key, secret


def keys_of(key: ApiKey) -> QuerySet[ApiKey]:
    """The keys that open no more than this one, newest first; revoked ones are left out."""
    keys = ApiKey.objects.filter(organization_id=key.organization_id, revoked_at=None)
    if key.project_id is not None:
        keys = keys.filter(project_id=key.project_id)
    return keys.select_related("organization", "project").order_by("-id")


def name_of(key: ApiKey) -> str:
    """For a history: who changed something."""
    return key.name or key.prefix


def find_key(secret: str) -> ApiKey | None:
    key = (
        ApiKey.objects.select_related("project", "organization")
        .filter(digest=digest(secret), revoked_at=None)
        .first()
    )
    if key is not None:
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke_key(prefix_or_id: str) -> ApiKey:
    """Revoke by id or by the shown prefix. Raises NotFound; an ambiguous prefix is Invalid."""
    keys = ApiKey.objects.filter(revoked_at=None)
    found = list(keys.filter(prefix=prefix_or_id)[:2])
    if not found and prefix_or_id.isascii() and prefix_or_id.isdigit() and len(prefix_or_id) < 19:
        found = list(keys.filter(pk=int(prefix_or_id)))
    if not found:
        raise NotFound(f"There is no active key {prefix_or_id!r}; `callgauge key list` shows them.")
    if len(found) > 1:
        raise Invalid.field("key", f"Several keys begin with {prefix_or_id!r}; give the id instead.")
    key = found[0]
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    return key

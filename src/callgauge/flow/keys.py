"""Organizations, projects and the keys that open them.

`create_key` and `revoke_any_key` are for whoever runs the server's command line: they look at all of it. The
others begin with who asks.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from callgauge.flow.audit import record
from callgauge.flow.errors import Forbidden, Invalid, NotFound
from callgauge.flow.scope import Person, Who, as_id, require_owner
from callgauge.store.models import ApiKey, Organization, Project, Role
from callgauge.store.prepared import Prepared

PREFIX = "cg_"
SHOWN_CHARS = 10
MAX_NAME = 255
LAST_USED_STEP = timedelta(minutes=1)
"""`last_used_at` is not written on every request: a read must not cost a write."""


_BY_DIGEST = Prepared(
    lambda digest: ApiKey.objects.select_related("project", "organization").filter(
        digest=digest, revoked_at=None
    ),
    str,
)


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
        if value is not None and len(value) > MAX_NAME:
            raise Invalid.field(field, f"Ensure this field has no more than {MAX_NAME} characters.")
    owner, _ = Organization.objects.get_or_create(name=organization.strip())
    scope = None
    if project is not None:
        scope, made = Project.objects.get_or_create(organization=owner, name=project.strip())
        if made:
            record("project.created", scope)
    return _issue_key(owner, scope, name, role)


def edit_organization(
    who: Who, organization: Organization, *, name: str | None = None, duplicate_calls: str | None = None
) -> None:
    """Rename it, or set what a second call with a known call id does. Raises Forbidden, and Invalid for a
    taken name."""
    require_owner(who)
    if organization.pk != who.organization_id:
        raise NotFound
    if isinstance(who, ApiKey) and who.project_id is not None:
        raise Forbidden("Only a key of the whole organization may change it.")
    organization.name = name or organization.name
    organization.duplicate_calls = duplicate_calls or organization.duplicate_calls
    try:
        with transaction.atomic():
            organization.save()
            record("organization.edited", organization)
    except IntegrityError:
        raise Invalid.field("name", "An organization with this name exists already.") from None


def make_key(who: Who, project: Project | None, name: str, role: Role) -> tuple[ApiKey, str]:
    """A key for one project, or without one for the whole organization; its text is shown only here.

    Raises Forbidden for all but owners, and for a project's key that wants one for more; NotFound for a
    foreign project."""
    require_owner(who)
    if project is not None and project.organization_id != who.organization_id:
        raise NotFound
    if isinstance(who, ApiKey) and who.project_id not in (None, project.pk if project else 0):
        raise Forbidden("A project's key makes keys for that project only.")
    if len(name.strip()) > MAX_NAME:
        raise Invalid.field("name", f"At most {MAX_NAME} characters.")
    return _issue_key(who.organization, project, name.strip(), role)


def _issue_key(
    organization: Organization, project: Project | None, name: str, role: Role
) -> tuple[ApiKey, str]:
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            organization=organization,
            project=project,
            name=name,
            role=role,
            prefix=secret[:SHOWN_CHARS],
            digest=digest(secret),
        )
        record("key.created", key, role=role)
    return key, secret


def keys_of(who: Who) -> QuerySet[ApiKey]:
    """The keys that whoever asks may see and revoke, newest first; revoked ones are left out. For a key those
    that open no more than itself; for a person on a project's page also those of the whole organization."""
    keys = ApiKey.objects.filter(organization_id=who.organization_id, revoked_at=None)
    if who.project_id is not None:
        wider = Q(project_id=None) if isinstance(who, Person) else Q()
        keys = keys.filter(Q(project_id=who.project_id) | wider)
    return keys.select_related("organization", "project").order_by("-id")


def name_of(who: Who) -> str:
    """For a history: who changed something."""
    if isinstance(who, Person):
        return who.user.name or who.user.email
    return who.name or who.prefix


def find_key(secret: str) -> ApiKey | None:
    key = next(iter(_BY_DIGEST(digest(secret))), None)
    if key is not None:
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
            # A disk that is full, or a database that only reads, keeps nobody from reading.
            with contextlib.suppress(DatabaseError):
                ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke_key(who: Who, key_id: object) -> ApiKey:
    """It stops working at once. Raises Forbidden, and NotFound for one that is foreign or revoked already."""
    require_owner(who)
    key = keys_of(who).filter(pk=as_id(key_id) or 0).first()
    if key is None:
        raise NotFound
    return _revoke(key)


def revoke_any_key(prefix_or_id: str) -> ApiKey:
    """Revoke by id or by the shown prefix. Raises NotFound; an ambiguous prefix is Invalid."""
    keys = ApiKey.objects.filter(revoked_at=None)
    found = list(keys.filter(prefix=prefix_or_id)[:2])
    if not found and (number := as_id(prefix_or_id)):
        found = list(keys.filter(pk=number))
    if not found:
        raise NotFound(f"There is no active key {prefix_or_id!r}; `callgauge key list` shows them.")
    if len(found) > 1:
        raise Invalid.field("key", f"Several keys begin with {prefix_or_id!r}; give the id instead.")
    return _revoke(found[0])


def _revoke(key: ApiKey) -> ApiKey:
    key.revoked_at = timezone.now()
    with transaction.atomic():
        key.save(update_fields=["revoked_at"])
        record("key.revoked", key)
    return key

"""The audit log: who changed what, when, and from where. Verbs write their entry in their own transaction.

An entry holds names, ids, counts and the names of fields. It never holds what was said in a call, nor what a
field held before or after: versions of metrics and agents have that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from callgauge.flow.errors import NotFound
from callgauge.flow.scope import Who, as_id, projects_of, require_owner
from callgauge.store.models import ActorKind, ApiKey, AuditEntry, Organization, Project, User
from callgauge.store.turns import write_turn
from callgauge.telemetry.context import current
from callgauge.telemetry.logs import event

IDS_NAMED: Final = 100
FORGOTTEN_AT_ONCE: Final = 1_000
_OWNERS: Final = ("project", "agent", "metric", "call", "golden_set", "item", "review")
"""Where an object's project is found, in this order."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Actor:
    kind: ActorKind
    id: int | None = None
    name: str = ""
    address: str = ""


SERVER: Final = Actor(ActorKind.SERVER)
_actor: ContextVar[Actor] = ContextVar("callgauge_actor", default=SERVER)


@contextmanager
def nobody_yet() -> Iterator[None]:
    """A stretch, such as a request, at whose end whoever acted is forgotten: threads are used again."""
    token = _actor.set(SERVER)
    try:
        yield
    finally:
        _actor.reset(token)


def act_as(actor: Actor) -> None:
    """Until the end of `nobody_yet`, or of the process."""
    _actor.set(actor)


def act_as_key(key: ApiKey, address: str) -> None:
    act_as(Actor(ActorKind.KEY, key.pk, f"{key.prefix} {key.name}".strip(), address))


def act_as_user(user: User, address: str) -> None:
    act_as(Actor(ActorKind.USER, user.pk, user.email, address))


def acting_user_id() -> int | None:
    """The person who acts; None where it is a key or the server itself."""
    actor = _actor.get()
    return actor.id if actor.kind == ActorKind.USER else None


def record(action: str, subject: Model | Sequence[Model], **details: Any) -> None:
    """Add an entry. The caller is in the transaction that does it, and `subject` has its id still."""
    record_all(action, [_described(subject, details)])


def record_installation(action: str, *, database: str = DEFAULT_DB_ALIAS, **details: Any) -> None:
    """Add an entry about all of it, which no tenant sees. The caller is in the transaction."""
    record_all(action, [{"object_type": "installation", "details": details}], database)


def record_all(action: str, described: Sequence[dict[str, Any]], database: str = DEFAULT_DB_ALIAS) -> None:
    actor, request_id = _actor.get(), str(current().get("request_id", ""))
    entries = [
        AuditEntry(
            action=action,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name[:255],
            address=actor.address[:64],
            request_id=request_id,
            **columns,
        )
        for columns in described
    ]
    for entry in entries:
        entry.save(force_insert=True, using=database)
        event(
            "audit",
            action=action,
            actor_kind=actor.kind.value,
            actor_id=actor.id,
            project_id=entry.project_id,
            object_type=entry.object_type,
            object_id=entry.object_id,
        )


def audited(
    action: str, *, at: int = 0
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """A verb and its entry in one transaction. What it was done to is the row that it gives back, else its
    argument at that place. One that gives False has changed nothing, and leaves no entry."""

    def decorate(verb: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(verb)
        def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            with write_turn(), transaction.atomic():
                given: Any = args[at] if at < len(args) else None
                # Before it loses its id. One that is made by the verb comes back from it.
                described = _described(given, {}) if isinstance(given, Model | list | tuple) else None
                result = verb(*args, **kwargs)
                if isinstance(result, Model):
                    described = _described(result, {})
                if described is not None and result is not False:
                    record_all(action, [described])
                return result

        return wrapped

    return decorate


def _described(subject: Model | Sequence[Model], details: dict[str, Any]) -> dict[str, Any]:
    if isinstance(subject, Model):
        kind, ids, first = subject._meta.model_name, {"object_id": subject.pk}, subject
        name = str(getattr(subject, "name", "") or getattr(subject, "prefix", "") or "")
    else:
        first = subject[0] if subject else Organization()
        kind, ids, name = first._meta.model_name, {}, ""
        details = {"count": len(subject), "ids": [one.pk for one in subject[:IDS_NAMED]], **details}
    organization_id, project_id = _tenant_of(first)
    return {
        "organization_id": organization_id,
        "project_id": project_id,
        "object_type": str(kind)[:32],
        "object_name": name[:255],
        "details": details,
        **ids,
    }


def _tenant_of(one: Model) -> tuple[int | None, int | None]:
    """The organization and the project that a row belongs to."""
    if isinstance(one, Organization):
        return one.pk, None
    if isinstance(one, Project):
        return one.organization_id, one.pk
    organization_id = getattr(one, "organization_id", None)
    if organization_id is not None:
        return organization_id, getattr(one, "project_id", None)
    for name in _OWNERS:
        if getattr(one, f"{name}_id", None) is not None:
            return _tenant_of(getattr(one, name))
    return None, None


def entries_of(who: Who) -> QuerySet[AuditEntry]:
    """What an owner may see: of the project where the key or person reaches one, else of the organization.
    Raises Forbidden."""
    require_owner(who)
    entries = AuditEntry.objects.filter(organization_id=who.organization_id).order_by("-id")
    return entries if who.project_id is None else entries.filter(project_id__in=projects_of(who).values("pk"))


def entries(organization: str | None, project: str | None, action: str | None) -> QuerySet[AuditEntry]:
    """For whoever runs the server's command line: all of them, or those of one name. Raises NotFound."""
    found = AuditEntry.objects.order_by("-id")
    if organization is not None:
        owner = Organization.objects.filter(name=organization).first()
        if owner is None:
            raise NotFound(f"There is no organization {organization!r}.")
        found = found.filter(organization=owner)
    if project is not None:
        ids = set(Project.objects.filter(name=project).values_list("pk", flat=True))
        if number := as_id(project):
            ids.add(number)  # one that was deleted has no name any more
        if not ids:
            raise NotFound(f"There is no project {project!r}.")
        found = found.filter(project_id__in=ids)
    return found if action is None else found.filter(action=action)


def forget_old_entries() -> int:
    """Delete some of those that are older than CALLGAUGE_AUDIT_DAYS; how many. 0 days keeps them for ever."""
    if not settings.CALLGAUGE.audit_days:
        return 0
    before = timezone.now() - timedelta(days=settings.CALLGAUGE.audit_days)
    old = AuditEntry.objects.filter(created_at__lt=before).order_by("id")
    ids = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    if ids:
        with write_turn(), transaction.atomic():
            some = AuditEntry.objects.filter(pk__in=ids)
            some._raw_delete(some.db)
    return len(ids)

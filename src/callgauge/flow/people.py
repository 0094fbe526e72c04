"""People: accounts, memberships, and the links by which they come in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from callgauge.domain.storable import is_storable
from callgauge.flow.audit import record
from callgauge.flow.errors import Conflict, Invalid, NotFound
from callgauge.flow.keys import digest
from callgauge.flow.naming import FIRST_ORGANIZATION
from callgauge.flow.scope import Person, Who, require_owner
from callgauge.store.models import LinkKind, Member, OneTimeLink, Organization, Project, Role, User
from callgauge.store.turns import write_turn

LIFETIMES = {
    LinkKind.SETUP: timedelta(days=7),
    LinkKind.INVITATION: timedelta(days=7),
    LinkKind.PASSWORD: timedelta(hours=2),
}
FIRST_PROJECT = "Default"


@dataclass(frozen=True, slots=True)
class NewAccount:
    email: str
    password: str
    name: str = ""


def read_email(text: str) -> str:
    """Trimmed and in lower case: an account is one whichever way its address is typed. Raises Invalid."""
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid.field("email", "Write an e-mail address, such as ada@example.com.") from None
    if len(email) > 254:
        raise Invalid.field("email", "At most 254 characters.")
    return email


def find_user(email: str) -> User | None:
    return User.objects.annotate(lowered=Lower("email")).filter(lowered=email.strip().lower()).first()


@transaction.atomic
def create_user(account: NewAccount, organization: str, role: Role) -> User:
    """An account and its membership; the organization, with a first project, is made where it is missing.

    Raises Invalid for an address that is taken or a password that is too weak.
    """
    owner, made = Organization.objects.get_or_create(name=organization.strip())
    if made or not owner.projects.exists():
        project, first = Project.objects.get_or_create(organization=owner, name=FIRST_PROJECT)
        if first:
            record("project.created", project)
    user = _make_user(account)
    _note_member(Member.objects.create(user=user, organization=owner, role=role))
    return user


def _note_member(member: Member) -> None:
    record("member.added", member, email=member.user.email, role=member.role)


def _make_user(account: NewAccount) -> User:
    email = read_email(account.email)
    name = account.name.strip()
    if len(name) > 255 or not is_storable(name):
        raise Invalid.field("name", "At most 255 ordinary characters.")
    user = User(email=email, name=name)
    _set_password(user, account.password)
    if find_user(email) is not None:
        raise Invalid.field("email", "There is an account with this address. Sign in with it.")
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise Invalid.field("email", "There is an account with this address. Sign in with it.") from None
    return user


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid({"password": error.messages}) from None
    user.set_password(password)


def change_password(user: User, password: str) -> None:
    """Set a new password, which ends the sessions of the old one. Raises Invalid for one that is too weak."""
    _set_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        for member in Member.objects.filter(user=user):
            record("member.password_changed", member, email=user.email)


def change_own_password(user: User, old: str, new: str) -> None:
    """Raises Invalid where the old one is wrong or the new one too weak."""
    if not user.check_password(old):
        raise Invalid.field("old", "The old password is wrong.")
    change_password(user, new)


# --- links ----------------------------------------------------------------------------------------------


def setup_link() -> str | None:
    """The secret of a link that makes the first owner; None where there is an account already. Earlier
    set-up links stop working: the newest printed one is the one that counts."""
    with write_turn(), transaction.atomic():
        if User.objects.exists():
            return None
        OneTimeLink.objects.filter(kind=LinkKind.SETUP).delete()
        return _make_link(LinkKind.SETUP, role=Role.OWNER)


def invite(who: Who, role: Role, email: str = "") -> str:
    """The secret of an invitation into the owner's organization. Raises Forbidden and Invalid."""
    require_owner(who)
    return invite_to(who.organization, role, email, made_by=who.user if isinstance(who, Person) else None)


def invite_to(organization: Organization, role: Role, email: str = "", made_by: User | None = None) -> str:
    """The same from the server's command line. Raises Invalid."""
    wanted = read_email(email) if email.strip() else ""
    with transaction.atomic():
        record("invitation.made", organization, role=role, email=wanted)
        return _make_link(
            LinkKind.INVITATION, organization=organization, role=role, email=wanted, made_by=made_by
        )


def password_link(user: User) -> str:
    """The secret of a link that sets a new password. Earlier ones stop working."""
    with write_turn(), transaction.atomic():
        OneTimeLink.objects.filter(kind=LinkKind.PASSWORD, user=user).delete()
        for member in Member.objects.filter(user=user):
            record("member.password_link_made", member, email=user.email)
        return _make_link(LinkKind.PASSWORD, user=user)


def _make_link(kind: LinkKind, **fields: object) -> str:
    secret = secrets.token_urlsafe(32)
    OneTimeLink.objects.create(
        kind=kind, digest=digest(secret), expires_at=timezone.now() + LIFETIMES[kind], **fields
    )
    return secret


def find_link(kind: LinkKind, secret: str) -> OneTimeLink:
    """Raises NotFound for a link that is unknown, used or too old: nobody can tell which."""
    link = (
        OneTimeLink.objects.select_related("organization", "user")
        .filter(kind=kind, digest=digest(secret), used_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if link is None:
        raise NotFound
    return link


def _use(kind: LinkKind, secret: str) -> OneTimeLink:
    """Of two who follow the link at the same time, one gets in. The caller is in a transaction."""
    link = find_link(kind, secret)
    taken = OneTimeLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now())
    if not taken:
        raise NotFound
    return link


def set_up(secret: str, account: NewAccount, organization: str) -> User:
    """Make the first owner. Raises NotFound, Invalid, and Conflict where somebody was first.

    What the command line made before there was an account is theirs, under the name that they give: in an
    organization beside it they would see none of it.
    """
    with write_turn(), transaction.atomic():
        _use(LinkKind.SETUP, secret)
        if User.objects.exists():
            raise Conflict("This installation has an owner. Ask them for an invitation.")
        return create_user(account, _named_by_its_owner(organization), Role.OWNER)


def first_organization() -> str:
    """What the first owner's organization is called unless they say otherwise."""
    existing = _only_organization()
    return FIRST_ORGANIZATION if existing is None else existing.name


def _only_organization() -> Organization | None:
    found = list(Organization.objects.all()[:2])
    return found[0] if len(found) == 1 else None


def _named_by_its_owner(typed: str) -> str:
    name = typed.strip() or first_organization()
    if len(name) > 255 or not is_storable(name):
        raise Invalid.field("organization", "The organization's name: at most 255 ordinary characters.")
    existing = _only_organization()
    if existing is not None and existing.name != name:
        existing.name = name
        existing.save(update_fields=["name"])
        record("organization.edited", existing)
    return name


def accept_invitation(secret: str, account: NewAccount) -> User:
    """Make an account that is a member from its first moment. Raises NotFound and Invalid."""
    with write_turn(), transaction.atomic():
        link = _use(LinkKind.INVITATION, secret)
        if link.email and read_email(account.email) != link.email:
            raise Invalid.field("email", f"This invitation is for {link.email}.")
        assert link.organization is not None
        user = _make_user(account)
        _note_member(Member.objects.create(user=user, organization=link.organization, role=link.role))
        return user


def join(secret: str, user: User) -> None:
    """Accept an invitation with an account that is there. Raises NotFound and Invalid."""
    with write_turn(), transaction.atomic():
        link = _use(LinkKind.INVITATION, secret)
        if link.email and user.email.lower() != link.email:
            raise Invalid.field("email", f"This invitation is for {link.email}.")
        assert link.organization is not None
        member, made = Member.objects.get_or_create(
            user=user, organization=link.organization, defaults={"role": link.role}
        )
        if made:
            _note_member(member)


def reset_password(secret: str, password: str) -> User:
    """Raises NotFound and Invalid."""
    with write_turn(), transaction.atomic():
        link = _use(LinkKind.PASSWORD, secret)
        assert link.user is not None
        change_password(link.user, password)
        return link.user

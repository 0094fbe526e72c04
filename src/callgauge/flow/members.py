"""The people of an organization, as its owners see and change them. There is always an owner left."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from callgauge.flow.audit import record
from callgauge.flow.errors import Conflict, NotFound
from callgauge.flow.scope import Who, as_id, require_owner
from callgauge.store.models import LinkKind, Member, OneTimeLink, Organization, Role
from callgauge.store.turns import write_turn

LAST_OWNER = "This is the last owner. Make somebody else an owner first."


def members_of(who: Who) -> QuerySet[Member]:
    """Raises Forbidden for all but owners."""
    require_owner(who)
    members = Member.objects.filter(organization_id=who.organization_id)
    return members.select_related("user").order_by("user__name", "user__email")


def invitations_of(who: Who) -> QuerySet[OneTimeLink]:
    """Those that can still be accepted, the newest first. Raises Forbidden for all but owners."""
    require_owner(who)
    return OneTimeLink.objects.filter(
        kind=LinkKind.INVITATION,
        organization_id=who.organization_id,
        used_at=None,
        expires_at__gt=timezone.now(),
    ).order_by("-id")


def change_role(who: Who, member_id: object, role: Role) -> Member:
    """It holds from the member's next request on. Raises Forbidden, NotFound, and Conflict for the last
    owner."""
    with write_turn(), transaction.atomic():
        member = _locked(who, member_id)
        if role != Role.OWNER:
            _require_another_owner(member)
            _withdraw_invitations_by(member)
        member.role = role
        member.save(update_fields=["role"])
        record("member.role_changed", member, email=member.user.email, role=role)
        return member


def remove_member(who: Who, member_id: object) -> Member:
    """Their account stays, and sees nothing of this organization from now on. Invitations that they made
    cannot be accepted any more, so that they cannot let themselves in again.

    Raises Forbidden, NotFound, and Conflict for the last owner."""
    with write_turn(), transaction.atomic():
        member = _locked(who, member_id)
        _require_another_owner(member)
        _withdraw_invitations_by(member)
        record("member.removed", member, email=member.user.email)
        Member.objects.filter(pk=member.pk).delete()
        return member


def withdraw_invitation(who: Who, link_id: object) -> None:
    """Raises Forbidden, and NotFound for one that was accepted, is too old, or is somebody else's."""
    with transaction.atomic():
        link = invitations_of(who).select_for_update(of=("self",)).filter(pk=as_id(link_id) or 0).first()
        if link is None:
            raise NotFound
        record("invitation.withdrawn", link, role=link.role)
        link.delete()


def _locked(who: Who, member_id: object) -> Member:
    """Changes of one organization's people wait for each other: two owners may not demote one another."""
    require_owner(who)
    Organization.objects.select_for_update(no_key=True).get(pk=who.organization_id)
    member = members_of(who).filter(pk=as_id(member_id) or 0).first()
    if member is None:
        raise NotFound
    return member


def _require_another_owner(member: Member) -> None:
    if member.role != Role.OWNER:
        return
    others = Member.objects.filter(
        organization_id=member.organization_id, role=Role.OWNER, user__is_active=True
    ).exclude(pk=member.pk)
    if not others.exists():
        raise Conflict(LAST_OWNER)


def _withdraw_invitations_by(member: Member) -> None:
    OneTimeLink.objects.filter(
        kind=LinkKind.INVITATION,
        organization_id=member.organization_id,
        made_by_id=member.user_id,
        used_at=None,
    ).delete()

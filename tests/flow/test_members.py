"""Who may change the people and keys of an organization, and what always stays true of them."""

from __future__ import annotations

import pytest
from django.test import Client

from callgauge.flow import people as flow
from callgauge.flow.agents import create_agent, delete_agent, edit_agent
from callgauge.flow.errors import Conflict, Forbidden, Invalid, NotFound
from callgauge.flow.keys import edit_organization, find_key, keys_of, make_key, revoke_key
from callgauge.flow.members import (
    change_role,
    invitations_of,
    members_of,
    remove_member,
    withdraw_invitation,
)
from callgauge.flow.projects import create_project, delete_project, edit_project
from callgauge.flow.rubric import write_rubric
from callgauge.flow.scope import person_in
from callgauge.store.models import Agent, LinkKind, Member, OneTimeLink, Project, Role
from tests.people import People, SignedIn, make_user
from tests.tenants import Tenant, tenant


def membership(one: SignedIn) -> Member:
    return Member.objects.get(user=one.user)


def test_only_owners_see_and_change_people(people: People) -> None:
    assert {one.user.email for one in members_of(people.owner.who)} == {
        "ada@example.com",
        "bob@example.com",
        "vera@example.com",
    }
    target = membership(people.viewer)
    for asking in (people.member.who, people.viewer.who):
        for verb in (members_of, invitations_of):
            with pytest.raises(Forbidden):
                verb(asking)
        with pytest.raises(Forbidden):
            change_role(asking, target.pk, Role.OWNER)
        with pytest.raises(Forbidden):
            remove_member(asking, target.pk)


def test_charlie_cannot_touch_them(people: People) -> None:
    target = membership(people.viewer)
    with pytest.raises(NotFound):
        change_role(people.charlie.who, target.pk, Role.MEMBER)
    with pytest.raises(NotFound):
        remove_member(people.charlie.who, target.pk)
    target.refresh_from_db()
    assert target.role == Role.VIEWER


def test_a_changed_role_holds_at_once(people: People) -> None:
    change_role(people.owner.who, membership(people.viewer).pk, Role.MEMBER)
    assert membership(people.viewer).role == Role.MEMBER
    remove_member(people.owner.who, membership(people.viewer).pk)
    assert people.viewer.client.get(people.path("calls")).status_code == 404


def test_there_is_always_an_owner(people: People) -> None:
    ada = membership(people.owner)
    for attempt in (
        lambda: change_role(people.owner.who, ada.pk, Role.MEMBER),
        lambda: remove_member(people.owner.who, ada.pk),
    ):
        with pytest.raises(Conflict, match="last owner"):
            attempt()
    second = make_user("second@example.com", people.project.organization, Role.OWNER)
    second.is_active = False
    second.save()
    with pytest.raises(Conflict):
        remove_member(people.owner.who, ada.pk)
    second.is_active = True
    second.save()
    remove_member(people.owner.who, ada.pk)
    assert not Member.objects.filter(user=people.owner.user).exists()


def test_whoever_is_removed_has_left_no_door_open(people: People) -> None:
    change_role(people.owner.who, membership(people.member).pk, Role.OWNER)
    bob = person_in(people.member.user, people.project.pk)
    secret = flow.invite(bob, Role.OWNER)
    remove_member(people.owner.who, membership(people.member).pk)
    with pytest.raises(NotFound):
        flow.find_link(LinkKind.INVITATION, secret)
    assert people.member.client.post(f"/invitation/{secret}", {"join": "1"}).status_code == 404


def test_an_invitation_is_withdrawn_by_its_own_organization(people: People) -> None:
    secret = flow.invite(people.owner.who, Role.MEMBER)
    (link,) = invitations_of(people.owner.who)
    with pytest.raises(NotFound):
        withdraw_invitation(people.charlie.who, link.pk)
    withdraw_invitation(people.owner.who, link.pk)
    assert Client(HTTP_ACCEPT="text/html").get(f"/invitation/{secret}").status_code == 404
    assert not OneTimeLink.objects.exists()


# --- keys -------------------------------------------------------------------------------------------------


def test_owners_make_and_revoke_the_keys_that_reach_their_project(people: People) -> None:
    made, secret = make_key(people.owner.who, people.project, " ci ", Role.VIEWER)
    assert (made.name, made.role, made.project) == ("ci", Role.VIEWER, people.project)
    whole, _ = make_key(people.owner.who, None, "all", Role.OWNER)
    assert {made, whole} <= set(keys_of(people.owner.who))
    revoke_key(people.owner.who, made.pk)
    assert find_key(secret) is None
    with pytest.raises(NotFound):
        revoke_key(people.owner.who, made.pk)


def test_keys_of_others_are_not_there(people: People, alice: Tenant, charlie: Tenant) -> None:
    for asking in (people.charlie.who, charlie.key):
        with pytest.raises(NotFound):
            revoke_key(asking, alice.key.pk)
        with pytest.raises(NotFound):
            make_key(asking, people.project, "", Role.OWNER)
    for asking in (people.member.who, people.viewer.who):
        with pytest.raises(Forbidden):
            revoke_key(asking, alice.key.pk)
        with pytest.raises(Forbidden):
            make_key(asking, people.project, "", Role.VIEWER)
    assert find_key(alice.secret) is not None


def test_a_projects_key_reaches_no_wider_key(alice: Tenant) -> None:
    whole = tenant("Acme", None)
    with pytest.raises(NotFound):
        revoke_key(alice.key, whole.key.pk)
    with pytest.raises(Forbidden):
        make_key(alice.key, None, "", Role.OWNER)
    elsewhere = Project.objects.create(organization=alice.project.organization, name="Elsewhere")
    with pytest.raises(Forbidden):
        make_key(alice.key, elsewhere, "", Role.OWNER)
    revoke_key(whole.key, alice.key.pk)


def test_a_name_that_is_too_long_is_refused(people: People) -> None:
    with pytest.raises(Invalid):
        make_key(people.owner.who, people.project, "x" * 256, Role.OWNER)


# --- agents, projects, the rubric -------------------------------------------------------------------------


def test_viewers_change_nothing_of_a_project(people: People) -> None:
    agent = create_agent(people.project, {"name": "Bookings"}, {}, who=people.member.who)
    assert agent.history.get().changed_by == "bob@example.com"
    vera = people.viewer.who
    for attempt in (
        lambda: create_agent(people.project, {"name": "Mine"}, {}, who=vera),
        lambda: edit_agent(agent, {"name": "Mine"}, {}, who=vera),
        lambda: delete_agent(agent, with_calls=True, who=vera),
        lambda: edit_project(vera, people.project, {"name": "Mine"}),
        lambda: write_rubric(people.project, {}, who=vera),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert Agent.objects.get().name == "Bookings"


def test_projects_are_made_and_deleted_by_owners(people: People) -> None:
    made = create_project(people.owner.who, {"name": "Second"})
    assert made.organization == people.project.organization
    with pytest.raises(Forbidden):
        create_project(people.member.who, {"name": "Third"})
    with pytest.raises(Forbidden):
        delete_project(people.member.who, made)
    with pytest.raises(NotFound):
        delete_project(people.charlie.who, made)
    with pytest.raises(NotFound):
        edit_project(people.charlie.who, made, {"name": "Mine"})
    with pytest.raises(NotFound):
        edit_organization(people.charlie.who, people.project.organization, name="Mine")

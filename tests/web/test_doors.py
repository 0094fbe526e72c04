"""Signing in and out, roles, links that work once, and walls between tenants."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.core import mail as sent_mail
from django.test import Client

from callgauge.domain.options.kinds import mail_server
from callgauge.flow import people as flow
from callgauge.flow.errors import Forbidden, NotFound
from callgauge.flow.keys import create_key
from callgauge.flow.password_mail import mail_password_link
from callgauge.flow.scope import require_change, require_owner
from callgauge.store.models import LinkKind, Member, OneTimeLink, Organization, Project, Role, User
from tests.people import PASSWORD, People

pytestmark = pytest.mark.django_db
NEW = {"email": "New@Example.com", "name": "New", "password": "a long enough sentence"}


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> object:
    return client.post("/sign-in", {"email": email, "password": password, **more})


def test_who_is_not_signed_in_is_asked_to_and_comes_back(people: People) -> None:
    client = Client()
    path = people.path("calls") + "?agent=3"
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"] == f"/sign-in?next=%2Fprojects%2F{people.project.pk}%2Fcalls%3Fagent%3D3"
    answer = sign_in(client, " ADA@example.com ", next=path)
    assert (answer.status_code, answer["Location"]) == (302, path)
    assert client.get(path).status_code == 200


def test_a_fragment_takes_the_whole_page_to_the_door(people: People) -> None:
    answer = Client().get(
        people.path("running"),
        HTTP_HX_REQUEST="true",
        HTTP_HX_CURRENT_URL="http://testserver/projects/1/calls",
    )
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in?next=http%3A%2F%2Ftestserver%2Fprojects%2F1%2Fcalls"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_next_never_leaves_this_server(people: People, elsewhere: str) -> None:
    answer = sign_in(Client(), "ada@example.com", next=elsewhere)
    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    ("email", "password"), [("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD)]
)
def test_what_does_not_fit_is_refused_in_the_same_words(people: People, email: str, password: str) -> None:
    answer = sign_in(Client(), email, password)
    assert answer.status_code == 400
    assert "The address and the password do not belong together." in answer.content.decode()


def test_an_account_that_was_switched_off_cannot_sign_in(people: People) -> None:
    User.objects.filter(email="ada@example.com").update(is_active=False)
    assert sign_in(Client(), "ada@example.com").status_code == 400
    assert people.owner.client.get(people.path("calls")).status_code == 302


def test_too_many_tries_are_told_when_to_come_back(people: People) -> None:
    answers = [sign_in(Client(), "ada@example.com", "wrong") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 90
    assert sign_in(Client(), "ADA@example.com").status_code == 429, "the right one has to wait too"
    assert sign_in(Client(), "bob@example.com").status_code == 302, "others do not"


def test_one_address_cannot_try_many_accounts(people: People) -> None:
    answers = [sign_in(Client(), f"{number}@example.com", "wrong") for number in range(51)]
    assert [answer.status_code for answer in answers] == [400] * 50 + [429]


def test_signing_out_ends_the_session(people: People) -> None:
    client = people.owner.client
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code == 302
    assert client.get(people.path("calls")).status_code == 302


def test_a_new_password_ends_the_other_sessions(people: People) -> None:
    elsewhere = Client()
    sign_in(elsewhere, "ada@example.com")
    answer = people.owner.client.post("/account", {"old": PASSWORD, "password": "another long sentence"})
    assert "Other sessions of yours have ended" in answer.content.decode()
    assert elsewhere.get(people.path("calls")).status_code == 302
    assert people.owner.client.get(people.path("calls")).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wrong", "another long sentence", "The old password is wrong."),
        (PASSWORD, "short", "too short"),
        (PASSWORD, "ada@example.com", "too similar"),
        (PASSWORD, "password123", "too common"),
    ],
)
def test_a_password_that_cannot_be_used_says_why(people: People, old: str, new: str, words: str) -> None:
    answer = people.owner.client.post("/account", {"old": old, "password": new})
    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_a_form_without_its_token_changes_nothing(people: People) -> None:
    client = Client(enforce_csrf_checks=True, HTTP_ACCEPT="text/html")
    client.force_login(people.owner.user)
    answer = client.post("/account", {"old": PASSWORD, "password": "another long sentence"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()
    assert sign_in(Client(), "ada@example.com").status_code == 302
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/account").content.decode())
    assert token is not None
    form = {"old": PASSWORD, "password": "another long sentence", "csrfmiddlewaretoken": token[1]}
    assert client.post("/account", form).status_code == 200


def test_the_wall_between_tenants(people: People) -> None:
    foreign, missing = people.path("calls"), "/projects/999999/calls"
    answers = [people.charlie.client.get(path) for path in (foreign, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    for signed in (people.owner, people.member, people.viewer):
        assert signed.client.get(foreign).status_code == 200


def test_roles(people: People) -> None:
    require_change(people.member.who)
    require_owner(people.owner.who)
    with pytest.raises(Forbidden):
        require_change(people.viewer.who)
    with pytest.raises(Forbidden):
        require_owner(people.member.who)
    with pytest.raises(Forbidden):
        flow.invite(people.member.who, Role.OWNER)


def test_the_first_owner_comes_by_a_link_that_counts_once(db: None, quick_passwords: None) -> None:
    older, secret = flow.setup_link(), flow.setup_link()
    assert older is not None
    assert secret is not None
    client = Client(HTTP_ACCEPT="text/html")
    assert client.get(f"/set-up/{older}").status_code == 404, "a newer one was printed"
    weak = client.post(f"/set-up/{secret}", {**NEW, "password": "short", "organization": "Acme"})
    assert weak.status_code == 400
    assert not User.objects.exists()
    assert client.post(f"/set-up/{secret}", {**NEW, "organization": "Acme"}).status_code == 302
    member = Member.objects.get()
    assert (member.user.email, member.role, member.organization.name) == ("new@example.com", "owner", "Acme")
    assert Project.objects.filter(organization__name="Acme").exists()
    assert client.get("/", follow=True).status_code == 200
    again = client.get(f"/set-up/{secret}")
    assert again.status_code == 404
    assert "It was used already" in again.content.decode()
    assert flow.setup_link() is None


def test_the_first_owner_gets_what_the_command_line_made(db: None, quick_passwords: None) -> None:
    key, _ = create_key(project="Bookings")
    secret = flow.setup_link()
    client = Client(HTTP_ACCEPT="text/html")
    assert 'name="organization" value="default"' in client.get(f"/set-up/{secret}").content.decode()
    long = client.post(f"/set-up/{secret}", {**NEW, "organization": "x" * 256})
    assert (long.status_code, "at most 255" in long.content.decode()) == (400, True)
    assert client.post(f"/set-up/{secret}", {**NEW, "organization": "Acme"}).status_code == 302
    assert Member.objects.get().organization_id == key.organization_id
    assert Organization.objects.get().name == "Acme"
    assert client.get(f"/projects/{key.project_id}/calls").status_code == 200


def test_two_with_set_up_links_make_one_owner(db: None, quick_passwords: None) -> None:
    secret = flow.setup_link()
    assert secret is not None
    flow.create_user(flow.NewAccount("first@example.com", PASSWORD), "default", Role.OWNER)
    answer = Client(HTTP_ACCEPT="text/html").post(f"/set-up/{secret}", NEW)
    assert answer.status_code == 409
    assert User.objects.count() == 1


def test_an_invitation_makes_a_member_once(people: People) -> None:
    secret = flow.invite(people.owner.who, Role.VIEWER, "new@example.com")
    client = Client(HTTP_ACCEPT="text/html")
    assert "You were invited as viewer." in client.get(f"/invitation/{secret}").content.decode()
    other = client.post(f"/invitation/{secret}", {**NEW, "email": "other@example.com"})
    assert other.status_code == 400
    assert "This invitation is for new@example.com." in other.content.decode()
    assert client.post(f"/invitation/{secret}", NEW).status_code == 302
    assert Member.objects.get(user__email="new@example.com").role == Role.VIEWER
    assert client.get(people.path("calls")).status_code == 200
    assert Client(HTTP_ACCEPT="text/html").get(f"/invitation/{secret}").status_code == 404


def test_an_account_that_is_there_joins(people: People) -> None:
    secret = flow.invite(people.owner.who, Role.MEMBER)
    assert people.charlie.client.post(f"/invitation/{secret}", {"join": "1"}).status_code == 302
    assert people.charlie.client.get(people.path("calls")).status_code == 200


def test_a_link_that_is_too_old_is_as_good_as_none(people: People) -> None:
    secret = flow.invite(people.owner.who, Role.MEMBER)
    OneTimeLink.objects.update(expires_at="2020-01-01T00:00:00Z")
    with pytest.raises(NotFound):
        flow.find_link(LinkKind.INVITATION, secret)


def test_a_link_of_one_kind_opens_no_other_door(people: People) -> None:
    secret = flow.password_link(people.member.user)
    assert Client(HTTP_ACCEPT="text/html").get(f"/invitation/{secret}").status_code == 404
    answer = Client(HTTP_ACCEPT="text/html").get(f"/password/{secret}")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_a_password_link_sets_it_and_ends_the_sessions(people: People) -> None:
    secret = flow.password_link(people.member.user)
    client = Client(HTTP_ACCEPT="text/html")
    assert client.post(f"/password/{secret}", {"password": "another long sentence"}).status_code == 302
    assert client.get(people.path("calls")).status_code == 200
    assert people.member.client.get(people.path("calls")).status_code == 302
    assert client.post(f"/password/{secret}", {"password": "yet another sentence"}).status_code == 404


def test_secrets_are_not_stored(people: People) -> None:
    secret = flow.invite(people.owner.who, Role.MEMBER)
    assert secret not in str(OneTimeLink.objects.values())
    assert Organization.objects.filter(links__isnull=False).count() == 1


@pytest.fixture
def mail(settings: Any) -> None:
    server = mail_server("smtp://ada:secret@mail.example:587")
    settings.CALLGAUGE = replace(settings.CALLGAUGE, mail_url=server, public_url="https://calls.example/")


def test_a_password_link_comes_by_mail(people: People, mail: None) -> None:
    client = Client(HTTP_ACCEPT="text/html")
    assert "/forgotten" in client.get("/sign-in").content.decode()
    thread = mail_password_link("BOB@example.com", "10.0.0.1")
    assert thread is not None
    thread.join(10)
    (sent,) = sent_mail.outbox
    assert sent.to == ["bob@example.com"]
    link = re.search(r"https://calls.example/password/(\S+)", sent.body)
    assert link is not None, sent.body
    assert client.post(f"/password/{link[1]}", {"password": "another long sentence"}).status_code == 302


def test_nobody_learns_who_has_an_account(people: People, mail: None) -> None:
    client = Client(HTTP_ACCEPT="text/html")
    pages = []
    for email in ("ada@example.com", "nobody@example.com"):
        page = client.post("/forgotten", {"email": email}).content.decode()
        pages.append(page.replace(email, "…"))
    assert pages[0] == pages[1]
    assert OneTimeLink.objects.count() == 1


def test_links_cannot_be_asked_for_without_end(people: People, mail: None) -> None:
    client = Client(HTTP_ACCEPT="text/html")
    answers = [client.post("/forgotten", {"email": "nobody@example.com"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_without_a_mail_server_there_is_no_such_page(people: People) -> None:
    client = Client(HTTP_ACCEPT="text/html")
    assert client.get("/forgotten").status_code == 404
    assert "/forgotten" not in client.get("/sign-in").content.decode()
    assert "callgauge user password" in client.get("/sign-in").content.decode()

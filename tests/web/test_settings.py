"""Settings: agents, the rubric, keys, people, the judge; who may open what, and what is never shown."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from django.test import Client

from callgauge.flow.keys import find_key
from callgauge.flow.rubric import rubric_config, write_rubric
from callgauge.flow.sealing import unseal
from callgauge.store.models import Agent, ApiKey, CallLog, Member, Project, Rerun, RerunKind, Role
from tests.call_rows import call_row, metric_row
from tests.chat_server import ChatServer
from tests.people import People
from tests.tenants import Tenant

FOR_ALL = ("settings", "settings/rubric", "settings/judge", "settings/project")
FOR_OWNERS = ("settings/keys", "settings/people")


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.mark.parametrize("rest", FOR_ALL)
def test_everybody_reads_and_strangers_see_nothing(people: People, rest: str) -> None:
    for one in (people.owner, people.member, people.viewer):
        assert one.client.get(people.path(rest)).status_code == 200
    assert people.charlie.client.get(people.path(rest)).status_code == 404


@pytest.mark.parametrize("rest", FOR_OWNERS)
def test_keys_and_people_are_for_owners(people: People, rest: str) -> None:
    assert people.owner.client.get(people.path(rest)).status_code == 200
    assert people.member.client.get(people.path(rest)).status_code == 403
    assert people.viewer.client.get(people.path(rest)).status_code == 403
    assert people.charlie.client.get(people.path(rest)).status_code == 404
    assert f'href="{people.path(rest)}"' not in text(people.member.client.get(people.path("settings")))


@pytest.mark.parametrize(
    "rest",
    ["settings/agents/new", "settings/rubric", "settings/rubric/decide", "settings/project", "settings/keys"],
)
def test_viewers_change_nothing(people: People, rest: str) -> None:
    assert people.viewer.client.post(people.path(rest), {"name": "Mine"}).status_code == 403
    assert not Agent.objects.exists()


# --- agents -----------------------------------------------------------------------------------------------

FORM = {"name": " Bookings ", "description": "Takes bookings.", "language": "de", "provider": "vapi"}


def test_an_agent_is_made_and_changed(people: People) -> None:
    client = people.member.client
    assert client.post(people.path("settings/agents/new"), FORM).status_code == 302
    agent = Agent.objects.get()
    assert (agent.name, agent.language, agent.settings) == ("Bookings", "de", {"assistant_provider": "vapi"})
    address = people.path(f"settings/agents/{agent.pk}")
    client.post(address, {**FORM, "assistant_id": "asst-1", "secret.vapi_api_key": "vapi-key-1"})
    agent.refresh_from_db()
    assert agent.assistant_id == "asst-1"
    assert unseal(agent.secrets["vapi_api_key"]) == "vapi-key-1"
    page = text(client.get(address))
    assert "vapi-key-1" not in page
    assert agent.secrets["vapi_api_key"] not in page
    assert f"/observability/v1/vapi/observe/?agent_id={agent.pk}" in page
    client.post(address, {**FORM, "assistant_id": "asst-1"})
    agent.refresh_from_db()
    assert "vapi_api_key" in agent.secrets, "an empty field keeps it"
    client.post(address, {**FORM, "clear.vapi_api_key": "1"})
    agent.refresh_from_db()
    assert agent.secrets == {}
    assert agent.history.count() == 3, "secrets are no part of a version"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "  "}, "A name is needed."),
        ({"name": "x" * 256}, "A name may have at most 255"),
        ({"language": "xx"}, "Choose one of the languages."),
        ({"assistant_id": "taken"}, "already has this assistant id"),
        ({"description": "a\x00b"}, "ordinary characters"),
    ],
)
def test_what_cannot_be_used_is_said_and_kept_in_the_form(
    people: People, alice: Tenant, said: dict[str, str], words: str
) -> None:
    alice.agent("Other", assistant_id="taken")
    answer = people.owner.client.post(people.path("settings/agents/new"), {**FORM, **said})
    assert answer.status_code == 400
    assert words in text(answer)
    assert "Takes bookings." in text(answer) or "description" in said
    assert Agent.objects.count() == 1


def test_a_provider_that_the_form_does_not_know_stays(people: People, alice: Tenant) -> None:
    agent = alice.agent(settings={"assistant_provider": "self_hosted", "llm_model": "m"})
    form = {**FORM, "provider": "self_hosted"}
    people.owner.client.post(people.path(f"settings/agents/{agent.pk}"), form)
    agent.refresh_from_db()
    assert agent.settings == {"assistant_provider": "self_hosted", "llm_model": "m"}


def test_an_agent_goes_with_its_calls_or_without(people: People, alice: Tenant) -> None:
    for calls, left in (("keep", 1), ("delete", 1)):
        agent = alice.agent()
        call_row(agent, f"call-{calls}")
        address = people.path(f"settings/agents/{agent.pk}/delete")
        assert people.charlie.client.post(address, {"calls": calls}).status_code == 404
        assert people.owner.client.post(address, {"calls": calls}).status_code == 302
        assert CallLog.objects.count() == left
    assert not Agent.objects.exists()


# --- the rubric -------------------------------------------------------------------------------------------


def test_the_rubric_is_written_from_the_form(people: People, alice: Tenant) -> None:
    polite = metric_row(alice.project, "Polite")
    rating = metric_row(alice.project, "Clarity", "continuous_qualitative")
    mood = metric_row(alice.project, "Mood", "enum", labels=["good", "bad", "odd"])
    form = {
        "save": "1",
        "logic": "or",
        f"use.{polite.pk}": "1",
        f"value.{polite.pk}": "true",
        f"use.{rating.pk}": "1",
        f"op.{rating.pk}": "gte",
        f"value.{rating.pk}": "3.5",
        f"use.{mood.pk}": "1",
        f"label.{mood.pk}": ["good", "odd"],
    }
    client, address = people.member.client, people.path("settings/rubric")
    assert client.post(address, form).status_code == 302
    alice.project.refresh_from_db()
    config = rubric_config(alice.project)
    assert config["evaluation_logic"] == "or"
    rules = {rule["metric_id"]: rule["conditions"]["conditions"][0] for rule in config["rules"]}
    assert rules == {
        polite.pk: {"field": "score", "op": "eq", "value": True},
        rating.pk: {"field": "score", "op": "gte", "value": 3.5},
        mood.pk: {"field": "enum", "op": "in", "value": ["good", "odd"]},
    }
    assert "no judge is asked" in text(client.get(address))
    version = alice.project.rubric_version
    client.post(address, form)
    alice.project.refresh_from_db()
    assert alice.project.rubric_version == version, "the same again is no change"
    client.post(address, {"save": "1", "logic": "and"})
    alice.project.refresh_from_db()
    assert rubric_config(alice.project) == {}


def test_rules_beyond_the_form_stay_as_they_are(people: People, alice: Tenant) -> None:
    rating = metric_row(alice.project, "Clarity", "continuous_qualitative")
    between = {
        "operator": "and",
        "conditions": [
            {"field": "score", "op": "gte", "value": 2},
            {"field": "score", "op": "lte", "value": 4},
        ],
    }
    write_rubric(alice.project, {"rules": [{"metric_id": rating.pk, "conditions": between}]})
    client, address = people.owner.client, people.path("settings/rubric")
    assert "score gte 2 and score lte 4" in text(client.get(address))
    client.post(address, {"save": "1", "logic": "and", f"use.{rating.pk}": "1"})
    alice.project.refresh_from_db()
    assert rubric_config(alice.project)["rules"][0]["conditions"] == between
    assert alice.project.rubric_version == 1


def test_one_label_written_through_the_api_is_no_change(people: People, alice: Tenant) -> None:
    mood = metric_row(alice.project, "Mood", "enum", labels=["good", "bad"])
    one = {"operator": "and", "conditions": [{"field": "enum", "op": "eq", "value": "good"}]}
    write_rubric(alice.project, {"rules": [{"metric_id": mood.pk, "conditions": one}]})
    form = {"save": "1", "logic": "and", f"use.{mood.pk}": "1", f"label.{mood.pk}": "good"}
    people.owner.client.post(people.path("settings/rubric"), form)
    alice.project.refresh_from_db()
    assert alice.project.rubric_version == 1


@pytest.mark.parametrize(
    ("value", "words"), [("", "write a number"), ("9", "between 0 and 5"), ("nan", "number")]
)
def test_a_rule_that_cannot_be_used_changes_nothing(
    people: People, alice: Tenant, value: str, words: str
) -> None:
    rating = metric_row(alice.project, "Clarity", "continuous_qualitative")
    form = {"save": "1", f"use.{rating.pk}": "1", f"op.{rating.pk}": "gte", f"value.{rating.pk}": value}
    answer = people.owner.client.post(people.path("settings/rubric"), form)
    assert answer.status_code == 400
    assert words in text(answer)
    assert rubric_config(alice.project) == {}


def test_calls_are_decided_again_after_a_plan(people: People, alice: Tenant) -> None:
    metric_row(alice.project, "Polite")
    call_row(alice.agent(), "call-1")
    client, address = people.member.client, people.path("settings/rubric/decide")
    page = text(client.post(address, {"plan": "1"}))
    assert "Decide them again" in page
    assert not Rerun.objects.exists()
    assert client.post(address, {"start": "1"}).status_code == 302
    (rerun,) = Rerun.objects.filter(kind=RerunKind.RERUN)
    assert rerun.reuse == "current"


# --- keys and people --------------------------------------------------------------------------------------


def test_a_key_is_shown_once(people: People, alice: Tenant) -> None:
    client, address = people.owner.client, people.path("settings/keys")
    answer = client.post(address, {"name": "CI", "role": "viewer", "reach": "project"})
    secret = re.search(r"cg_[\w-]{40,}", text(answer))
    assert secret is not None
    assert "no-store" in answer["Cache-Control"]
    key = find_key(secret[0])
    assert key is not None
    assert (key.name, key.role, key.project) == ("CI", Role.VIEWER, alice.project)
    assert secret[0] not in text(client.get(address))
    client.post(people.path(f"settings/keys/{key.pk}/revoke"))
    assert find_key(secret[0]) is None


def test_keys_of_others_cannot_be_revoked(people: People, alice: Tenant, charlie: Tenant) -> None:
    people.owner.client.post(people.path(f"settings/keys/{charlie.key.pk}/revoke"))
    people.member.client.post(people.path(f"settings/keys/{alice.key.pk}/revoke"))
    assert ApiKey.objects.filter(revoked_at=None).count() == 2


@pytest.mark.parametrize("said", [{"name": ""}, {"role": "king"}, {"name": "x" * 256}])
def test_a_key_that_cannot_be_made_is_refused(people: People, said: dict[str, str]) -> None:
    form = {"name": "CI", "role": "viewer", **said}
    assert people.owner.client.post(people.path("settings/keys"), form).status_code == 400
    assert ApiKey.objects.count() == 2


def test_people_are_invited_changed_and_removed(people: People) -> None:
    client = people.owner.client
    page = text(
        client.post(people.path("settings/people/invite"), {"role": "viewer", "email": "n@example.com"})
    )
    link = re.search(r"http://testserver(/invitation/[\w-]+)", page)
    assert link is not None
    assert link[1] not in text(client.get(people.path("settings/people")))
    assert "n@example.com" in text(client.get(people.path("settings/people")))
    assert Client(HTTP_ACCEPT="text/html").get(link[1]).status_code == 200
    bob = Member.objects.get(user=people.member.user)
    client.post(people.path(f"settings/people/{bob.pk}/role"), {"role": "owner"})
    bob.refresh_from_db()
    assert bob.role == Role.OWNER
    client.post(people.path(f"settings/people/{bob.pk}/remove"))
    assert not Member.objects.filter(user=people.member.user).exists()


def test_the_last_owner_stays(people: People) -> None:
    ada = Member.objects.get(user=people.owner.user)
    for rest, said in (("role", {"role": "viewer"}), ("remove", {})):
        answer = people.owner.client.post(people.path(f"settings/people/{ada.pk}/{rest}"), said)
        assert answer.status_code == 409
        assert "last owner" in text(answer)
    ada.refresh_from_db()
    assert ada.role == Role.OWNER


def test_an_owner_who_leaves_lands_elsewhere(people: People) -> None:
    bob = Member.objects.get(user=people.member.user)
    people.owner.client.post(people.path(f"settings/people/{bob.pk}/role"), {"role": "owner"})
    ada = Member.objects.get(user=people.owner.user)
    answer = people.owner.client.post(people.path(f"settings/people/{ada.pk}/remove"))
    assert answer["Location"] == "/"


# --- the judge --------------------------------------------------------------------------------------------


class Model(ChatServer):
    """A fake of OpenAI's chat API that answers one question, or refuses it."""

    status = 200

    async def answer(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sk-secret"
        if self.status != 200:
            return web.json_response({"error": {"message": "no such key"}}, status=self.status)
        message = {"role": "assistant", "content": '{"answer": "yes", "reason": "They say thank you."}'}
        return web.json_response(
            {
                "model": "fake-1",
                "choices": [{"message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 60, "completion_tokens": 20},
            }
        )


@pytest.fixture
def model(settings: Any) -> Any:
    server = Model()
    server.start()
    settings.CALLGAUGE = replace(
        settings.CALLGAUGE,
        judge="openai:fake-1",
        judge_base_url=server.url,
        judge_api_key="sk-secret",
        judge_prices="openai:fake-1=1.00/10.00",
    )
    yield server
    server.stop()


def test_the_judge_answers_a_test(people: People, model: Model) -> None:
    page = text(people.owner.client.get(people.path("settings/judge")))
    assert "fake-1" in page
    assert "sk-secret" not in page
    tried = text(people.owner.client.post(people.path("settings/judge/test")))
    assert "They say thank you." in tried
    assert "60 in, 20 out" in tried
    assert "US$ 0.00026" in tried
    assert people.member.client.post(people.path("settings/judge/test")).status_code == 403


def test_a_judge_that_refuses_says_why(people: People, model: Model) -> None:
    model.status = 401
    tried = text(people.owner.client.post(people.path("settings/judge/test")))
    assert "No answer after" in tried
    assert "401" in tried
    assert "sk-secret" not in tried


def test_without_a_judge_the_page_says_what_to_set(people: People) -> None:
    assert "CALLGAUGE_JUDGE=" in text(people.owner.client.get(people.path("settings/judge")))
    answer = people.owner.client.post(people.path("settings/judge/test"))
    assert answer.status_code == 400


def test_tests_of_the_judge_are_counted(people: People, settings: Any) -> None:
    answers = [people.owner.client.post(people.path("settings/judge/test")) for _ in range(11)]
    assert answers[-1].status_code == 429


def test_a_password_in_the_judges_address_is_not_shown(people: People, settings: Any) -> None:
    settings.CALLGAUGE = replace(
        settings.CALLGAUGE,
        judge="openai:m",
        judge_base_url="http://ada:open-sesame@judge.example/v1?api-key=kk",
    )
    page = text(people.viewer.client.get(people.path("settings/judge")))
    assert "http://judge.example/v1" in page
    assert "sesame" not in page  # a word that no random token holds by chance
    assert "api-key=kk" not in page


# --- the project ------------------------------------------------------------------------------------------


def test_a_project_is_renamed_and_deleted(people: People, alice: Tenant) -> None:
    client = people.owner.client
    assert client.post(people.path("settings/project"), {"name": "Care"}).status_code == 302
    assert "Care" in text(client.get(people.path("settings/project")))
    Project.objects.create(organization=alice.project.organization, name="Taken")
    assert client.post(people.path("settings/project"), {"name": "Taken"}).status_code == 400
    delete = people.path("settings/project/delete")
    assert client.post(delete, {"name": "Wrong"}).status_code == 400
    assert people.member.client.post(delete, {"name": "Care"}).status_code == 403
    assert client.post(delete, {"name": "Care"}).status_code == 302
    assert not Project.objects.filter(name="Care").exists()

"""The first run: from an empty project to its first call, or to samples in a project of their own."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from rest_framework.test import APIClient

from callgauge.flow.errors import Forbidden
from callgauge.flow.keys import find_key
from callgauge.flow.samples import project as samples
from callgauge.flow.scope import person_in
from callgauge.store.models import Agent, ApiKey, CallLog, Metric, Project, Role
from tests.call_rows import call_row
from tests.people import People
from tests.tenants import Tenant


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def test_an_empty_project_leads_to_the_first_call(people: People, alice: Tenant) -> None:
    client = people.owner.client
    assert client.get("/")["Location"] == people.path("start")
    call_row(alice.agent(), "call-1")
    assert client.get("/")["Location"] != people.path("start")


def test_what_the_page_says_to_send_is_taken(people: People) -> None:
    client = people.owner.client
    assert "No call yet" in text(client.get(people.path("start")))
    page = text(client.post(people.path("start"), {"name": "Bookings"}))
    secret = re.search(r"X-CEKURA-API-KEY: (cg_[\w-]+)", page)
    body = re.search(r"-d '(\{.*?\})'", page, re.DOTALL)
    assert secret is not None
    assert body is not None
    key = find_key(secret[1])
    assert key is not None
    assert (key.role, key.project) == (Role.MEMBER, people.project)
    answer = APIClient(HTTP_X_CEKURA_API_KEY=secret[1]).post(
        "/observability/v1/observe/", json.loads(body[1])
    )
    assert answer.status_code == 201
    assert CallLog.objects.get().agent == Agent.objects.get(name="Bookings")
    assert "The first call is here" in text(client.get(people.path("start/arrived")))
    assert secret[1] not in text(client.get(people.path("start")))
    program = re.search(r"<<'END'\n(.*?)\nEND", page, re.DOTALL)
    assert program is not None
    compile(program[1], "snippet", "exec")


def test_an_agent_that_is_there_is_used(people: People, alice: Tenant) -> None:
    agent = alice.agent("Support")
    page = text(people.owner.client.post(people.path("start"), {"agent": str(agent.pk)}))
    assert f'"agent": {agent.pk}' in page
    assert Agent.objects.count() == 1


def test_a_member_makes_no_key_and_a_viewer_nothing(people: People, alice: Tenant) -> None:
    page = text(people.member.client.post(people.path("start"), {"name": "Bookings"}))
    assert "$CEKURA_API_KEY" in page
    assert ApiKey.objects.filter(project=people.project).count() == 1, "that of the fixture"
    assert people.viewer.client.post(people.path("start"), {"name": "Mine"}).status_code == 403
    assert people.charlie.client.get(people.path("start")).status_code == 404
    assert people.charlie.client.get(people.path("start/arrived")).status_code == 404


@pytest.mark.parametrize("said", [{}, {"name": " "}, {"name": "x" * 256}, {"agent": "999"}])
def test_what_cannot_be_made_is_said(people: People, said: dict[str, str]) -> None:
    answer = people.owner.client.post(people.path("start"), said)
    assert answer.status_code == 400
    assert 'role="alert"' in text(answer)


def test_samples_come_into_a_project_of_their_own_once(people: People) -> None:
    client, path = people.owner.client, people.path("start/samples")
    assert people.member.client.post(path).status_code == 403
    for _ in range(2):
        answer = client.post(path)
        project = Project.objects.get(organization=people.project.organization, name="Samples")
        assert answer["Location"] == f"/projects/{project.pk}/overview"
    calls = CallLog.objects.filter(project=project).select_related("payload")
    assert calls.count() == 26
    assert all(json.loads(call.payload.metadata)["samples"] for call in calls)
    assert Agent.objects.filter(project=project, name__endswith=" (sample)").count() == 3
    assert Metric.objects.filter(project=project).count() == 6
    assert not CallLog.objects.exclude(project=project).exists()
    assert samples.is_samples(project)


def test_samples_that_were_cut_short_are_made_whole(people: People) -> None:
    project = samples.load_samples(people.owner.who)
    CallLog.objects.filter(project=project, call_id__startswith="bk-").delete()
    Agent.objects.filter(project=project, name__startswith="bookings").delete()
    assert samples.load_samples(people.owner.who) == project
    assert CallLog.objects.filter(project=project).count() == 26
    assert project.rubric_rules.count() == 3


def test_samples_take_no_name_that_is_taken(people: People) -> None:
    Project.objects.create(organization=people.project.organization, name="Samples")
    assert samples.load_samples(people.owner.who).name == "Samples 2"
    with pytest.raises(Forbidden):
        samples.load_samples(person_in(people.member.user, people.project.pk))

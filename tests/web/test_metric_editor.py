"""The editor of metrics: what is saved, what is refused with its place, and a draft that is tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from callgauge.domain.outcomes import Scored, Value
from callgauge.flow.call_metadata import index_metadata
from callgauge.flow.errands import end
from callgauge.flow.previews import claim_preview, store_preview
from callgauge.store.models import Metric, MetricPreview, MetricResult, MetricVersion, Rerun
from tests.call_rows import rerun_row, result_row
from tests.calls import make_call, make_metric
from tests.people import People
from tests.tenants import Tenant
from tests.web.metric_form import form, read

pytestmark = pytest.mark.django_db


def test_a_metric_is_made(people: People, alice: Tenant) -> None:
    answer = people.member.client.post(people.path("metrics/new"), form(judge_model="", configuration=""))
    metric = Metric.objects.get()
    assert answer["Location"] == people.path(f"metrics/{metric.pk}")
    version = metric.versions.get()
    assert version.description == "Did the agent confirm?\nNot applicable where nothing was agreed."
    assert (version.changed_by, version.configuration, metric.every_agent) == ("bob@example.com", {}, True)
    assert "is saved and measures new calls" in read(people.member, answer["Location"])


def test_what_cannot_be_saved_is_shown_again_with_its_line(people: People) -> None:
    code = "x = 1\nif x\n    _result = True"
    sent = form(type="custom_code", name="Broken", description="", custom_code=code)
    answer = people.owner.client.post(people.path("metrics/new"), sent)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert 'data-line="2"' in text
    assert "expected &#x27;:&#x27;" in text
    assert "if x\n    _result = True" in text
    assert not Metric.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "may not be blank"),
        ({"description": ""}, "needs a description"),
        ({"configuration": "{"}, "This is not JSON"),
        ({"configuration": "[1]"}, "Write a JSON object"),
        ({"eval_type": "enum", "enum_values": "a\r\nA"}, "Labels must differ"),
        ({"every_agent": "0"}, "Choose at least one agent"),
        ({"evaluation_trigger": "custom"}, "needs this field"),
        ({"name": "x" * 256}, "At most 255"),
        ({"description": "nul \x00"}, "cannot be stored"),
        ({"agents": ["999"], "every_agent": "0"}, "object does not exist"),
    ],
)
def test_faults_are_said(people: People, fields: Mapping[str, Any], said: str) -> None:
    answer = people.owner.client.post(people.path("metrics/new"), form(**fields))
    assert (answer.status_code, said in answer.content.decode()) == (400, True)
    assert not Metric.objects.exists()


def test_an_edit_is_a_version_and_measures_nothing(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    make_call(alice.agent(), "one")
    path = people.path(f"metrics/{metric.pk}/edit")
    sent = form(metric, description="Did it?", reason="Shorter", repeats="3", configuration='{"x": 1}')
    assert people.member.client.post(path, sent).status_code == 302
    version = MetricVersion.objects.get(metric=metric, number=2)
    assert (version.description, version.change_reason) == ("Did it?", "Shorter")
    assert version.configuration == {"x": 1, "repeats": 3}
    assert not Rerun.objects.exists()
    page = read(people.member, people.path(f"metrics/{metric.pk}"))
    assert f"reruns?metric={metric.pk}" in page
    assert "Saved as version 2" in page


def test_sending_back_what_was_shown_makes_no_version(people: People, alice: Tenant) -> None:
    """Whatever the metric holds: the form gives it back as it was."""
    frozen: dict[str, Any] = {
        "description": "Two\r\nlines",
        "configuration": {"repeats": 1, "judge_model": "openai:x", "allowed_values": [1, 2]},
        "trigger": "custom",
        "trigger_type": "custom_code",
        "trigger_code": "_result = len(data) > 1",
        "audio_enabled": True,
        "llm_provider": "gemini",
    }
    metric = make_metric(alice.project, "Confirms", **frozen)
    page = people.owner.client.get(people.path(f"metrics/{metric.pk}/edit"))
    shown = page.context["form"]
    sent = {
        **{name: text.replace("\n", "\r\n") for name, text in shown.texts.items()},
        **{name: "1" for name, on in shown.flags.items() if on},
        "enum_values": shown.labels,
        "judge_model": shown.judge_model,
        "repeats": str(shown.repeats),
        "configuration": shown.configuration,
        "read": shown.read,
    }
    people.owner.client.post(people.path(f"metrics/{metric.pk}/edit"), sent)
    assert metric.versions.count() == 1
    assert "no new version" in read(people.owner, people.path(f"metrics/{metric.pk}"))


def test_agents_are_chosen_and_given_up_again(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), make_metric(alice.project, "Confirms")
    alice.project.agents.create(name="Other")
    path = people.path(f"metrics/{metric.pk}/edit")
    people.owner.client.post(path, form(metric, every_agent="0", agents=[agent.pk]))
    metric.refresh_from_db()
    assert (metric.every_agent, list(metric.agents.all())) == (False, [agent])
    people.owner.client.post(path, form(metric, every_agent="1"))
    metric.refresh_from_db()
    assert (metric.every_agent, metric.agents.count()) == (True, 0)


def test_two_who_edit_at_once_lose_nothing(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    mine = form(metric, description="Mine")
    people.member.client.post(people.path(f"metrics/{metric.pk}/edit"), form(metric, description="Theirs"))
    path = people.path(f"metrics/{metric.pk}/edit")
    refused = people.owner.client.post(path, mine)
    text = refused.content.decode()
    assert refused.status_code == 409
    assert "Version 2 has come into use since you began, by bob@example.com" in text
    assert "Mine" in text
    assert metric.versions.count() == 2
    people.owner.client.post(path, mine | {"overwrite": "1"})
    assert metric.versions.get(number=3).description == "Mine"


def test_a_draft_is_checked_while_it_is_written(people: People, alice: Tenant) -> None:
    call = make_call(alice.agent(), "one")
    metric = make_metric(alice.project, "Confirms")
    path = people.path("metrics/check")
    sent = form(metric, description="Is {{agent.nam}} polite? Not applicable otherwise.", call=[call.pk])
    text = people.member.client.post(path, sent).content.decode()
    assert "Did you mean {{agent.name}}?" in text
    assert "It cannot be saved" not in text
    assert 'id="try-cost"' in text
    text = people.member.client.post(path, form(metric, description="")).content.decode()
    assert "It cannot be saved like this" in text
    saved = metric.versions.get().description
    text = people.member.client.post(path, form(metric, description=saved)).content.decode()
    assert metric.versions.count() == 1
    assert not MetricPreview.objects.exists()
    text = people.member.client.post(path, form(metric, more_calls="nowhere")).content.decode()
    assert "There are no such calls: nowhere" in text


def test_the_editor_offers_what_calls_bring_along(people: People, alice: Tenant) -> None:
    call = make_call(alice.agent(), "one")
    index_metadata(call.pk, '{"tier": "gold"}')
    assert "metadata.tier" in read(people.owner, people.path("metrics/new"))
    make_metric(alice.project, "Confirms")
    assert "data[&quot;Confirms&quot;]" in read(people.owner, people.path("metrics/new"), kind="custom_code")


# Trying


def work_through(passed: bool, *, says: str = "Because it does.") -> None:
    """What an executor would do with every preview that waits."""
    while (work := claim_preview("test")) is not None:
        for call in work.calls:
            store_preview("test", work, call, Scored(Value(passed=passed), (says,)))
        assert end(MetricPreview, "test", work.pk)


def test_a_draft_is_tried_beside_the_version_in_use(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), make_metric(alice.project, "Confirms")
    calls = [make_call(agent, f"c{number}") for number in range(3)]
    rerun = rerun_row(agent, metric)
    result_row(calls[0], metric, rerun, passed=True, explanation='["It was so."]')
    result_row(calls[1], metric, rerun, passed=False)
    more = f" c2, {calls[0].pk}"
    sent = form(metric, description="Stricter?", call=[calls[0].pk, calls[1].pk], more_calls=more)
    begun = people.member.client.post(people.path("metrics/try"), sent | {"beside": "1"})
    assert begun.status_code == 302
    assert MetricPreview.objects.count() == 2  # the draft, and version 1 on the call that it has not measured
    running = people.viewer.client.get(begun["Location"], HTTP_HX_REQUEST="true").content.decode()
    assert 'hx-trigger="every 1s"' in running
    assert "Waits for a free worker" in running
    work_through(passed=False)
    text = read(people.member, begun["Location"])
    assert "hx-trigger" not in text.split("<main")[1]
    assert "1 of 3 calls changed" in text
    assert "changed: pass → fail" in text
    assert "It was so." in text
    assert "Because it does." in text
    assert metric.versions.count() == 1
    assert MetricResult.objects.count() == 2


def test_a_new_metric_is_tried_alone(people: People, alice: Tenant) -> None:
    call = make_call(alice.agent(), "one")
    begun = people.member.client.post(people.path("metrics/try"), form(call=[call.pk]))
    work_through(passed=True)
    text = read(people.member, begun["Location"])
    assert "1 result." in text
    assert "Left: version" not in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Name 1 to 20 calls"),
        ({"more_calls": "zzz"}, "no such calls"),
        ({"name": ""}, "may not be blank"),
    ],
)
def test_what_cannot_be_tried_is_said_in_place(people: People, fields: Mapping[str, Any], said: str) -> None:
    answer = people.member.client.post(people.path("metrics/try"), form(**fields), HTTP_HX_REQUEST="true")
    assert said in answer.content.decode()
    assert people.member.client.post(people.path("metrics/try"), form(**fields)).status_code == 400
    assert not MetricPreview.objects.exists()

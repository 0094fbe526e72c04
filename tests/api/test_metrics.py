"""Metrics on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callgauge.api import metrics_present as schema
from callgauge.flow.metrics import versions_for
from callgauge.store.models import CallLog, Metric, MetricResult, Project, Rerun
from tests.people import People
from tests.tenants import Tenant, tenant
from tests.web.metric_form import form

V1 = "/test_framework/v1/metrics"
EXTERNAL = "/test_framework/v1/metrics-external"
V2 = "/test_framework/v2/metrics"
FAMILIES = [V1, EXTERNAL, V2]
ASK = {"name": "Greeted", "type": "llm_judge", "eval_type": "binary", "description": "Was there a greeting?"}


def made(owner: Tenant, url: str = V1, **more: Any) -> dict[str, Any]:
    response = owner.client.post(url, {**ASK, **more})
    assert response.status_code == 201, response.data
    return dict(response.json())


def names(owner: Tenant, url: str = V1, **query: Any) -> list[str]:
    response = owner.client.get(url, query)
    assert response.status_code == 200, response.data
    return sorted(metric["name"] for metric in response.json())


@pytest.mark.parametrize("url", FAMILIES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_create_read_edit_delete(alice: Tenant, url: str, slash: str) -> None:
    agent = alice.agent()
    pk = made(alice, f"{url}{slash}")["id"]
    one = f"{url}/{pk}{slash}"
    assert alice.client.get(one).json()["description"] == ASK["description"]
    assert alice.client.get(f"{url}/greeted{slash}").json() == alice.client.get(one).json()
    assert [metric["id"] for metric in alice.client.get(f"{url}{slash}").json()] == [pk]

    assert alice.client.patch(one, {"description": "Anew"}).json()["description"] == "Anew"
    assert alice.client.put(one, {**ASK, "agents": [agent.pk]}).json()["agents"] == [agent.pk]
    assert alice.client.put(one, {"name": "x"}).status_code == 400

    assert alice.client.delete(one).status_code == 204
    assert alice.client.get(one).status_code == 404
    assert alice.client.get(f"{url}{slash}").json() == []


def test_each_answer_has_the_fields_of_its_schema(alice: Tenant) -> None:
    alice.agent("Bookings")
    created = made(alice)
    pk = created["id"]
    assert created.keys() == {*schema.EDIT, "warnings"}
    assert made(alice, V2).keys() == {*schema.DETAIL, "warnings"}
    for url in FAMILIES:
        assert alice.client.get(f"{url}/{pk}").json().keys() == set(schema.DETAIL)
        assert alice.client.put(f"{url}/{pk}", ASK).json().keys() == {*schema.EDIT, "warnings"}
    assert alice.client.patch(f"{V1}/{pk}", {}).json().keys() == {*schema.EDIT, "warnings"}
    assert alice.client.patch(f"{V2}/{pk}", {}).json().keys() == {*schema.DETAIL, "warnings"}
    assert alice.client.get(V1).json()[0].keys() == set(schema.LIST)
    with_scores = {*schema.LIST, "overall_score", "total_score"}
    assert alice.client.get(V1, {"include_scores": "true"}).json()[0].keys() == with_scores
    assert alice.client.get(V2).json()[0].keys() == with_scores


def test_everything_said_comes_back(alice: Tenant) -> None:
    agent = alice.agent(assistant_id="asst-1")
    body = {
        **ASK,
        "eval_type": "enum",
        "enum_values": ["calm", "angry"],
        "audio_enabled": True,
        "prompt": "an older wording",
        "agents": [agent.pk],
        "assistant_id": "asst-1",
        "display_order": 7,
        "configuration": {"threshold": 3},
        "add_to_new_agents": True,
        "simulation_enabled": False,
        "observability_enabled": False,
        "sampling_enabled": True,
        "evaluation_trigger": "custom",
        "evaluation_trigger_prompt": "when they pay",
        "trigger_type": "llm_judge",
        "evaluation_trigger_custom_code": "",
        "custom_code": "",
        "project": alice.project.pk,
    }
    created = made(alice, V1, **body)
    assert {name: created[name] for name in body} == body
    shown = alice.client.get(f"{V2}/{created['id']}").json()
    assert {name: shown[name] for name in body if name in shown} == {
        k: v for k, v in body.items() if k in shown
    }
    listed = alice.client.get(V2).json()[0]
    assert (listed["agent_names"], listed["uses_llm_judge"]) == ("Bookings", "true")


def test_settings_of_alerts_are_kept(alice: Tenant) -> None:
    kept = {"alert_type": "normal", "window_size": 10, "std_multiplier": 1.5, "slack_channel_id": "C1"}
    pk = made(alice, V2, **kept)["id"]
    alice.client.patch(f"{V2}/{pk}", {"ewma_alpha": 0.3})
    assert alice.client.get(f"{V2}/{pk}").json().items() >= {**kept, "ewma_alpha": 0.3}.items()


def test_what_was_read_can_be_written_back(alice: Tenant) -> None:
    pk = made(alice, V2, agents=[alice.agent().pk])["id"]
    for url in (V1, V2):
        shown = alice.client.get(f"{url}/{pk}").json()
        again = alice.client.put(f"{url}/{pk}", shown)
        assert again.status_code == 200, again.data
        assert alice.client.get(f"{url}/{pk}").json() == shown
    assert Metric.objects.get().versions.count() == 1


def test_writing_back_a_metric_of_every_agent_keeps_it_one(alice: Tenant) -> None:
    one = alice.agent("One")
    pk = made(alice)["id"]
    assert alice.client.put(f"{V1}/{pk}", alice.client.get(f"{V1}/{pk}").json()).json()["agents"] == [one.pk]
    later = alice.agent("Later")
    assert alice.client.get(f"{V1}/{pk}").json()["agents"] == [one.pk, later.pk]
    assert alice.client.patch(f"{V1}/{pk}", {"agents": [one.pk]}).json()["agents"] == [one.pk]


def test_a_prompt_does_not_hide_a_new_description(alice: Tenant) -> None:
    pk = made(alice, prompt="the old question")["id"]
    alice.client.patch(f"{V1}/{pk}", {"description": "The new question?"})
    version = versions_for(alice.agent())[0]
    assert (version.description, version.prompt) == ("The new question?", "")
    assert alice.client.get(f"{V1}/{pk}").json()["prompt"] == "the old question"


@pytest.mark.parametrize("missing", ["name", "type", "eval_type", "description"])
@pytest.mark.parametrize("url", [V1, V2])
def test_required_fields(alice: Tenant, url: str, missing: str) -> None:
    response = alice.client.post(url, {name: value for name, value in ASK.items() if name != missing})
    assert response.status_code == 400
    assert list(response.json()) == [missing]


def test_code_metrics_need_code_and_no_description(alice: Tenant) -> None:
    code = {"name": "Short", "type": "custom_code", "eval_type": "numeric"}
    assert list(alice.client.post(V1, code).json()) == ["custom_code"]
    created = alice.client.post(V1, {**code, "custom_code": "\n_result = 1\n  "}).json()
    assert created["custom_code"] == "\n_result = 1\n  "
    assert alice.client.get(V2).json()[0]["uses_llm_judge"] == ""


@pytest.mark.parametrize("kind", ["basic", "custom_prompt"])
def test_deprecated_types_are_refused(alice: Tenant, kind: str) -> None:
    response = alice.client.post(V1, {**ASK, "type": kind})
    assert (response.status_code, list(response.json())) == (400, ["type"])


@pytest.mark.parametrize("older", ["binary_workflow_adherence", "binary_qualitative"])
def test_older_eval_types_are_binary(alice: Tenant, older: str) -> None:
    assert made(alice, eval_type=older)["eval_type"] == "binary"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 256),
        ("name", ["x"]),
        ("type", "judge"),
        ("eval_type", "boolean"),
        ("eval_type", {"a": 1}),
        ("enum_values", "calm"),
        ("enum_values", [["calm"]]),
        ("agents", "x"),
        ("agents", [10**30]),
        ("agents", ["x"]),
        ("agents", {"a": 1}),
        ("configuration", [1]),
        ("display_order", 2**31),
        ("evaluation_trigger", "sometimes"),
        ("observability_enabled", "perhaps"),
        ("slug", "no spaces"),
        ("slug", "42"),
        ("project", "x"),
        ("std_multiplier", "nan"),
        ("kb_file_ids", [1]),
        ("assistant_id", "nobody"),
    ],
)
def test_wrong_values_are_refused_in_their_field(alice: Tenant, field: str, value: Any) -> None:
    response = alice.client.post(V2, {**ASK, field: value})
    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert not Metric.objects.exists()


def test_form_and_multipart_bodies(alice: Tenant) -> None:
    one, other = alice.agent("One").pk, alice.agent("Other").pk
    body = {
        **ASK,
        "eval_type": "enum",
        "enum_values": '["a", "b"]',
        "agents": [one, other],
        "configuration": '{"x": 1}',
    }
    multipart = alice.client.post(V1, body, format="multipart")
    assert multipart.status_code == 201, multipart.data
    assert multipart.json()["enum_values"] == ["a", "b"]
    assert multipart.json()["agents"] == [one, other]
    assert multipart.json()["configuration"] == {"x": 1}
    form = alice.client.patch(
        f"{V1}/{multipart.data['id']}/",
        f"agents={other}&observability_enabled=false&add_to_new_agents=",
        content_type="application/x-www-form-urlencoded",
    ).json()
    assert (form["agents"], form["observability_enabled"], form["add_to_new_agents"]) == (
        [other],
        False,
        None,
    )


def test_agents(alice: Tenant, charlie: Tenant) -> None:
    one, other = alice.agent("One").pk, alice.agent("Other").pk
    everyone = made(alice)
    assert everyone["agents"] == [one, other]
    assert made(alice, agents=[])["agents"] == [one, other]
    chosen = made(alice, agents=[other])
    assert chosen["agents"] == [other]
    assert alice.client.patch(f"{V1}/{chosen['id']}", {"agents": [one, None]}).json()["agents"] == [one]
    assert alice.client.patch(f"{V1}/{chosen['id']}", {"agents": []}).json()["agents"] == []
    assert alice.client.patch(f"{V1}/{chosen['id']}", {"name": "x"}).json()["agents"] == []

    foreign, missing = charlie.agent().pk, 10**9
    for pk in (foreign, missing):
        expected = {"agents": [f'Invalid pk "{pk}" - object does not exist.']}
        assert alice.client.post(V1, {**ASK, "agents": [one, pk]}).json() == expected
        assert alice.client.patch(f"{V1}/{chosen['id']}", {"agents": [pk]}).json() == expected


def test_what_implies_the_project(alice: Tenant, charlie: Tenant) -> None:
    boss = tenant("Acme", None)
    agent = alice.agent(assistant_id="asst-1")
    charlie.agent(assistant_id="asst-2")
    assert list(boss.client.post(V1, ASK).json()) == ["project"]
    for more in ({"project": alice.project.pk}, {"agents": [agent.pk]}, {"assistant_id": "asst-1"}):
        assert made(boss, **more)["project"] == alice.project.pk
    assert boss.client.post(V1, {**ASK, "assistant_id": "asst-2"}).status_code == 400
    assert boss.client.post(V1, {**ASK, "project": charlie.project.pk}).status_code == 400

    deprecated = boss.client.post(V2, {**ASK, "agent": agent.pk})
    assert deprecated.status_code == 201
    assert "deprecated" in deprecated["Warning"]


def test_a_metric_stays_in_its_project(alice: Tenant) -> None:
    boss = tenant("Acme", None)
    other = boss.client.post("/user/v1/projects", {"name": "Sales"}).data["id"]
    pk = made(alice)["id"]
    assert list(boss.client.patch(f"{V1}/{pk}", {"project": other}).json()) == ["project"]


def test_the_list_by_agent_project_both_and_slug(alice: Tenant, charlie: Tenant) -> None:
    boss = tenant("Acme", None)
    sales = boss.client.post("/user/v1/projects", {"name": "Sales"}).data["id"]
    one, other = alice.agent("One", assistant_id="asst-1").pk, alice.agent("Other").pk
    made(alice, name="Everyone")
    made(alice, name="First", agents=[one])
    made(alice, name="Second", agents=[other])
    made(boss, name="Sold", project=sales)

    assert names(boss) == ["Everyone", "First", "Second", "Sold"]
    assert names(alice) == ["Everyone", "First", "Second"]
    assert names(alice, agent_id=one) == ["Everyone", "First"]
    assert names(alice, assistant_id="asst-1") == ["Everyone", "First"]
    assert names(alice, agents=f"{one},{other}") == ["Everyone", "First", "Second"]
    assert names(boss, project_id=sales) == ["Sold"]
    assert names(boss, project_id=sales, agent_id=one) == ["Everyone", "First", "Sold"]
    assert names(alice, slug="first") == ["First"]
    assert names(alice, agents=str(charlie.agent().pk)) == []
    for query in (
        {"agent_id": charlie.agent().pk},
        {"project_id": charlie.project.pk},
        {"assistant_id": "x"},
    ):
        assert alice.client.get(V1, query).status_code == 404
    assert alice.client.get(V1, {"agents": "1,x"}).status_code == 400


def test_filters(alice: Tenant, charlie: Tenant) -> None:
    one = alice.agent("One").pk
    made(alice, name="Everyone")
    made(alice, name="Rated", eval_type="continuous_qualitative", agents=[one])
    made(alice, name="Coded", type="custom_code", custom_code="_result = 1", eval_type="numeric", agents=[])

    def by(tree: Any) -> list[str]:
        return names(alice, filters=json.dumps(tree))

    leaf = lambda field, op, value: {"field": field, "op": op, "value": value}  # noqa: E731
    assert by(leaf("name", "contains", "ATE")) == ["Rated"]
    assert by(leaf("name", "eq", "Rated")) == ["Rated"]
    assert by(leaf("type", "eq", "custom_code")) == ["Coded"]
    assert by(leaf("eval_type", "in", ["numeric", "binary"])) == ["Coded", "Everyone"]
    assert by(leaf("agents__id", "in", [one])) == ["Coded", "Everyone", "Rated"]
    assert by(leaf("agents__id", "eq", charlie.agent().pk)) == []
    either = [leaf("name", "eq", "Rated"), leaf("type", "eq", "custom_code")]
    assert by({"operator": "or", "conditions": either}) == ["Coded", "Rated"]
    assert by({"operator": "and", "conditions": either}) == []
    assert by(either) == []


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "5",
        '{"field": "secret", "op": "eq", "value": 1}',
        '{"field": ["name"], "op": "eq", "value": 1}',
        '{"field": "name", "op": "regex", "value": "x"}',
        '{"field": "name", "op": {}, "value": "x"}',
        '{"field": "name", "op": "in", "value": "x"}',
        '{"field": "name", "op": "eq", "value": 5}',
        '{"field": "name", "op": "eq", "value": "\\u0000"}',
        '{"field": "name", "op": "eq", "value": "\\ud800"}',
        '{"field": "agents__id", "op": "contains", "value": 5}',
        '{"field": "agents__id", "op": "eq", "value": 1e99}',
        '{"operator": "xor", "conditions": []}',
        '{"operator": "and", "conditions": 5}',
        "[" * 20 + "]" * 20,
        "[" * 100_000,
        json.dumps([{"field": "name", "op": "eq", "value": "x"}] * 101),
    ],
)
def test_filters_that_make_no_sense(alice: Tenant, text: str) -> None:
    response = alice.client.get(V1, {"filters": text})
    assert response.status_code == 400
    assert list(response.json()) == ["filters"]


def test_history_and_restore(alice: Tenant, charlie: Tenant) -> None:
    pk = made(alice)["id"]
    alice.client.patch(f"{V1}/{pk}", {"description": "Second"})
    alice.client.patch(f"{V1}/{pk}", {"sampling_enabled": True})

    page = alice.client.get(f"{V1}/{pk}/history/").json()
    assert page["count"] == 2
    newest, first = page["results"]
    assert (newest["description"], newest["version_id"], newest["history_type"]) == ("Second", "2", "~")
    assert (first["description"], first["version_id"], first["history_type"]) == (
        ASK["description"],
        "1",
        "+",
    )
    assert newest.keys() >= {*schema.HISTORY, "history_id", "history_date", "history_user", "agents_snapshot"}
    assert alice.client.get(f"{V2}/{pk}/history", {"page_size": 1}).json()["next"]

    restored = alice.client.post(f"{V1}/{pk}/restore", {"history_id": first["history_id"]})
    assert (restored.status_code, restored.json()["description"]) == (200, ASK["description"])
    reasons = [
        row["history_change_reason"] for row in alice.client.get(f"{V1}/{pk}/history").json()["results"]
    ]
    assert reasons == ["Restored version 1", None, None]

    theirs = Metric.objects.get(pk=made(charlie)["id"]).current_version_id
    for history_id in (theirs, 10**9):
        assert alice.client.post(f"{V1}/{pk}/restore", {"history_id": history_id}).json() == {
            "history_id": ["This metric has no such version."]
        }


def test_history_says_which_person_made_a_version(alice: Tenant, people: People) -> None:
    pk = made(alice)["id"]
    edited = form(Metric.objects.get(pk=pk), description="Second")
    assert people.owner.client.post(people.path(f"metrics/{pk}/edit"), edited).status_code == 302
    newest, first = alice.client.get(f"{V1}/{pk}/history/").json()["results"]
    ada = people.owner.user
    assert newest["history_user"] == {"id": ada.pk, "name": ada.name, "email": ada.email}
    assert first["history_user"] is None, "a key made it"


def test_add_to_rubric(alice: Tenant) -> None:
    pk = made(alice, V2, add_to_rubric=True)["id"]
    config = alice.client.get(f"/user/v1/projects/{alice.project.pk}").json()["rubric_config"]
    assert [rule["metric_id"] for rule in config["rules"]] == [pk]
    alice.client.patch(f"{V2}/{pk}", {"name": "x"})
    assert Project.objects.get().rubric_version == 1
    alice.client.patch(f"{V2}/{pk}", {"add_to_rubric": False})
    assert alice.client.get(f"/user/v1/projects/{alice.project.pk}").json()["rubric_config"] == {}


def test_scores(alice: Tenant) -> None:
    binary, rated = made(alice)["id"], made(alice, name="Rated", eval_type="continuous_qualitative")["id"]
    rerun = Rerun.objects.create(project=alice.project, kind="live")
    agent = alice.agent()
    for number, (passed, rating) in enumerate([(True, 4.0), (True, 3.0), (False, None)]):
        call = CallLog.objects.create(
            project=alice.project, agent=agent, call_id=str(number), timestamp="2026-01-01T00:00:00Z"
        )
        common = {"call": call, "rerun": rerun, "is_current": True, "input_hash": ""}
        for pk, value in ((binary, {"passed": passed}), (rated, {"number": rating})):
            MetricResult.objects.create(
                metric_id=pk,
                version=Metric.objects.get(pk=pk).current_version,
                outcome="skipped" if None in value.values() else "scored",
                **common,
                **value,
            )
    listed = alice.client.get(V1, {"include_scores": "true"}).json()
    assert [(m["overall_score"], m["total_score"]) for m in listed] == [("3.333", "10"), ("3.5", "7")]
    assert alice.client.get(V2).json()[0]["overall_score"] == ""
    assert alice.client.get(f"{V1}/{binary}?include_scores=true").json()["overall_score"] == "3.333"
    assert alice.client.get(V1, {"include_scores": "perhaps"}).status_code == 400


@pytest.mark.parametrize("url", [V1, V2])
@pytest.mark.parametrize("query", [{}, {"include_scores": "true"}])
def test_the_list_costs_the_same_for_any_number(alice: Tenant, url: str, query: dict[str, str]) -> None:
    agent = alice.agent()
    made(alice, agents=[agent.pk])
    alice.client.get(url, query)
    with CaptureQueriesContext(connection) as few:
        alice.client.get(url, query)
    for number in range(12):
        made(alice, name=f"Metric {number}", agents=[agent.pk, alice.agent(f"Agent {number}").pk])
    with CaptureQueriesContext(connection) as many:
        assert len(alice.client.get(url, query).json()) == 13
    assert len(many) == len(few)


@pytest.mark.parametrize("url", FAMILIES)
def test_charlie_cannot_touch_it(alice: Tenant, bob: Tenant, charlie: Tenant, url: str) -> None:
    pk = made(alice)["id"]
    missing = (404, {"detail": "Not found."})
    assert charlie.client.get(url).json() == []
    for one in (f"{url}/{pk}", f"{url}/greeted"):
        for method in ("get", "put", "patch", "delete"):
            response = getattr(charlie.client, method)(one)
            assert (response.status_code, response.json()) == missing
    response = charlie.client.get(f"{url}/{pk}/history")
    assert (response.status_code, response.json()) == missing
    response = charlie.client.post(f"{url}/{pk}/restore", {"history_id": 1})
    assert (response.status_code, response.json()) == missing
    assert bob.client.get(f"{url}/{pk}").status_code == 200


def test_a_slug_in_two_projects_needs_the_project(alice: Tenant) -> None:
    boss = tenant("Acme", None)
    sales = boss.client.post("/user/v1/projects", {"name": "Sales"}).data["id"]
    first, second = made(alice)["id"], made(boss, project=sales)["id"]
    assert list(boss.client.get(f"{V1}/greeted").json()) == ["slug"]
    assert boss.client.get(f"{V1}/greeted", {"project_id": sales}).json()["id"] == second
    assert alice.client.get(f"{V1}/greeted").json()["id"] == first


@pytest.mark.parametrize("url", FAMILIES)
def test_many_at_once(alice: Tenant, url: str) -> None:
    wanted = [{**ASK, "name": "A"}, {**ASK, "name": "B"}]
    response = alice.client.post(f"{url}/bulk_create", wanted)
    assert response.status_code == 201
    assert [metric["name"] for metric in response.json()] == ["A", "B"]


def test_many_at_once_are_made_all_or_none(alice: Tenant, charlie: Tenant) -> None:
    url = f"{EXTERNAL}/bulk_create"
    foreign = {**ASK, "agents": [charlie.agent().pk]}
    for fault, fields in (
        ({"name": "B"}, ["1.type", "1.eval_type"]),
        ({**ASK, "description": " "}, ["1.description"]),
        (foreign, ["1.agents"]),
        (5, ["1.non_field_errors"]),
    ):
        response = alice.client.post(url, [ASK, fault])
        assert (response.status_code, list(response.json())) == (400, fields)
    for body in ([], {"name": "A"}, [ASK] * 201):
        assert list(alice.client.post(url, body).json()) == ["non_field_errors"]
    assert not Metric.objects.exists()

"""What the API says of a metric that was just saved."""

from __future__ import annotations

from tests.tenants import Tenant

URL = "/test_framework/v1/metrics"
FINE = {
    "name": "Callback",
    "type": "llm_judge",
    "eval_type": "binary",
    "description": "Did the agent offer a callback? Not applicable if the caller asked for nothing.",
}


def codes(answer: dict) -> list[str]:
    return [one["code"] for one in answer["warnings"]]


def test_each_write_answers_with_its_warnings(alice: Tenant) -> None:
    made = alice.client.post(URL, FINE)
    assert (made.status_code, made.json()["warnings"]) == (201, [])
    one = f"{URL}/{made.json()['id']}"
    edited = alice.client.patch(one, {"description": "How long did the agent talk to {{caller}}?"}).json()
    assert codes(edited) == ["unknown_variable", "no_not_applicable_rule", "timing_asked"]
    assert {one["field"] for one in edited["warnings"]} == {"description"}
    assert codes(alice.client.put(one, FINE).json()) == []
    assert "warnings" not in alice.client.get(one).json()
    first = alice.client.get(f"{one}/history").json()["results"][-2]
    restored = alice.client.post(f"{one}/restore", {"history_id": first["history_id"]}).json()
    assert "timing_asked" in codes(restored)
    bulk = alice.client.post(f"{URL}/bulk_create", [FINE, {**FINE, "description": "Was it kind and brief?"}])
    assert [codes(row) for row in bulk.json()] == [[], ["no_not_applicable_rule"]]


def test_a_rule_that_the_type_suggests_may_be_the_wrong_way_round(alice: Tenant) -> None:
    body = {**FINE, "name": "Interruptions", "eval_type": "numeric", "add_to_rubric": True}
    assert codes(alice.client.post(URL, body).json()) == ["rubric_direction"]


def test_scripts_are_held_against_the_metrics_of_their_own_project(alice: Tenant, charlie: Tenant) -> None:
    charlie.client.post(URL, {**FINE, "name": "Politeness"})
    body = {"name": "Mood", "type": "custom_code", "eval_type": "binary"}
    body["custom_code"] = "_result = data['Politeness']"
    assert codes(alice.client.post(URL, body).json()) == ["unknown_metric"]
    alice.client.post(URL, {**FINE, "name": "Politeness"})
    assert codes(alice.client.post(URL, {**body, "name": "Mood 2"}).json()) == []

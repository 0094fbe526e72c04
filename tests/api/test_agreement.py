"""Agreement per version, golden sets and the gate over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callgauge.store.models import CallLog, GoldenCase, Metric, Review
from tests.api.test_review import again, new_version, post, vote
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
BASE = "/callgauge/v1"


def ask(who: Tenant, path: str, **query: Any) -> tuple[int, Any]:
    answer = who.client.get(f"{BASE}/{path}", query)
    return answer.status_code, json.loads(answer.content)


def send(who: Tenant, path: str, method: str = "post", **body: Any) -> tuple[int, Any]:
    call = getattr(who.client, method)
    answer = call(f"{BASE}/{path}", json.dumps(body), content_type="application/json")
    return answer.status_code, json.loads(answer.content) if answer.content else None


def labelled(who: Tenant, truth: list[bool | None], said: list[bool]) -> tuple[Metric, list[CallLog]]:
    """Calls with what people say (None: nobody has said) and what version 1 said."""
    agent = who.agent()
    metric = metric_row(who.project, "Consent")
    rerun = rerun_row(agent, metric)
    calls = []
    for number, (right, machine) in enumerate(zip(truth, said, strict=True)):
        call = call_row(agent, f"c{number}")
        result_row(call, metric, rerun, passed=machine)
        if right is not None:
            vote(who, call, metric, expected_value=right)
        calls.append(call)
    return metric, calls


def test_the_machine_is_compared_as_it_was_not_as_people_left_it(alice: Tenant) -> None:
    metric, calls = labelled(alice, [True, True, False, False], [True, False, False, True])
    new_version(metric)
    for call in calls:
        again(call, metric, passed=call.call_id in ("c0", "c1"))
    _, found = ask(alice, "review/agreement", metric_id=metric.pk)
    new, old = found["versions"]
    assert (new["version"], new["accuracy"]["count"], new["kappa"]["value"]) == (2, 4, 1.0)
    assert (old["version"], old["accuracy"]["count"], old["kappa"]["value"]) == (1, 2, 0.0)
    assert old["confusion"] == {"labels": ["pass", "fail"], "counts": [[1, 1], [1, 1]]}
    assert old["kappa"]["interval"] is None
    assert not old["enough"]
    assert new["words"] == (
        "On 4 reviewed calls the machine agreed 4 times: too few for more than the counts."
    )


def test_what_is_failed_missing_or_stale_is_counted_apart(alice: Tenant) -> None:
    metric, calls = labelled(alice, [True, True, True, None], [True, True, True, True])
    new_version(metric)
    again(calls[0], metric, passed=True)
    again(calls[1], metric, outcome="failed", reason="judge_unavailable")
    _, found = ask(alice, "review/agreement", metric_id=metric.pk, version=2)
    (one,) = found["versions"]
    assert (one["n"], one["labels"], one["failed"], one["not_measured"], one["stale"]) == (1, 3, 1, 1, 0)
    new_version(metric, meaning=2)
    _, found = ask(alice, "review/agreement", metric_id=metric.pk)
    assert [(one["version"], one["labels"], one["stale"]) for one in found["versions"]] == [
        (3, 0, 3),
        (2, 3, 0),
        (1, 3, 0),
    ]


def test_a_result_of_words_that_the_call_no_longer_has_does_not_count(alice: Tenant) -> None:
    metric, calls = labelled(alice, [True], [True])
    CallLog.objects.filter(pk=calls[0].pk).update(content_hash="9" * 64)
    _, found = ask(alice, "review/agreement", metric_id=metric.pk)
    assert (found["versions"][0]["n"], found["versions"][0]["not_measured"]) == (0, 1)


def test_only_blind_answers(alice: Tenant) -> None:
    metric, _ = labelled(alice, [True, True], [True, True])
    Review.objects.filter(call__call_id="c0").update(is_blind=True)
    assert ask(alice, "review/agreement", metric_id=metric.pk, only="blind")[1]["versions"][0]["n"] == 1
    assert ask(alice, "review/agreement", metric_id=metric.pk, only="drawn")[1]["versions"][0]["n"] == 0
    assert ask(alice, "review/agreement", metric_id=metric.pk, only="late")[0] == 400


def test_people_are_compared_with_each_other(alice: Tenant, bob: Tenant) -> None:
    metric, _ = labelled(alice, [True, True, False], [True, True, True])
    post(alice, "second-opinions", metric_id=metric.pk, share=1)
    queue = json.loads(bob.client.get("/callgauge/v1/review/queue", {"kind": "second"}).content)
    for item in queue["results"]:
        right = item["call_id"] == "c0"
        assert post(bob, f"items/{item['id']}/answer", expected_value=right)[0] == 200
    _, found = ask(alice, "review/agreement", metric_id=metric.pk)
    people = found["people"]
    assert (people["n"], people["accuracy"]["count"]) == (3, 2)
    assert people["words"].startswith("On 3 reviewed calls the second person agreed 2 times")


def golden(who: Tenant, metric: Metric) -> int:
    status, made = send(who, "golden-sets", name="Release")
    assert status == 201
    status, filled = send(who, f"golden-sets/{made['id']}/cases", metric_id=metric.pk)
    assert status == 200
    return int(filled["id"])


def test_a_golden_set_keeps_what_was_put_in(alice: Tenant) -> None:
    metric, calls = labelled(alice, [True, False, None], [True, True, True])
    pk = golden(alice, metric)
    vote(alice, calls[0], metric, expected_value=False)
    cases = ask(alice, f"golden-sets/{pk}/cases")[1]["results"]
    assert [(case["expected_value"], case["differs_from_its_review"]) for case in cases] == [
        (True, False),
        (False, False),
    ]
    status, answer = send(alice, f"golden-sets/{pk}/cases", metric_id=metric.pk, call_logs=[calls[2].pk])
    assert (status, answer) == (
        400,
        {"call_logs": [f"No person has answered Consent on these calls: {calls[2].pk}."]},
    )
    case = {"metric_id": metric.pk, "call_log_id": calls[2].pk, "expected_value": "n/a", "note": "By hand."}
    assert send(alice, f"golden-sets/{pk}/cases", **case)[1]["cases"] == 3
    assert send(alice, f"golden-sets/{pk}/cases", metric_id=metric.pk)[1]["put"] == 2
    values = GoldenCase.objects.order_by("id").values_list("expected_value", flat=True)
    assert list(values) == [False, False, None]
    assert send(alice, f"golden-sets/{pk}/cases", "delete", call_logs=[calls[2].pk])[1] == {"dropped": 1}
    assert send(alice, "golden-sets", name="Release")[0] == 400
    assert send(alice, f"golden-sets/{pk}", "patch", name="Other")[1]["name"] == "Other"
    assert send(alice, f"golden-sets/{pk}", "delete")[0] == 204
    assert not GoldenCase.objects.exists()


def test_the_gate_passes_fails_and_says_why(alice: Tenant) -> None:
    metric, calls = labelled(alice, [True, True, False, False], [True, True, True, False])
    pk = golden(alice, metric)
    new_version(metric)
    query = {"metric": metric.slug, "golden_set": "Release"}
    _, found = ask(alice, "gate", **query, min_kappa=0.4)
    assert (found["state"], len(found["missing"])) == ("incomplete", 4)
    for call, passed in zip(calls, (False, True, False, False), strict=True):
        again(call, metric, passed=passed)
    _, found = ask(alice, "gate", **query, min_kappa=0.4, max_regressions=1, min_accuracy=0.75)
    assert (found["state"], found["version"], found["baseline"]) == ("passed", 2, 1)
    assert [check["passed"] for check in found["checks"]] == [True, True, True]
    assert [flip["call_log_id"] for flip in found["regressions"]] == [calls[0].pk]
    assert [flip["call_log_id"] for flip in found["gains"]] == [calls[2].pk]
    assert found["p_value"] == 1.0
    _, found = ask(alice, "gate", metric=metric.pk, golden_set=pk, max_regressions=0)
    assert found["state"] == "failed"
    assert found["checks"][0]["text"] == (
        "Version 1 was right on 1 of these calls that are wrong now; at most 0 may be."
    )
    assert ask(alice, "gate", **query, min_cases=5, min_kappa=0)[1]["state"] == "incomplete"
    assert ask(alice, "gate", **query, version=1, min_kappa=0.4)[1]["state"] == "passed"


def test_a_failure_of_the_judge_decides_nothing(alice: Tenant) -> None:
    metric, calls = labelled(alice, [True, True], [True, True])
    new_version(metric)
    again(calls[0], metric, passed=True)
    again(calls[1], metric, outcome="failed", reason="judge_unavailable")
    _, found = ask(alice, "gate", metric=metric.pk, min_accuracy=0.5)
    assert (found["state"], found["failed"]) == ("incomplete", [calls[1].pk])


def test_all_alike_is_judged_by_the_answers_themselves(alice: Tenant) -> None:
    metric, _ = labelled(alice, [True, True], [True, True])
    _, found = ask(alice, "gate", metric=metric.pk, min_kappa=0.9)
    assert (found["state"], found["checks"][0]["value"]) == ("passed", None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"min_kappa": "high"}, "min_kappa"),
        ({"min_kappa": 1.5}, "min_kappa"),
        ({"min_accuracy": "nan"}, "min_accuracy"),
        ({"max_regressions": -1}, "max_regressions"),
        ({"version": 9}, "version"),
        ({"baseline": "x"}, "baseline"),
        ({"metric": ""}, "metric_id"),
    ],
)
def test_wrong_limits_are_said(alice: Tenant, query: dict[str, Any], field: str) -> None:
    metric, _ = labelled(alice, [True], [True])
    status, answer = ask(alice, "gate", **({"metric": metric.pk} | query))
    assert (status, list(answer)) == (400, [field])


def test_numbers_cannot_be_held_to_a_kappa(alice: Tenant) -> None:
    metric = metric_row(alice.project, "Latency", "numeric")
    assert ask(alice, "gate", metric=metric.pk, min_kappa=0.5)[0] == 400


def test_charlie_sees_no_set_and_no_figure(alice: Tenant, charlie: Tenant) -> None:
    metric, calls = labelled(alice, [True], [True])
    pk = golden(alice, metric)
    theirs = golden(charlie, metric_row(charlie.project, "Consent"))
    assert ask(charlie, "golden-sets")[1]["count"] == 1
    assert ask(charlie, "review/agreement", metric_id=metric.pk)[0] == 404
    assert ask(charlie, "gate", metric=metric.pk, min_kappa=0)[0] == 404
    assert ask(charlie, f"golden-sets/{pk}")[0] == 404
    for method in ("patch", "delete"):
        assert send(charlie, f"golden-sets/{pk}", method, name="x")[0] == 404
    assert send(charlie, f"golden-sets/{pk}/cases", metric_id=metric.pk)[0] == 404
    assert send(charlie, f"golden-sets/{theirs}/cases", metric_id=metric.pk)[0] == 404
    mine = Metric.objects.get(project=charlie.project)
    case = {"metric_id": mine.pk, "call_log_id": calls[0].pk, "expected_value": True}
    assert send(charlie, f"golden-sets/{theirs}/cases", **case)[0] == 404
    assert ask(alice, "gate", metric=metric.pk, golden_set=theirs, min_kappa=0)[0] == 404

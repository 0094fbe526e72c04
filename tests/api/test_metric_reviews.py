"""Labs over HTTP, through a real executor and the official client: runs, proposals, apply and dismiss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cekura import Cekura

from callgauge.domain.judging import JudgeRequest, JudgeUnavailable
from callgauge.engine.proposals import SCHEMA_NAME
from callgauge.flow import errands, lab_work
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.reviewers import reviewer_of
from callgauge.flow.reviews import Vote, cast_vote
from callgauge.store.models import (
    CallLog,
    JudgeCall,
    Lab,
    LabCase,
    Metric,
    MetricResult,
    MetricVersion,
    Review,
)
from callgauge.worker.executor import Executor
from tests.call_rows import rerun_row, result_row
from tests.calls import make_call, make_metric
from tests.judges import FakeJudge, verdict
from tests.served import served
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LABS = "/test_framework/metric-reviews"
TRUTH = {f"c{number}": number % 2 == 0 for number in range(12)}
BETTER = "Did the agent confirm before booking?"


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def charlie(transactional_db: None) -> Tenant:
    return tenant("Rival", "Support")


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    """Twelve answers of people; version 1 says pass of all, so it is wrong on half of them."""
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    rerun = rerun_row(agent, metric)
    for name, right in TRUTH.items():
        call = make_call(agent, name)
        result_row(call, metric, rerun, passed=True)
        cast_vote(call, Vote(metric.pk, expected_value=right, feedback="See."), by=reviewer_of(alice.key))
    return metric


def proposes(request: JudgeRequest) -> dict[str, Any]:
    """Proposes the better wording, and answers by it as people do; any other wording passes everything."""
    if request.schema_name == SCHEMA_NAME:
        return {"analysis": ["It passes all."], "changes": ["Says when."], "description": BETTER}
    return verdict(TRUTH[request.call_id] if BETTER in request.messages[-1].text else True)


def post(who: Tenant, path: str, **body: Any) -> tuple[int, Any]:
    answer = who.client.post(path, json.dumps(body), content_type="application/json")
    return answer.status_code, json.loads(answer.content)


def get(who: Tenant, path: str, **query: Any) -> Any:
    return json.loads(who.client.get(path, query).content)


def run(uid: str, judge: FakeJudge | None) -> None:
    executor = Executor("test:1", lambda: judge, concurrency=4)
    executor.start()
    try:
        wait_until(lambda: Lab.objects.get(uid=uid).state in ("completed", "failed"))
    finally:
        executor.stop()


def proposed(alice: Tenant, metric: Metric, **body: Any) -> tuple[Any, FakeJudge]:
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk, **body)
    judge = FakeJudge(proposes)
    run(asked["progress_id"], judge)
    return get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"]), judge


def test_a_proposal_is_tried_on_calls_that_it_was_not_made_from(alice: Tenant, metric: Metric) -> None:
    found, judge = proposed(alice, metric)
    assert (found["status"], found["improved_metric_description"]) == ("completed", BETTER)
    held = LabCase.objects.filter(is_shown=False)
    before = sum(bool(case.expected_value) for case in held) / len(held)
    assert (found["old_score"], found["new_score"]) == (pytest.approx(before), 1.0)
    assert found["progress"] == {"done": len(held), "total": len(held)}
    assert found["optimization_summary"] == "It passes all.\nSays when."
    assert len(judge.asked) == 1 + len(held)
    shown = LabCase.objects.filter(is_shown=True).values_list("call__call_id", flat=True)
    measured = {one["call_id"] for one in found["review_results"]}
    assert shown
    assert measured
    assert not measured & set(shown)
    assert all(one["success"] and one["error"] is None for one in found["review_results"])
    assert found["cost_usd"] == pytest.approx(0.001 * len(judge.asked))
    again, _ = proposed(alice, metric)
    assert {one["call_id"] for one in again["review_results"]} == measured


def test_a_proposal_changes_nothing_until_a_person_applies_it(alice: Tenant, metric: Metric) -> None:
    found, _ = proposed(alice, metric)
    assert MetricVersion.objects.count() == 1
    assert MetricResult.objects.filter(is_current=True, passed=True).count() == len(TRUTH)
    (listed,) = get(alice, "/callgauge/v1/proposals", metric_id=metric.pk)["results"]
    assert listed["id"] == found["proposal_id"]
    assert listed["diff"][-2:] == ["-Did the agent confirm?", f"+{BETTER}"]
    score = listed["score"]
    assert (score["right_after"], score["regressions"]) == (score["n"], 0)
    assert listed["words"].startswith(f"On {score['n']} calls that were held back, ")
    assert "0 lost (McNemar p = " in listed["words"]
    detail = get(alice, f"/test_framework/v1/metrics/{metric.pk}")
    assert detail["pending_optimisation_proposal"]["improved_metric_description"] == BETTER
    status, applied = post(alice, f"/callgauge/v1/proposals/{listed['id']}/apply")
    assert (status, applied["decision"], applied["applied_version"]) == (200, "applied", 2)
    metric.refresh_from_db()
    assert metric.current_version is not None
    assert metric.current_version.description == BETTER
    assert metric.current_version.change_reason == f"Applied proposal {listed['id']}"
    assert post(alice, f"/callgauge/v1/proposals/{listed['id']}/apply")[0] == 409
    assert post(alice, f"/callgauge/v1/proposals/{listed['id']}/dismiss")[0] == 409
    assert get(alice, f"/test_framework/v1/metrics/{metric.pk}")["pending_optimisation_proposal"] is None


def test_a_dismissed_proposal_stays_to_be_read(alice: Tenant, metric: Metric) -> None:
    found, _ = proposed(alice, metric)
    path = f"/callgauge/v1/proposals/{found['proposal_id']}"
    assert post(alice, f"{path}/dismiss")[1]["decision"] == "dismissed"
    assert get(alice, path)["after"] == BETTER
    assert post(alice, f"{path}/apply")[0] == 409
    assert MetricVersion.objects.count() == 1


def test_an_edit_meanwhile_leaves_a_proposal_behind(alice: Tenant, metric: Metric) -> None:
    found, _ = proposed(alice, metric)
    edit_metric(metric, MetricChange(frozen={"description": "Else?"}))
    path = f"/callgauge/v1/proposals/{found['proposal_id']}"
    assert get(alice, path)["outdated"] is True
    status, answer = post(alice, f"{path}/apply")
    assert status == 409
    assert "edited since" in answer["detail"]


def test_without_a_judge_it_ends_failed_and_says_so(alice: Tenant, metric: Metric) -> None:
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    run(asked["progress_id"], None)
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert (found["status"], found["reason"]) == ("failed", "no_judge")
    assert found["error"] == "No judge is set. Set one in CALLGAUGE_JUDGE, then ask again."
    assert (found["improved_metric_description"], found["new_score"]) == ("", None)
    _, asked = post(alice, f"/test_framework/v1/metrics/{metric.pk}/run_reviews")
    run(asked["progress_id"], None)
    found = get(alice, "/test_framework/v1/metrics/run_reviews_progress", progress_id=asked["progress_id"])
    assert (found["status"], found["reason"], found["new_score"]) == ("failed", "no_judge", None)


def test_nothing_to_learn_is_said_at_once(alice: Tenant, metric: Metric) -> None:
    MetricResult.objects.filter(call__call_id__in=[c for c, right in TRUTH.items() if not right]).update(
        passed=False
    )
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    assert asked["status"] == "completed"
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert (found["reason"], found["proposal_id"]) == ("no_mistakes", None)
    Review.objects.all().delete()
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    assert asked["status"] == "failed"
    scripted = make_metric(alice.project, "Code", kind="custom_code", custom_code="_result = True")
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=scripted.pk)
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert found["reason"] == "not_a_judge_metric"


def test_a_judge_that_proposes_nonsense(alice: Tenant, metric: Metric) -> None:
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    judge = FakeJudge(lambda request: {"analysis": [], "changes": [], "description": "{{invented}}"})
    run(asked["progress_id"], judge)
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert (found["status"], found["reason"]) == ("failed", "judge_failed")
    assert len(judge.asked) == 5  # asked again as often as for a result


def test_the_same_wording_again_is_no_proposal(alice: Tenant, metric: Metric) -> None:
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    same = {"analysis": [], "changes": [], "description": "Did the agent confirm?"}
    run(asked["progress_id"], FakeJudge(lambda request: same))
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert (found["status"], found["reason"], found["proposal_id"]) == ("completed", "no_change", None)


def test_what_was_paid_for_is_not_asked_again(alice: Tenant, metric: Metric) -> None:
    """A server that dies after every answer but one: the next one asks for that one only."""
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    run(asked["progress_id"], FakeJudge(proposes))
    lab = Lab.objects.get()
    lost = LabCase.objects.filter(is_shown=False).first()
    assert lost is not None
    LabCase.objects.filter(is_shown=False).update(after=None)
    JudgeCall.objects.filter(call=lost.call).delete()
    Lab.objects.update(state="in_progress", owner="dead", lease_until="2020-01-01T00:00:00Z", ended_at=None)
    again = FakeJudge(proposes)
    run(lab.uid, again)
    assert [call_id for call_id, _ in again.asked] == [lost.call.call_id]
    assert LabCase.objects.filter(is_shown=False, after__isnull=True).count() == 0


def test_an_owner_that_lost_its_lease_writes_nothing(alice: Tenant, metric: Metric) -> None:
    post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    work = lab_work.claim_lab("first")
    assert work is not None
    Lab.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert lab_work.claim_lab("second") is not None
    assert not errands.renew(Lab, "first", work.pk)
    lab_work.end_lab("first", work.pk)
    assert Lab.objects.get().state == "in_progress"


def test_a_lab_that_only_ever_loses_its_owner_is_given_up(alice: Tenant, metric: Metric) -> None:
    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    for name in ("a", "b", "c"):
        assert lab_work.claim_lab(name) is not None
        Lab.objects.update(lease_until="2020-01-01T00:00:00Z")
    judge = FakeJudge(proposes)
    run(asked["progress_id"], judge)
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert (found["status"], found["reason"], judge.asked) == ("failed", "lost", [])


def test_a_lab_that_cannot_be_loaded_is_ended_after_a_few_tries(
    alice: Tenant, metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("not what was stored")

    _, asked = post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk)
    monkeypatch.setattr(lab_work, "load_apart", broken)
    for state in ("in_progress", "in_progress", "failed"):
        assert lab_work.claim_lab("a") is None
        assert Lab.objects.get().state == state
        Lab.objects.update(lease_until="2020-01-01T00:00:00Z")
    found = get(alice, f"{LABS}/process_feedbacks_progress", progress_id=asked["progress_id"])
    assert (found["status"], found["reason"]) == ("failed", "lost")
    assert lab_work.claim_lab("a") is None


def test_a_draft_is_run_on_what_people_answered(alice: Tenant, metric: Metric) -> None:
    path = f"/test_framework/v1/metrics/{metric.pk}/run_reviews"
    _, asked = post(alice, path, description=BETTER, skip_save=True)
    run(asked["progress_id"], FakeJudge(proposes))
    found = get(alice, "/test_framework/v1/metrics/run_reviews_progress", progress_id=asked["progress_id"])
    assert (found["old_score"], found["new_score"], found["failed"]) == (0.5, 1.0, 0)
    assert len(found["review_results"]) == len(TRUTH)
    assert set(found["review_results"][0]) >= {
        *("review_id", "test_set_id", "actual_value", "explanation", "success", "error"),
    }
    assert MetricVersion.objects.count() == 1
    assert post(alice, path, description="")[0] == 400
    assert post(alice, path, type="custom_code")[0] == 400


def test_what_could_not_be_computed_is_an_error_and_no_zero(alice: Tenant, metric: Metric) -> None:
    def broken(request: JudgeRequest) -> dict[str, Any]:
        if request.call_id == "c3":
            raise JudgeUnavailable("Down.")
        return proposes(request)

    _, asked = post(alice, f"/test_framework/v1/metrics/{metric.pk}/run_reviews", description=BETTER)
    run(asked["progress_id"], FakeJudge(broken))
    found = get(alice, "/test_framework/v1/metrics/run_reviews_progress", progress_id=asked["progress_id"])
    (failed,) = [one for one in found["review_results"] if one["error"]]
    assert (failed["call_id"], failed["error"], failed["actual_value"]) == ("c3", "judge_unavailable", None)
    assert (found["failed"], found["new_score"]) == (1, 1.0)


def test_only_some_answers(alice: Tenant, metric: Metric) -> None:
    calls = list(CallLog.objects.order_by("id").values_list("pk", flat=True)[:4])
    found, _ = proposed(alice, metric, test_set_ids=calls)
    assert LabCase.objects.count() == 4
    assert {one["test_set_id"] for one in found["review_results"]} <= set(calls)
    _, made = post(alice, "/callgauge/v1/golden-sets", name="Release")
    cases = f"/callgauge/v1/golden-sets/{made['id']}/cases"
    post(alice, cases, metric_id=metric.pk, call_logs=calls[:2])
    post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk, golden_set="Release")
    assert Lab.objects.order_by("id").last().cases.count() == 2  # type: ignore[union-attr]
    assert post(alice, f"{LABS}/process_feedbacks", metric_id=metric.pk, golden_set="None")[0] == 400


def test_a_deleted_call_takes_its_answers_along(alice: Tenant, metric: Metric) -> None:
    proposed(alice, metric)
    assert not JudgeCall.objects.filter(call=None).exists()
    case = LabCase.objects.filter(is_shown=False).first()
    assert case is not None
    alice.client.delete(f"/observability/v1/call-logs/{case.call_id}")
    assert not LabCase.objects.filter(call_id=case.call_id).exists()
    assert not JudgeCall.objects.filter(call_id=case.call_id).exists()


def test_charlie_sees_no_lab(alice: Tenant, charlie: Tenant, metric: Metric) -> None:
    found, _ = proposed(alice, metric)
    pk, uid = found["proposal_id"], found["progress_id"]
    review = Review.objects.first()
    assert review is not None
    assert charlie.client.get(f"/callgauge/v1/proposals/{pk}").status_code == 404
    assert get(charlie, "/callgauge/v1/proposals")["count"] == 0
    assert post(charlie, f"/callgauge/v1/proposals/{pk}/apply")[0] == 404
    assert post(charlie, f"/callgauge/v1/proposals/{pk}/dismiss")[0] == 404
    for name in ("process_feedbacks_progress",):
        assert charlie.client.get(f"{LABS}/{name}?progress_id={uid}").status_code == 404
    assert post(charlie, f"{LABS}/process_feedbacks", metric_id=metric.pk)[0] == 404
    assert post(charlie, f"/test_framework/v1/metrics/{metric.pk}/run_reviews")[0] == 404
    assert charlie.client.patch(f"{LABS}/{review.pk}", {"feedback": "x"}, format="json").status_code == 404


@pytest.fixture
def client(alice: Tenant) -> Iterator[Cekura]:
    with served() as url:
        yield Cekura(api_key=alice.secret, base_url=url)


def test_the_official_client(client: Cekura, metric: Metric) -> None:
    review = client.metrics.get(metric.pk)["reviews"][0]
    assert review["expected_value"] in (True, False)
    edited = client.metric_reviews.update(review["id"], feedback="Not at all.")
    assert (edited["id"], edited["feedback"]) == (review["id"], "Not at all.")
    assert edited["expected_value"] == review["expected_value"]
    again = client.metric_reviews.update(review["id"], expected_value=not review["expected_value"])
    assert (again["feedback"], again["expected_value"]) == ("Not at all.", not review["expected_value"])
    asked = client.metric_reviews.process_feedbacks(metric_id=metric.pk)
    run(asked["progress_id"], FakeJudge(proposes))
    done = client.metric_reviews.process_feedbacks_progress(progress_id=asked["progress_id"])
    assert done["improved_metric_description"] == BETTER
    asked = client.metrics.run_reviews(metric.pk)
    run(asked["progress_id"], FakeJudge(proposes))
    assert client.metrics.run_reviews_progress(progress_id=asked["progress_id"])["status"] == "completed"


@pytest.mark.parametrize("name", ["progress_id", "job_id"])
def test_the_official_command_line_calls_the_progress_a_job(alice: Tenant, metric: Metric, name: str) -> None:
    _, asked = post(alice, f"{LABS}/process_feedbacks/", metric_id=metric.pk)
    found = get(alice, f"{LABS}/process_feedbacks_progress/", **{name: asked["progress_id"]})
    assert found["status"] == "queued"
    assert list(get(alice, f"{LABS}/process_feedbacks_progress")) == ["progress_id"]
    assert alice.client.get(f"{LABS}/process_feedbacks_progress?{name}=none").status_code == 404

"""Human review over HTTP: the queue and why each item is in it, second opinions, adjudication, withdrawal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from callgauge.flow import review_queue
from callgauge.flow.keys import create_key
from callgauge.store.models import CallLog, Metric, MetricVersion, Review, ReviewItem, Role, RubricRule
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
BASE = "/callgauge/v1/review"


def get(who: Tenant, path: str, **query: Any) -> Any:
    return json.loads(who.client.get(f"{BASE}/{path}", query).content)


def post(who: Tenant, path: str, **body: Any) -> tuple[int, Any]:
    answer = who.client.post(f"{BASE}/{path}", json.dumps(body), content_type="application/json")
    return answer.status_code, json.loads(answer.content)


def vote(who: Tenant, call: CallLog, metric: Metric, **body: Any) -> Any:
    url = f"/observability/v1/call-logs/{call.pk}/mark_metric_vote"
    body = {"metric_id": metric.pk, **body}
    answer = who.client.post(url, json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)["id"]


def new_version(metric: Metric, **fields: Any) -> MetricVersion:
    old = metric.current_version
    assert old is not None
    values = {
        "eval_type": old.eval_type,
        "labels": old.labels,
        "meaning": old.meaning,
        "number": old.number + 1,
    }
    version = MetricVersion.objects.create(
        metric=metric, name=metric.name, kind="llm_judge", content_hash="1" * 64, **values | fields
    )
    metric.current_version = version
    metric.save()
    return version


def again(call: CallLog, metric: Metric, **fields: Any) -> None:
    """A newer result in place of the current one."""
    before = call.results.get(metric=metric, is_current=True)
    call.results.filter(metric=metric).update(is_current=False)
    result_row(call, metric, rerun_row(call.agent, metric), previous_id=before.pk, **fields)


def doubtful(who: Tenant) -> tuple[dict[str, CallLog], Metric]:
    """A rating with a rubric limit of 3, and one call for every reason to look."""
    agent = who.agent()
    metric = metric_row(who.project, "Politeness", "continuous_qualitative")
    RubricRule.objects.create(
        project=who.project,
        metric=metric,
        conditions={"operator": "and", "conditions": [{"field": "score", "op": "gte", "value": 3}]},
    )
    names = ("plain", "near", "doubted", "flipped", "labelled")
    calls = {name: call_row(agent, name) for name in names}
    rerun = rerun_row(agent, metric)
    for name, number in (("plain", 5.0), ("near", 3.4), ("flipped", 5.0), ("labelled", 5.0)):
        result_row(calls[name], metric, rerun, number=number)
    result_row(calls["doubted"], metric, rerun, number=5.0, low_trust=True)
    new_version(metric)
    again(calls["flipped"], metric, number=1.0)
    vote(who, calls["labelled"], metric, thumbs_up=True)
    return calls, metric


def test_what_teaches_most_comes_first_and_says_why(alice: Tenant) -> None:
    doubtful(alice)
    answer = get(alice, "queue")
    assert [(item["call_id"], item["reasons"][0]["text"]) for item in answer["results"]] == [
        ("flipped", "Version 1 said 5, version 2 says 1."),
        ("doubted", "A passage that the judge quotes is not in the transcript."),
        ("near", "3.4 is close to the rubric's limit of 3."),
        ("plain", "1 of the 30 answers by people that Politeness needs are there; drawn at random."),
    ]
    counts = answer["counts"]
    assert counts["open"] == 4
    assert counts["reasons"]["versions_disagree"] == counts["reasons"]["never_seen"] == 1
    assert answer["results_not_looked_through"] == 0


def test_several_reasons_add_up(alice: Tenant) -> None:
    calls, metric = doubtful(alice)
    again(calls["near"], metric, number=2.8)
    (first, *_) = get(alice, "queue")["results"]
    assert first["call_id"] == "near"
    assert [reason["reason"] for reason in first["reasons"]] == ["versions_disagree", "near_threshold"]


def test_a_queue_that_was_read_learns_of_what_came_since(alice: Tenant) -> None:
    calls, metric = doubtful(alice)
    get(alice, "queue")
    again(calls["plain"], metric, number=1.0)
    again(calls["doubted"], metric, number=5.0)
    shown = {item["call_id"]: item for item in get(alice, "queue")["results"]}
    assert shown["plain"]["reasons"][0]["reason"] == "versions_disagree"
    assert "doubted" not in shown or shown["doubted"]["reasons"][0]["reason"] == "never_seen"


def test_a_changed_limit_is_looked_through_again(alice: Tenant) -> None:
    doubtful(alice)
    get(alice, "queue")
    RubricRule.objects.update(
        conditions={"operator": "and", "conditions": [{"field": "score", "op": "gte", "value": 4.9}]}
    )
    alice.project.rubric_version += 1
    alice.project.save()
    near = get(alice, "queue", reason="near_threshold")["results"]
    assert {item["call_id"] for item in near} == {"plain", "doubted"}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_are_stable_while_items_are_answered(alice: Tenant, size: int) -> None:
    doubtful(alice)
    whole = [item["id"] for item in get(alice, "queue")["results"]]
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(alice, "queue", page_size=size, cursor=cursor)
        seen += [item["id"] for item in page["results"]]
        post(alice, f"items/{seen[0]}/answer", expected_value=1)
        cursor = page["next_cursor"]
    assert seen == whole


@pytest.mark.parametrize(
    ("query", "field"),
    [({"cursor": "x"}, "cursor"), ({"kind": "third"}, "kind"), ({"reason": "boredom"}, "reason")],
)
def test_wrong_filters_are_said(alice: Tenant, query: dict[str, str], field: str) -> None:
    assert list(get(alice, "queue", **query)) == [field]


def test_an_answer_is_a_vote_and_ends_the_item(alice: Tenant) -> None:
    doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    status, answer = post(alice, f"items/{item['id']}/answer", expected_value=4, feedback="Fine.")
    assert (status, answer["expected_value"], answer["picked_for"]) == (200, 4, ["versions_disagree"])
    assert CallLog.objects.get(call_id="flipped").is_reviewed
    assert post(alice, f"items/{item['id']}/answer", expected_value=1)[0] == 409
    assert get(alice, "queue")["counts"]["done_last_7_days"] == 1


def test_a_vote_elsewhere_ends_the_item_too(alice: Tenant) -> None:
    calls, metric = doubtful(alice)
    get(alice, "queue")
    vote(alice, calls["flipped"], metric, thumbs_up=True)
    assert "flipped" not in {item["call_id"] for item in get(alice, "queue")["results"]}


def test_a_note_alone_answers_nothing(alice: Tenant) -> None:
    doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    assert post(alice, f"items/{item['id']}/answer", feedback="Hm.")[0] == 400
    assert get(alice, "queue")["counts"]["open"] == 4


def test_what_one_skips_others_are_still_asked(alice: Tenant, bob: Tenant) -> None:
    doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    assert post(alice, f"items/{item['id']}/skip")[0] == 200
    assert get(alice, "queue")["counts"]["open"] == 3
    assert get(alice, "queue")["counts"]["skipped_by_me"] == 1
    assert get(bob, "queue")["counts"]["open"] == 4
    assert post(alice, "unskip")[1]["count"] == 1
    assert get(alice, "queue")["counts"]["open"] == 4


def test_what_is_assigned_is_for_one_person(alice: Tenant, bob: Tenant) -> None:
    doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    assert post(bob, f"items/{item['id']}/assign", assignee="me")[0] == 200
    assert get(alice, "queue")["counts"]["open"] == 3
    assert [one["id"] for one in get(bob, "queue", assigned="true")["results"]] == [item["id"]]
    assert post(alice, f"items/{item['id']}/assign", assignee="nobody@example.com")[0] == 400
    assert post(alice, f"items/{item['id']}/assign", assignee=None)[0] == 200
    assert get(alice, "queue")["counts"]["open"] == 4


def test_what_a_person_asks_for_comes_first_and_stays(alice: Tenant, charlie: Tenant) -> None:
    calls, metric = doubtful(alice)
    get(alice, "queue")
    wanted = [calls["plain"].pk, calls["near"].pk, calls["labelled"].pk]
    assert post(alice, "ask", call_logs=wanted, reviewer="ana") == (200, {"asked": 2})
    assert post(alice, "ask", call_logs=wanted) == (200, {"asked": 2})
    first, second, *_ = get(alice, "queue")["results"]
    assert (first["call_id"], second["call_id"]) == ("near", "plain")
    assert [reason["reason"] for reason in first["reasons"]] == ["asked_for", "near_threshold"]
    again(calls["near"], metric, number=5.0)
    shown = {item["call_id"]: item for item in get(alice, "queue", reason="asked_for")["results"]}
    assert set(shown) == {"near", "plain"}
    assert post(alice, "ask", call_logs=[calls["labelled"].pk])[0] == 400
    assert post(alice, "ask", call_logs=[])[0] == 400
    foreign = post(charlie, "ask", call_logs=wanted)
    assert foreign == post(charlie, "ask", call_logs=[10**6])
    assert foreign[0] == 400
    assert post(charlie, "ask", call_logs=wanted, metric_id=metric.pk)[0] == 404


def test_blind_shows_nobodys_answer(alice: Tenant) -> None:
    doubtful(alice)
    (item, *_) = get(alice, "queue", blind="true")["results"]
    assert item["machine"] is None
    assert item["reasons"] == [
        {"reason": "versions_disagree", "title": "Versions disagree", "text": "Versions disagree"}
    ]
    whole = get(alice, f"items/{item['id']}", blind="true")
    assert whole["machine"] is None
    assert whole["transcript_object"][0]["content"] == "Good morning."
    assert get(alice, f"items/{item['id']}")["machine"]["score"] == 1.0


def disputed(alice: Tenant, bob: Tenant) -> tuple[CallLog, Metric, int]:
    """Alice said pass, Bob says fail; the id of the item that asks who is right."""
    agent = alice.agent()
    metric = metric_row(alice.project, "Consent")
    call = call_row(agent, "one")
    result_row(call, metric, rerun_row(agent, metric), passed=True)
    vote(alice, call, metric, thumbs_up=True)
    assert post(alice, "second-opinions", metric_id=metric.pk, share=1) == (200, {"asked": 1})
    assert post(alice, "second-opinions", metric_id=metric.pk, share=1) == (200, {"asked": 0})
    assert get(alice, "queue")["results"] == []  # she gave the first answer
    (item,) = get(bob, "queue")["results"]
    assert (item["kind"], item["blind"], item["machine"], item["answers"]) == ("second", True, None, [])
    assert "pass" not in json.dumps(item["reasons"])
    assert post(alice, f"items/{item['id']}/answer", expected_value=True)[0] == 400
    assert post(bob, f"items/{item['id']}/answer", thumbs_up=True)[0] == 400
    assert post(bob, f"items/{item['id']}/answer", expected_value=False, feedback="No.")[0] == 200
    return call, metric, ReviewItem.objects.get(kind="adjudication").pk


def test_a_second_opinion_changes_nothing_by_itself(alice: Tenant, bob: Tenant) -> None:
    call, _, _ = disputed(alice, bob)
    assert Review.objects.get(is_current=True).expected_value is True
    shown = json.loads(alice.client.get(f"/observability/v1/call-logs/{call.pk}").content)
    assert shown["evaluation"]["metrics"][0]["passed"] is True


def test_a_third_person_decides_between_two(alice: Tenant, bob: Tenant) -> None:
    call, _, item = disputed(alice, bob)
    for party in (alice, bob):
        assert get(party, "queue")["results"] == []
        assert post(party, f"items/{item}/answer", expected_value=False)[0] == 400
    (shown,) = get(alice, "queue", reviewer="carol@example.com")["results"]
    assert {answer["expected_value"] for answer in shown["answers"]} == {True, False}
    assert "reviewer" not in json.dumps(shown["answers"])
    status, decided = post(alice, f"items/{item}/answer", expected_value=False, reviewer="carol@example.com")
    assert (status, decided["role"], decided["reviewer"]) == (200, "adjudication", "carol@example.com")
    assert Review.objects.get(is_current=True).pk == decided["id"]
    assert [vote["role"] for vote in get(alice, "votes", call_log_id=call.pk)["results"]] == [
        "adjudication",
        "second",
        "first",
    ]


def test_two_may_decide_together(alice: Tenant, bob: Tenant) -> None:
    _, _, item = disputed(alice, bob)
    assert post(bob, f"items/{item}/answer", expected_value=True, jointly=True)[0] == 200


def test_whoever_changes_their_mind_ends_the_dispute(alice: Tenant, bob: Tenant) -> None:
    call, metric, item = disputed(alice, bob)
    vote(alice, call, metric, expected_value=False)
    assert ReviewItem.objects.get(pk=item).done_at is not None


def test_a_second_opinion_that_agrees_is_no_dispute(alice: Tenant, bob: Tenant) -> None:
    agent = alice.agent()
    metric = metric_row(alice.project, "Politeness", "continuous_qualitative")
    call = call_row(agent, "one")
    result_row(call, metric, rerun_row(agent, metric), number=4.0)
    vote(alice, call, metric, expected_value=4)
    post(alice, "second-opinions", metric_id=metric.pk, count=5)
    (item,) = get(bob, "queue")["results"]
    assert post(bob, f"items/{item['id']}/answer", expected_value=3.5)[0] == 200
    assert not ReviewItem.objects.filter(done_at=None).exists()


def test_a_withdrawn_vote_leaves_the_one_before(alice: Tenant) -> None:
    calls, metric = doubtful(alice)
    call = calls["labelled"]
    second = vote(alice, call, metric, expected_value=2)
    call.refresh_from_db()
    assert call.success is False
    assert post(alice, f"votes/{second}/withdraw")[0] == 200
    call.refresh_from_db()
    assert (call.is_reviewed, call.success) == (True, True)
    assert post(alice, f"votes/{second}/withdraw")[0] == 409
    first = Review.objects.get(call=call, is_current=True)
    post(alice, f"votes/{first.pk}/withdraw")
    call.refresh_from_db()
    assert (call.is_reviewed, call.success) == (False, True)
    votes = get(alice, "votes", call_log_id=call.pk, metric_id=metric.pk)["results"]
    assert all(one["withdrawn_at"] and not one["current"] for one in votes)


def test_a_withdrawn_label_leaves_a_call_under_way_to_its_rerun(alice: Tenant) -> None:
    calls, _ = doubtful(alice)
    call = calls["labelled"]
    CallLog.objects.filter(pk=call.pk).update(pending_rerun_id=rerun_row(call.agent).pk)
    post(alice, f"votes/{Review.objects.get(call=call).pk}/withdraw")
    call.refresh_from_db()
    assert (call.is_reviewed, call.success) == (False, None)
    assert call.pending_rerun_id is not None


def test_a_note_beside_anothers_vote_takes_nothing_away(alice: Tenant, bob: Tenant) -> None:
    calls, metric = doubtful(alice)
    call = calls["labelled"]
    vote(bob, call, metric, feedback="Why?")
    kept = Review.objects.get(call=call, is_current=True)
    assert (kept.expected_value, kept.by_key) == (5.0, alice.key)
    vote(alice, call, metric, feedback="Because.")
    amended = Review.objects.get(call=call, is_current=True)
    assert (amended.expected_value, amended.feedback) == (5.0, "Because.")


def test_a_label_is_stale_once_the_metric_means_something_else(alice: Tenant) -> None:
    calls, metric = doubtful(alice)
    url = f"/test_framework/v1/metrics/{metric.pk}"
    patch = {"description": "Else.", "meaning_changed": True}
    assert alice.client.patch(url, json.dumps(patch), content_type="application/json").status_code == 200
    metric.refresh_from_db()
    again(calls["labelled"], metric, number=5.0)
    (item,) = get(alice, "queue", reason="label_stale")["results"]
    assert item["reasons"][0]["text"] == ("A person said 5, but the metric means something else since then.")
    (vote_shown,) = get(alice, "votes", call_log_id=calls["labelled"].pk)["results"]
    assert vote_shown["stale"] is True
    detail = json.loads(alice.client.get(f"/observability/v1/call-logs/{calls['labelled'].pk}").content)
    assert detail["evaluation"]["metrics"][0]["extra"]["review"]["stale"] is True


def test_a_viewers_key_reads_and_says_nothing(alice: Tenant) -> None:
    calls, metric = doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    key, secret = create_key(organization="Acme", project="Support", role=Role.VIEWER)
    viewer = Tenant(alice.project, key, secret, APIClient(HTTP_X_CEKURA_API_KEY=secret))
    assert get(viewer, "queue")["counts"]["open"] == 4
    review = Review.objects.get(call=calls["labelled"])
    before = (Review.objects.count(), ReviewItem.objects.count())
    for path in (
        f"items/{item['id']}/answer",
        f"items/{item['id']}/skip",
        f"items/{item['id']}/assign",
        f"votes/{review.pk}/withdraw",
        "second-opinions",
        "ask",
    ):
        body = {"expected_value": 1, "assignee": "me", "metric_id": metric.pk, "count": 1}
        assert post(viewer, path, **body, call_logs=[calls["near"].pk])[0] == 403, path
    vote_path = f"/observability/v1/call-logs/{calls['near'].pk}/mark_metric_vote"
    said = {"metric_id": metric.pk, "thumbs_up": True}
    assert viewer.client.post(vote_path, said, format="json").status_code == 403
    assert viewer.client.post("/callgauge/v1/golden-sets", {"name": "x"}, format="json").status_code == 403
    labs = "/test_framework/metric-reviews/process_feedbacks"
    assert viewer.client.post(labs, {"metric_id": metric.pk}, format="json").status_code == 403
    assert before == (Review.objects.count(), ReviewItem.objects.count())


def test_charlie_sees_nothing(alice: Tenant, charlie: Tenant) -> None:
    calls, metric = doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    assert get(charlie, "queue")["counts"]["open"] == 0
    review = Review.objects.get(call=calls["labelled"])
    foreign = [
        f"items/{item['id']}/answer",
        f"items/{item['id']}/skip",
        f"items/{item['id']}/assign",
        f"votes/{review.pk}/withdraw",
    ]
    for path in foreign:
        body = {"expected_value": 1, "assignee": "me"}
        assert post(charlie, path, **body) == (404, {"detail": "Not found."})
        missing = path.replace(str(item["id"]), "99999").replace(f"votes/{review.pk}", "votes/99999")
        assert post(charlie, missing, **body) == (404, {"detail": "Not found."})
    assert post(charlie, "second-opinions", metric_id=metric.pk, count=1)[0] == 404
    assert charlie.client.get(f"{BASE}/votes?call_log_id={calls['near'].pk}").status_code == 404
    assert charlie.client.get(f"{BASE}/queue?project_id={alice.project.pk}").status_code == 404
    assert not ReviewItem.objects.exclude(done_at=None).exists()


def test_no_more_than_needed_are_drawn(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_queue, "WANTED_LABELS", 3)
    monkeypatch.setattr(review_queue, "WINDOW", 2)
    agent = alice.agent()
    metric = metric_row(alice.project, "Consent")
    rerun = rerun_row(agent, metric)
    for number in range(7):
        result_row(call_row(agent, f"c{number}"), metric, rerun, passed=True)
    assert get(alice, "queue")["counts"]["open"] == 3
    (item, *_) = get(alice, "queue")["results"]
    post(alice, f"items/{item['id']}/answer", thumbs_up=True)
    result_row(call_row(agent, "c8"), metric, rerun, passed=True)
    assert get(alice, "queue")["counts"]["open"] == 2


def test_reading_the_queue_needs_few_queries(alice: Tenant, django_assert_max_num_queries: Any) -> None:
    doubtful(alice)
    get(alice, "queue")
    with django_assert_max_num_queries(9):
        get(alice, "queue")

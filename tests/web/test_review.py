"""The review pages: what each role may do, what a blind reviewer is not told, how many queries it takes."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.store.models import (
    CallLog,
    GoldenSet,
    Lab,
    Metric,
    MetricVersion,
    Review,
    ReviewItem,
    ReviewSkip,
)
from callgauge.web.frame import present_frame
from callgauge.web.review.agreement import present_metrics
from callgauge.web.review.present import options_of
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.people import People, SignedIn
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
BLIND_TEXT = "A passage that the judge quotes"


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    """Three calls that are worth looking at."""
    agent = alice.agent()
    metric = metric_row(alice.project, "Consent", description="Did the agent ask?")
    rerun = rerun_row(agent, metric)
    for number in range(3):
        call = call_row(agent, f"call-{number}")
        result_row(call, metric, rerun, passed=True, low_trust=True)
    return metric


def read(who: SignedIn, path: str, **query: Any) -> str:
    answer = who.client.get(path, query)
    assert answer.status_code == 200, (path, answer.status_code)
    return str(answer.content.decode())


def first(people: People) -> ReviewItem:
    read(people.owner, people.path("review"))
    return ReviewItem.objects.order_by("id")[0]


def send(who: SignedIn, people: People, path: str, **form: Any) -> Any:
    return who.client.post(people.path(path), form, follow=True)


def test_an_answer_leads_to_the_next_item_and_can_be_undone(people: People, metric: Metric) -> None:
    item = first(people)
    page = send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="false", feedback="No")
    text = page.content.decode()
    review = Review.objects.get()
    assert (review.expected_value, review.feedback, review.reviewer) == (False, "No", "ada@example.com")
    assert "Answered." in text
    assert f"review/votes/{review.pk}/withdraw" in text
    assert page.context["item"].id == ReviewItem.objects.filter(done_at=None).order_by("id")[0].pk
    send(people.owner, people, f"review/votes/{review.pk}/withdraw")
    assert not Review.objects.filter(is_current=True).exists()
    assert not CallLog.objects.filter(is_reviewed=True).exists()


def test_a_link_offers_to_undo_only_ones_own(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="false")
    undo = str(Review.objects.get().pk)
    assert "Undo the last answer" in read(people.owner, people.path("review"), undo=undo)
    assert "Undo the last answer" not in read(people.member, people.path("review"), undo=undo)


def test_agreeing_with_the_machine(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.member, people, f"review/items/{item.pk}/answer", agree="1")
    assert (Review.objects.get().thumbs_up, Review.objects.get().expected_value) == (True, True)


def test_a_blind_reviewer_is_told_nothing_of_the_machine(people: People, metric: Metric) -> None:
    seeing = read(people.owner, people.path("review"))
    assert BLIND_TEXT in seeing
    assert "Agree with the machine" in seeing
    blind = read(people.owner, people.path("review"), blind="1")
    assert BLIND_TEXT not in blind
    assert "Agree with the machine" not in blind
    assert "Because." not in blind
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/answer?blind=1", expected_value="true", was_blind="1")
    assert Review.objects.get().is_blind


def test_a_second_opinion_is_blind_and_another_persons(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="true", feedback="Secret.")
    send(people.owner, people, f"review/agreement/{metric.pk}/second", share="100")
    second = ReviewItem.objects.get(kind="second")
    page = read(people.member, people.path("review"), item=str(second.pk))
    assert "Second opinion" in page
    assert "Secret." not in page
    assert "Because." not in page
    send(people.member, people, f"review/items/{second.pk}/answer", expected_value="false")
    text = read(people.owner, people.path("review"))
    assert "Decide between two" not in text  # she gave one of the two
    assert "1 disagreement that you are part of" in text
    dispute = ReviewItem.objects.get(kind="adjudication")
    text = read(people.owner, people.path("review"), reason="disagreement")
    assert "we decided this together" in text
    alone = send(people.owner, people, f"review/items/{dispute.pk}/answer", expected_value="true")
    assert alone.status_code == 400
    send(people.owner, people, f"review/items/{dispute.pk}/answer", expected_value="true", jointly="1")
    assert Review.objects.get(role="adjudication").is_current


def test_viewers_read_and_cannot_vote(people: People, metric: Metric) -> None:
    item = first(people)
    text = read(people.viewer, people.path("review"))
    assert "Viewers read only" in text
    assert 'id="answer"' not in text
    for path in (
        f"review/items/{item.pk}/answer",
        f"review/items/{item.pk}/skip",
        f"review/items/{item.pk}/assign",
        "review/unskip",
        f"review/agreement/{metric.pk}/second",
        f"review/agreement/{metric.pk}/propose",
        "review/golden",
    ):
        assert send(people.viewer, people, path, expected_value="true").status_code == 403
    assert not Review.objects.exists()
    assert not ReviewSkip.objects.exists()
    assert not Lab.objects.exists()


@pytest.mark.parametrize(
    "path", ["review", "review/agreement", "review/golden", "review/proposals", "review?item=1"]
)
def test_charlie_finds_nothing(people: People, metric: Metric, path: str) -> None:
    first(people)
    assert people.charlie.client.get(people.path(path)).status_code == 404


def test_charlie_cannot_answer_by_number(people: People, charlie: Tenant, metric: Metric) -> None:
    item = first(people)
    path = f"/projects/{charlie.project.pk}/review/items/{item.pk}/answer"
    assert people.charlie.client.post(path, {"expected_value": "true"}).status_code == 404
    assert not Review.objects.exists()


def test_skip_assign_and_filters(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/assign", assignee="me")
    assert "yours" in read(people.owner, people.path("review"))
    assert read(people.member, people.path("review")).count("<li><a") < read(
        people.owner, people.path("review")
    ).count("<li><a")
    send(people.owner, people, f"review/items/{item.pk}/assign", assignee="")
    send(people.owner, people, f"review/items/{item.pk}/skip")
    assert ReviewSkip.objects.get().reviewer == "ada@example.com"
    assert "Nothing waits here" in read(people.owner, people.path("review"), reason="label_stale")
    assert people.owner.client.get(people.path("review"), {"reason": "x"}).status_code == 400
    assert people.owner.client.get(people.path("review"), {"metric": "999"}).status_code == 404
    for rest in ReviewItem.objects.exclude(pk=item.pk):
        send(people.owner, people, f"review/items/{rest.pk}/answer", expected_value="true")
    assert "Show the 1 item that you skipped" in read(people.owner, people.path("review"))
    send(people.owner, people, "review/unskip")
    assert not ReviewSkip.objects.exists()


def test_a_skip_can_be_undone_and_leads_back_to_its_item(people: People, metric: Metric) -> None:
    item, kept = first(people), ReviewItem.objects.order_by("id")[1]
    send(people.owner, people, f"review/items/{item.pk}/assign", assignee="me")
    send(people.owner, people, f"review/items/{kept.pk}/skip")
    send(people.member, people, f"review/items/{kept.pk}/skip")
    page = send(people.owner, people, f"review/items/{item.pk}/skip?assigned=1")
    assert f'value="{item.pk}" data-press="u">Undo the skip' in page.content.decode()
    mine = {"undo_skip": str(item.pk)}
    assert "Undo the skip" not in read(people.viewer, people.path("review"), **mine)
    page = send(people.owner, people, "review/unskip?assigned=1", item=item.pk)
    assert "It is back in the queue." in page.content.decode()
    assert page.context["item"].id == item.pk  # theirs again, so that "Mine only" shows it
    assert "Undo the skip" not in page.content.decode()
    left = {(skip.item_id, skip.reviewer) for skip in ReviewSkip.objects.all()}
    assert left == {(kept.pk, "ada@example.com"), (kept.pk, "bob@example.com")}


def test_a_skip_that_is_over_is_not_undone(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/skip")
    send(people.member, people, f"review/items/{item.pk}/answer", expected_value="true")
    page = send(people.owner, people, "review/unskip", item=item.pk)
    assert "There is no skip to undo" in page.content.decode()
    for other in ("x", "0", item.pk + 1_000):
        assert send(people.owner, people, "review/unskip", item=other).status_code == 404
    assert ReviewSkip.objects.count() == 1
    assert send(people.charlie, people, "review/unskip", item=item.pk).status_code == 404


def test_an_answer_that_does_not_fit_says_so(people: People, metric: Metric) -> None:
    item = first(people)
    page = send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="perhaps")
    assert page.status_code == 400
    assert "Write true or false" in page.content.decode()


def test_the_navigation_says_how_much_waits(people: People, metric: Metric) -> None:
    first(people)
    (entry,) = [one for one in present_frame(people.owner.who, "review").entries if one.name == "review"]
    assert entry.waiting == 3


def test_the_queue_takes_as_many_queries_for_many_items(
    people: People, metric: Metric, alice: Tenant, django_assert_max_num_queries: Any
) -> None:
    first(people)
    agent = alice.project.agents.get()
    for number in range(10):
        call = call_row(agent, f"more-{number}")
        result_row(call, metric, rerun_row(agent, metric), passed=True, low_trust=True)
    read(people.owner, people.path("review"))
    with django_assert_max_num_queries(18):
        read(people.owner, people.path("review"))


def test_agreement_shows_counts_alone_for_few(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="false")
    assert "1 of 20" in read(people.owner, people.path("review/agreement"))
    text = read(people.owner, people.path("review/agreement"), metric=str(metric.pk))
    assert "On 1 reviewed call the machine agreed 0 times: too few" in text
    assert "interval" not in text.replace("no intervals", "")
    assert people.owner.client.get(
        people.path("review/agreement"), {"metric": metric.pk, "only": "x"}
    ).status_code == (400)


def test_figures_of_all_metrics_take_three_queries(
    people: People, metric: Metric, alice: Tenant, django_assert_num_queries: Any
) -> None:
    agent = alice.project.agents.get()
    for name in ("A", "B", "C"):
        other = metric_row(alice.project, name)
        for number in range(20):
            call = call_row(agent, f"{name}-{number}")
            result_row(call, other, rerun_row(agent, other), passed=number > 4)
            Review.objects.create(
                call=call, metric=other, has_expected_value=True, expected_value=number > 6, reviewer="x"
            )
    with django_assert_num_queries(3):
        rows = {row.name: row for row in present_metrics(people.owner.who)}
    assert rows["A"].accuracy == "90% (70% to 97%)"
    assert rows["Consent"].missing == "0 of 20 answers"
    assert "90% (70% to 97%)" in read(people.owner, people.path("review/agreement"))


def test_a_golden_set_is_made_filled_and_deleted(people: People, metric: Metric) -> None:
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="false")
    page = send(people.owner, people, "review/golden", name="Release", metric=str(metric.pk))
    text = page.content.decode()
    assert "callgauge gate --metric consent" in text
    assert "1 case" in text
    assert send(people.owner, people, "review/golden", name="Release").status_code == 400
    assert send(people.owner, people, "review/golden", name=" ").status_code == 400
    golden = GoldenSet.objects.get()
    send(people.member, people, f"review/golden/{golden.pk}", metric=str(metric.pk))
    assert people.charlie.client.get(people.path(f"review/golden/{golden.pk}")).status_code == 404
    send(people.member, people, f"review/golden/{golden.pk}", delete="1")
    assert not GoldenSet.objects.exists()


def test_asking_for_a_proposal(people: People, metric: Metric) -> None:
    page = send(people.owner, people, f"review/agreement/{metric.pk}/propose")
    assert "No person has answered this metric" in page.content.decode()
    item = first(people)
    send(people.owner, people, f"review/items/{item.pk}/answer", expected_value="false")
    page = send(people.owner, people, f"review/agreement/{metric.pk}/propose")
    lab = Lab.objects.order_by("-id")[0]
    assert "Being made" in page.content.decode()
    part = people.owner.client.get(people.path(f"review/proposals/{lab.pk}"), HTTP_HX_REQUEST="true")
    assert part.content.decode().startswith('<div id="proposal"')
    assert send(people.owner, people, f"review/proposals/{lab.pk}/decide", apply="1").status_code == 409
    assert MetricVersion.objects.count() == 1
    assert "being made" in read(people.viewer, people.path("review/proposals"))


@pytest.mark.parametrize(
    ("eval_type", "labels", "keys"),
    [
        ("binary", [], {"1": "true", "2": "false", "3": "n/a"}),
        ("continuous_qualitative", [], {"1": "1", "5": "5", "6": "n/a"}),
        ("numeric", [], {"1": "n/a"}),
        ("enum", ["Refund", "Other"], {"1": "Refund", "2": "Other", "3": "n/a"}),
        ("enum", [f"label {n}" for n in range(12)], {"9": "label 8", "": "n/a"}),
    ],
)
def test_keys_give_answers(alice: Tenant, eval_type: str, labels: list[str], keys: dict[str, str]) -> None:
    version = metric_row(alice.project, "Any", eval_type, labels=labels).current_version
    assert version is not None
    found = {option.key: option.value for option in options_of(version)}
    assert keys.items() <= found.items()

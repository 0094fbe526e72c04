"""The pages of reruns: plan, start, steer, and what changed."""

from __future__ import annotations

import re
from html import unescape

import pytest

from callgauge.cli.reruns import in_words
from callgauge.store.models import CallLog, Rerun, Review, SavedView
from tests.call_rows import rerun_row, result_row
from tests.calls import make_calls, make_metric
from tests.people import People
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db


def test_plan_start_and_steer(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    form = {"agent": agent.pk, "reuse": "current", "max_cost": ""}
    planned = people.owner.client.post(people.path("reruns"), {**form, "plan": "1"})
    assert "3 results to measure" in planned.content.decode()
    assert not Rerun.objects.exists()
    started = people.owner.client.post(people.path("reruns"), {**form, "start": "1"})
    rerun = Rerun.objects.get()
    assert (started.status_code, started["Location"]) == (302, people.path(f"reruns/{rerun.pk}"))
    for action, state in (("pause", "paused"), ("resume", "planned"), ("cancel", "cancelled")):
        assert people.owner.client.post(people.path(f"reruns/{rerun.pk}/{action}")).status_code == 302
        assert Rerun.objects.get(pk=rerun.pk).state == state
    refused = people.viewer.client.post(people.path("reruns"), {**form, "start": "1"})
    assert refused.status_code == 403


def test_what_changed_is_shown_with_both_explanations(people: People, alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    calls = make_calls(agent, 30)
    first, second = rerun_row(agent, metric, state="done"), rerun_row(agent, metric, state="done")
    for number, call in enumerate(calls):
        old = result_row(call, metric, first, passed=True, is_current=False)
        result_row(call, metric, second, passed=number >= 10, previous_id=old.pk)
    shown = people.viewer.client.get(people.path(f"reruns/{second.pk}")).content.decode()
    assert shown.count("10 of 30 calls flipped, 10 to fail") == 1, "of one metric it is said once"
    assert shown.count("Because.") == 20
    listed = people.viewer.client.get(people.path("reruns")).content.decode()
    assert f">{second.pk}</a>" in listed
    theirs = rerun_row(charlie.agent())
    assert people.owner.client.get(people.path(f"reruns/{theirs.pk}")).status_code == 404


@pytest.mark.parametrize(
    ("cost_usd", "unpriced", "said", "known"),
    [
        (0.0, 0, "$0.00", 0.0),
        (0.25, 0, "$0.2500", 0.25),
        (0.0, 4, "price unknown", None),
        (0.25, 4, "at least $0.2500", 0.25),
    ],
)
def test_an_unknown_price_is_not_shown_as_nothing(
    people: People, alice: Tenant, cost_usd: float, unpriced: int, said: str, known: float | None
) -> None:
    """On both pages, over the API and on the command line."""
    fields = {"judge_requests": 8, "cost_usd": cost_usd, "unpriced_requests": unpriced}
    rerun = rerun_row(alice.agent(), state="done", **fields)
    listed = people.viewer.client.get(people.path("reruns")).content.decode()
    assert f'<td class="num">{said}</td>' in listed
    shown = people.viewer.client.get(people.path(f"reruns/{rerun.pk}")).content.decode()
    assert f"8 judge requests, {said}." in shown
    told = alice.client.get(f"/callgauge/v1/reruns/{rerun.pk}/").json()
    assert (told["cost_usd"], told["unpriced_requests"]) == (known, unpriced)
    assert f"8 judge requests, {said}." in in_words(told)


def test_the_difference_says_what_its_results_cost(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    first, second = rerun_row(agent, metric, state="done"), rerun_row(agent, metric, state="done")
    for number, call in enumerate(make_calls(agent, 2)):
        old = result_row(call, metric, first, passed=True, is_current=False, judge_requests=1)
        cost = 0.5 if number else None
        result_row(call, metric, second, passed=True, previous_id=old.pk, judge_requests=1, cost_usd=cost)
    shown = people.viewer.client.get(people.path(f"reruns/{second.pk}")).content.decode()
    assert "Cost of these results: at least $0.5000, before price unknown." in shown


def test_the_address_fills_the_form(people: People, alice: Tenant) -> None:
    alice.agent(name="Another")
    agent = alice.agent(name="Booking")
    one, other = (make_metric(alice.project, name) for name in ("Confirms", "Polite"))
    calls = make_calls(agent, 4)
    address = f"{people.path('reruns')}?metric={one.pk}&calls={calls[0].pk},{calls[2].pk}&max_cost=3&plan=1"
    page = people.owner.client.get(address).content.decode()
    assert f'value="{agent.pk}" selected' in page
    assert f'value="{one.pk}" checked' in page
    assert f'value="{other.pk}" checked' not in page
    assert f'value="{calls[0].pk},{calls[2].pk}"' in page
    assert "2 calls, 1 metric: 2 results to measure" in page
    assert "2 never measured" in page
    assert not Rerun.objects.exists()


def test_calls_of_several_agents_are_planned_one_by_one(people: People, alice: Tenant) -> None:
    make_metric(alice.project, "Confirms")
    booking, support = alice.agent(name="Booking"), alice.agent(name="Support")
    ours, theirs = make_calls(booking, 2), make_calls(support, 3, "other")
    numbers = ",".join(str(call.pk) for call in (*ours, *theirs))
    page = people.owner.client.get(f"{people.path('reruns')}?calls={numbers}&plan=1").content.decode()
    assert "2 calls, 1 metric: 2 results to measure" in page
    link = re.search(r'<a href="([^"]+)">Support \(3 calls\)</a>', page)
    assert link is not None
    other = people.owner.client.get(unescape(link[1])).content.decode()
    assert "3 calls, 1 metric: 3 results to measure" in other
    assert f'value="{support.pk}" selected' in other
    sent = {"agent": booking.pk, "calls": numbers, "start": "1"}
    assert b"do not exist here" in people.owner.client.post(people.path("reruns"), sent).content
    assert not Rerun.objects.exists()


def test_a_metric_of_several_agents_is_planned_for_each(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    for name in ("Booking", "Support"):
        make_calls(alice.agent(name=name), 2, name)
    metric_page = people.owner.client.get(people.path(f"metrics/{metric.pk}")).content.decode()
    again = re.search(r'href="([^"]+)">Measure again', metric_page)
    assert again is not None
    page = people.owner.client.get(unescape(again[1])).content.decode()
    assert "this one is of Booking" in page
    assert re.search(r'<a href="[^"]+">Support</a>', page)


def test_a_rerun_can_be_narrowed_in_every_way(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    make_metric(alice.project, "Polite")
    calls = make_calls(agent, 5)
    CallLog.objects.filter(pk=calls[0].pk).update(duration_secs=300, timestamp="2026-03-01T23:30:00Z")
    CallLog.objects.filter(pk=calls[1].pk).update(duration_secs=300, timestamp="2026-03-03T00:00:00Z")
    view = SavedView.objects.create(project=alice.project, page="calls", name="First two", query="q=call-0")
    longer = '{"field": "duration", "op": "gt", "value": 60}'

    def started(**form: str) -> Rerun:
        sent = {"agent": str(agent.pk), "reuse": "", **form, "start": "1"}
        answer = people.owner.client.post(people.path("reruns"), sent)
        assert answer.status_code == 302, answer.content.decode()
        return Rerun.objects.latest("pk")

    assert started(filters=longer).total_calls == 2
    assert started(filters=longer, since="2026-03-01", until="2026-03-01").total_calls == 1
    chosen = started(view=str(view.pk), metric=str(metric.pk), max_cost="2")
    assert (chosen.total_calls, chosen.total, chosen.max_cost_usd) == (1, 1, 2.0)
    assert not chosen.notify
    assert started(notify="1").notify
    assert chosen.selection["view"] == "First two"
    assert started(calls=f"{calls[3].pk}, {calls[4].pk}").total_calls == 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("calls", "x", "Write the numbers of calls"),
        ("calls", "987654321", "do not exist here"),
        ("since", "soon", "Write a day"),
        ("view", "99", "There is no such saved view"),
        ("filters", "{", "filters"),
        ("max_cost", "-1", "above 0"),
        ("metric", "987654321", "do not exist here"),
        ("agent", "987654321", "There is no such agent here"),
    ],
)
def test_what_cannot_be_is_said_on_the_form(
    people: People, alice: Tenant, name: str, value: str, said: str
) -> None:
    make_calls(alice.agent(), 1)
    make_metric(alice.project, "Confirms")
    answer = people.owner.client.post(people.path("reruns"), {"start": "1", name: value})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Rerun.objects.exists()


def test_twenty_calls_are_tried_first(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 30)
    form = {"agent": agent.pk, "reuse": "current"}
    assert "Try 20 calls first" in people.owner.client.post(people.path("reruns"), form).content.decode()
    people.owner.client.post(people.path("reruns"), {**form, "pilot": "1"})
    assert Rerun.objects.get().total_calls == 20


def test_chosen_calls_are_planned_from_the_list(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    calls = make_calls(agent, 3)
    answer = people.owner.client.post(
        people.path("calls/do"), {"do": "plan", "call": [calls[0].pk, calls[1].pk]}
    )
    assert answer.status_code == 302
    assert "2 calls, 1 metric" in people.owner.client.get(answer["Location"]).content.decode()


def test_numbers_labels_and_agents_have_tables_and_plots(people: People, alice: Tenant) -> None:
    agent = alice.agent(name="Booking")
    rated = make_metric(alice.project, "Polite", eval_type="continuous_qualitative")
    sorts = make_metric(alice.project, "Topic", eval_type="enum", labels=["sale", "complaint", "never"])
    passes = make_metric(alice.project, "Confirms")
    metrics = (rated, sorts, passes)
    first, second = (rerun_row(agent, *metrics, state="done", scored=90) for _ in range(2))
    for number, call in enumerate(make_calls(agent, 30)):
        for metric, old, new in (
            (rated, {"number": 2.0}, {"number": 4.0 if number % 3 else 2.0}),
            (sorts, {"label": "sale"}, {"label": "complaint" if number < 4 else "sale"}),
            (passes, {"passed": True}, {"passed": number > 5}),
        ):
            was = result_row(call, metric, first, is_current=False, scorer_hash="a", **old)
            changed = {"scorer_hash": "b", "previous_id": was.pk}
            result_row(call, metric, second, **changed, **new)
        said = {"expected_value": number > 3, "has_expected_value": True}
        version = passes.current_version
        Review.objects.create(call=call, metric=passes, version=version, is_current=True, **said)
    page = people.viewer.client.get(people.path(f"reruns/{second.pk}")).content.decode()
    assert "<svg" in page
    assert "how the values are spread, n = 30" in page
    assert ">complaint</th>" in page
    assert ">never</th>" not in page
    assert "Pass rate" in page
    assert "On calls that people have reviewed" in page
    assert ">Kappa</th>" in page
    assert "adjusted for 3 metrics" in page
    assert "Which is right?" not in page
    against = people.viewer.client.get(people.path(f"reruns/{second.pk}?against={first.pk}")).content.decode()
    assert f'<option value="{first.pk}" selected>' in against
    table = people.viewer.client.get(people.path(f"reruns/{second.pk}/difference.csv"))
    assert table["Content-Disposition"].startswith("attachment")
    assert len(table.content.decode().splitlines()) == 91


def test_a_person_says_which_side_of_a_flip_is_right(people: People, alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    metric = make_metric(alice.project, "Confirms")
    call, other, third = make_calls(agent, 3)
    first, second = rerun_row(agent, metric, state="done"), rerun_row(agent, metric, state="done")
    for one in (call, other, third):
        old = result_row(one, metric, first, passed=True, is_current=False)
        result_row(one, metric, second, passed=False, previous_id=old.pk)
    address = people.path(f"reruns/{second.pk}/vote")

    def voted(one: CallLog, vote: str) -> str:
        sent = {"call": one.pk, "metric": metric.pk, "vote": vote}
        answer = people.owner.client.post(address, sent)
        assert answer.status_code == 302
        assert answer["Location"].endswith(f"#flip-{metric.pk}-{one.pk}")
        return people.owner.client.get(people.path(f"reruns/{second.pk}")).content.decode()

    assert "a person says pass" in voted(call, "before")
    assert "a person says fail" in voted(other, "now")
    voted(third, "unsure")
    said = dict(Review.objects.filter(is_current=True).values_list("call_id", "expected_value"))
    assert said == {call.pk: True, other.pk: False, third.pk: None}
    assert Review.objects.get(call=third).has_expected_value is False
    assert CallLog.objects.get(pk=third.pk).is_reviewed is False
    assert CallLog.objects.get(pk=call.pk).is_reviewed is True
    assert "Write one of" in voted(call, "maybe")
    sent = {"call": call.pk, "metric": metric.pk, "vote": "now"}
    assert people.viewer.client.post(address, sent).status_code == 403
    theirs = charlie.client.post(
        f"/callgauge/v1/reruns/{second.pk}/votes/", {"call_log_id": call.pk}, format="json"
    )
    assert theirs.status_code == 404
    body = {"call_log_id": call.pk, "metric_id": metric.pk, "vote": "now", "reviewer": "ada"}
    mine = alice.client.post(f"/callgauge/v1/reruns/{second.pk}/votes/", body, format="json")
    assert mine.json()["expected_value"] is False
    wrong = alice.client.post(
        f"/callgauge/v1/reruns/{second.pk}/votes/", {**body, "vote": "x"}, format="json"
    )
    assert wrong.json() == {"vote": ["Write one of now, before, unsure."]}

"""The list of calls: filters in the address, pages by key, views, and doing something with the chosen."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.http import QueryDict
from pytest_django import DjangoAssertNumQueries

from callgauge.flow.call_question import MetricCondition, folded, read_question
from callgauge.flow.exports import Wanted
from callgauge.store.models import CallExport, CallLog, Rerun, RerunKind, SavedView
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.people import People, SignedIn
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def listed(who: SignedIn, path: str) -> list[str]:
    answer = who.client.get(path)
    assert answer.status_code == 200, answer.content.decode()
    return re.findall(r'class="mono">([^<]+)</a></th>', answer.content.decode())


def make(alice: Tenant, count: int, **fields: object) -> list[CallLog]:
    agent = alice.agent()
    return [
        call_row(agent, f"c-{number:03}", timestamp=NOON + timedelta(minutes=number), **fields)
        for number in range(count)
    ]


def test_newest_first_and_nothing_of_others(people: People, alice: Tenant, charlie: Tenant) -> None:
    make(alice, 3)
    call_row(charlie.agent(), "theirs")
    for who in (people.owner, people.member, people.viewer):
        assert listed(who, people.path("calls")) == ["c-002", "c-001", "c-000"]


def test_pages_by_key_meet_every_call_once_both_ways(people: People, alice: Tenant) -> None:
    make(alice, 120)
    CallLog.objects.filter(call_id__gte="c-100").update(timestamp=NOON)  # equal times part by id
    for order in ("newest", "oldest", "longest", "shortest"):
        address, seen, last = people.path(f"calls?order={order}"), [], ""
        while address:
            seen += listed(people.owner, address)
            text = people.owner.client.get(address).content.decode()
            link = re.search(r'rel="next" href="([^"]+)"', text)
            last = address
            address = people.path("calls") + link[1].replace("&amp;", "&") if link else ""
        assert len(seen) == len(set(seen)) == 120, order
        text = people.owner.client.get(last).content.decode()
        before = re.search(r'rel="prev" href="([^"]+)"', text)
        assert before is not None
        assert listed(people.owner, people.path("calls") + before[1].replace("&amp;", "&")) == seen[50:100]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"outcome": "pass"}, {"good"}),
        ({"outcome": "fail"}, {"bad"}),
        ({"outcome": "open"}, {"open"}),
        ({"reviewed": "yes"}, {"bad"}),
        ({"q": "bad"}, {"bad"}),
        ({"q": "+49 30"}, {"good"}),
        ({"q": "table, PLEASE"}, {"good", "bad"}),
        ({"from": "2026-03-01", "to": "2026-03-01"}, {"good", "bad", "open"}),
        ({"to": "2026-02-28"}, set()),
        ({"filter": '{"field": "duration", "op": "gt", "value": 100}'}, {"open"}),
        ({"filter": '[{"field": "call_id", "op": "startswith", "value": "g"}]'}, {"good"}),
    ],
)
def test_filters(people: People, alice: Tenant, query: dict[str, str], found: set[str]) -> None:
    agent = alice.agent()
    said = {"transcript": "[00:02] Testing Agent: A table, please."}
    call_row(agent, "good", success=True, timestamp=NOON, customer_number="+49 30 1234", payload=said)
    call_row(agent, "bad", success=False, is_reviewed=True, timestamp=NOON, payload=said)
    call_row(agent, "open", timestamp=NOON, duration_secs=200.0, payload={"transcript": ""})
    assert set(listed(people.viewer, f"{people.path('calls')}?{urlencode(query)}")) == found


def test_conditions_on_metrics(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    rerun = rerun_row(agent, metric)
    for name, fields in (
        ("yes", {"passed": True}),
        ("no", {"passed": False}),
        ("broken", {"outcome": "failed", "reason": "script_error"}),
    ):
        result_row(call_row(agent, name), metric, rerun, **fields)
    call_row(agent, "never")
    path = people.path("calls")
    assert listed(people.owner, f"{path}?m.{metric.pk}=pass") == ["yes"]
    assert listed(people.owner, f"{path}?m.{metric.pk}=failed") == ["broken"]
    assert set(listed(people.owner, f"{path}?m.{metric.pk}=missing")) == {"broken", "never"}
    text = people.owner.client.get(f"{path}?m.{metric.pk}=fail").content.decode()
    assert "Courtesy: fail" in text
    assert "raised an error" not in text
    broken = people.owner.client.get(path).content.decode()
    assert "not computed" in broken
    assert "The metric&#x27;s script raised an error." in broken


def test_a_form_without_scripts_ends_at_a_clean_address(people: People, alice: Tenant) -> None:
    metric = metric_row(alice.project, "Courtesy", eval_type="numeric")
    form = {"agent": "", "q": " ", "add_metric": str(metric.pk), "add_is": "lt", "add_value": "3"}
    answer = people.owner.client.get(people.path("calls"), form)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer["Location"]).query) == {f"m.{metric.pk}": ["lt:3"]}
    assert folded(QueryDict(f"m.{metric.pk}=lt:3")) is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("outcome=perhaps", "outcome: write one of pass, fail, open."),
        ("from=yesterday", "write a day such as"),
        ("m.x=pass", "write the number of a metric"),
        ("m.3=lt:", "write the number of a metric"),
        ("m.999999=pass", "There is no metric 999999 here."),
        ("filter={", "not valid JSON"),
        ("filter=[1]", "filter"),
        ('filter={"field":"nope","op":"eq","value":1}', "Calls cannot be filtered by"),
        ("after=nowhere", "This place in the list is not known."),
        ("after=2026-03-01T00:00:00_5", "This place in the list is not known."),
        ("order=longest&after=nan_5", "This place in the list is not known."),
    ],
)
def test_what_cannot_be_used_is_said(people: People, alice: Tenant, query: str, words: str) -> None:
    call_row(alice.agent(), "there")
    answer = people.owner.client.get(f"{people.path('calls')}?{query}")
    assert answer.status_code == 400
    assert words in answer.content.decode().replace("&#x27;", "'")


def test_a_foreign_metric_is_as_good_as_none(people: People, charlie: Tenant) -> None:
    theirs, path = metric_row(charlie.project, "Courtesy"), people.path("calls")
    said = [
        people.owner.client.get(f"{path}?m.{pk}=pass")
        .content.decode()
        .split('role="alert"')[1]
        .split("</div>")[0]
        for pk in (theirs.pk, 999_999)
    ]
    assert said[0].replace(f"metric {theirs.pk}", "") == said[1].replace("metric 999999", "")


def test_the_number_of_queries_does_not_depend_on_the_rows(
    people: People, alice: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    agent = alice.agent()
    metrics = [metric_row(alice.project, f"M{number}") for number in range(4)]
    rerun = rerun_row(agent, *metrics)
    for number in range(30):
        call = call_row(agent, f"c-{number}", pending_rerun_id=rerun.pk if number % 2 else None)
        for metric in metrics:
            result_row(call, metric, rerun, passed=True)
    # session, user, project; metrics, agents, views; page, resets, 2 of reruns, results, reviews; frame 2 and
    # what waits for review
    with django_assert_num_queries(15):
        people.owner.client.get(people.path("calls"))


def test_columns_are_chosen_in_the_address(people: People, alice: Tenant) -> None:
    make(alice, 1, call_ended_reason="customer-hung-up", topic="Bookings")
    text = people.owner.client.get(people.path("calls?col=ended")).content.decode()
    assert "customer-hung-up" in text
    assert ">Duration</a></th>" not in text
    assert "Bookings</td>" not in text


def test_search_goes_to_the_call_or_to_the_list(people: People, alice: Tenant, charlie: Tenant) -> None:
    (call,) = make(alice, 1)
    theirs = call_row(charlie.agent(), "theirs")
    search = people.path("search")
    for words in (str(call.pk), "c-000"):
        assert people.viewer.client.get(search, {"q": words})["Location"] == people.path(f"calls/{call.pk}")
    for words in (str(theirs.pk), "theirs", "refund"):
        answer = people.viewer.client.get(search, {"q": words})
        assert answer["Location"] == f"{people.path('calls')}?q={words}"


def test_the_count_is_told_apart(people: People, alice: Tenant) -> None:
    make(alice, 2)
    assert people.owner.client.get(people.path("calls/count")).content.decode() == "2 calls"
    assert people.owner.client.get(people.path("calls/count?q=c-001")).content.decode() == "1 call"


def test_views_are_shared_and_viewers_make_none(people: People) -> None:
    path = people.path("calls/views/save")
    form = {"name": "Failed", "query": "outcome=fail"}
    assert people.viewer.client.post(path, form).status_code == 403
    assert people.charlie.client.post(path, form).status_code == 404
    people.member.client.post(path, form)
    people.member.client.post(path, {"name": "Failed", "query": "outcome=fail&since=7d"})
    text = people.viewer.client.get(people.path("calls")).content.decode()
    assert 'href="?outcome=fail&amp;since=7d">Failed</a>' in text
    view = SavedView.objects.get()
    gone = people.path("calls/views/delete")
    assert people.viewer.client.post(gone, {"view": view.pk}).status_code == 403
    assert people.charlie.client.post(gone, {"view": view.pk}).status_code == 404
    answer = people.owner.client.post(gone, {"view": view.pk}, follow=True)
    assert "The view “Failed” is deleted." in answer.content.decode()


def test_chosen_calls_are_measured(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    calls = [call_row(agent, f"c-{number}") for number in range(3)]
    form = {"do": "evaluate", "call": [calls[0].pk, calls[1].pk], "metric": metric.pk, "query": "since="}
    answer = people.member.client.post(people.path("calls/do"), form, follow=True)
    rerun = Rerun.objects.get()
    assert (rerun.kind, rerun.total_calls, rerun.requested_by_user) == ("evaluate", 2, people.member.user)
    assert f"2 calls will be measured: rerun {rerun.pk}." in answer.content.decode()


def test_all_that_a_filter_finds_are_rerun_agent_by_agent(people: People, alice: Tenant) -> None:
    metric_row(alice.project, "Courtesy")
    first, second = alice.agent("A"), alice.agent("B")
    for number in range(60):
        call_row(first if number % 2 else second, f"c-{number}", success=number < 55)
    form = {"do": "rerun", "everything": "1", "query": "outcome=pass"}
    answer = people.member.client.post(people.path("calls/do"), form, follow=True)
    reruns = Rerun.objects.filter(kind=RerunKind.RERUN).order_by("agent__name")
    assert [rerun.total_calls for rerun in reruns] == [27, 28]
    assert "55 calls reset" in answer.content.decode()


@pytest.mark.parametrize("verb", ["evaluate", "rerun", "review"])
def test_viewers_and_strangers_start_nothing(people: People, alice: Tenant, verb: str) -> None:
    metric_row(alice.project, "Courtesy")
    (call,) = make(alice, 1)
    form = {"do": verb, "call": call.pk}
    assert people.viewer.client.post(people.path("calls/do"), form).status_code == 403
    assert people.charlie.client.post(people.path("calls/do"), form).status_code == 404
    theirs = f"/projects/{people.charlie.who.project_id}/calls/do"
    assert people.charlie.client.post(theirs, form).status_code == 400, "it is not one of theirs"
    assert not Rerun.objects.exists()


def test_chosen_calls_are_put_into_the_review_queue(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    calls = [call_row(agent, f"c-{number}") for number in range(3)]
    for call in calls:
        result_row(call, metric, rerun_row(agent, metric), passed=True)
    form = {"do": "review", "call": [calls[0].pk, calls[1].pk]}
    answer = people.member.client.post(people.path("calls/do"), form, follow=True)
    assert "2 results in the review queue because you asked." in answer.content.decode()
    text = people.owner.client.get(people.path("review"), {"reason": "asked_for"}).content.decode()
    assert "bob@example.com asks for it." in text


def test_an_export_of_what_is_chosen_or_found(people: People, alice: Tenant) -> None:
    calls = make(alice, 3)
    path = people.path("calls/do")
    answer = people.member.client.post(path, {"do": "export-csv", "call": calls[1].pk})
    named = CallExport.objects.get()
    assert answer["Location"] == people.path(f"exports/{named.uid}")
    assert [call.pk for call in Wanted(**named.query).calls(alice.project.pk)] == [calls[1].pk]
    people.member.client.post(path, {"do": "export-csv", "everything": "1", "query": "q=c-002"})
    found = CallExport.objects.exclude(pk=named.pk).get()
    assert [call.pk for call in Wanted(**found.query).calls(alice.project.pk)] == [calls[2].pk]
    page = people.path(f"exports/{named.uid}")
    assert "Being written" in people.viewer.client.get(page).content.decode()
    assert people.viewer.client.get(f"{page}/file").status_code == 409
    assert people.charlie.client.get(page).status_code == 404
    assert people.viewer.client.post(path, {"do": "export-csv", "call": calls[0].pk}).status_code == 403
    theirs = f"/projects/{people.charlie.who.project_id}/"
    assert people.charlie.client.get(f"{theirs}exports/{named.uid}").status_code == 404
    assert (
        people.charlie.client.post(f"{theirs}calls/do", {"do": "export-csv", "call": calls[0].pk}).status_code
        == 400
    )


def test_choosing_nothing_says_how_to_choose(people: People, alice: Tenant) -> None:
    make(alice, 1)
    answer = people.member.client.post(people.path("calls/do"), {"do": "evaluate"})
    assert answer.status_code == 400
    assert "Choose at least one call" in answer.content.decode()
    answer = people.member.client.post(people.path("calls/do"), {"do": "fly", "call": "1"})
    assert answer.status_code == 400


def test_empty_lists_lead_on(people: People, alice: Tenant) -> None:
    assert (
        "callgauge agent create --project" in people.owner.client.get(people.path("calls")).content.decode()
    )
    agent = alice.agent()
    text = people.owner.client.get(people.path("calls")).content.decode()
    assert f"callgauge import calls.jsonl --agent {agent.pk}" in text
    call_row(agent, "there")
    assert (
        "No call fits this filter" in people.owner.client.get(people.path("calls?q=nothing")).content.decode()
    )


def test_what_is_being_measured_refreshes_by_itself(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Courtesy")
    call = call_row(agent, "there")
    assert 'hx-trigger="every 4s"' not in people.owner.client.get(people.path("calls")).content.decode()
    CallLog.objects.filter(pk=call.pk).update(pending_rerun_id=rerun_row(agent, metric).pk)
    text = people.owner.client.get(people.path("calls")).content.decode()
    assert 'hx-trigger="every 4s"' in text
    assert "Being measured now." in text


def test_a_question_reads_every_parameter() -> None:
    question = read_question(
        QueryDict("agent=1&agent=2&agent=x&since=7d&m.3=is:a:b&meta.tier=gold&order=oldest")
    )
    assert question.agents == (1, 2)
    assert question.metrics == (MetricCondition(3, "is", "a:b"),)
    assert question.metadata == (("tier", "gold"),)
    assert [part.get("field") for part in question.conditions()] == [
        "agent.id",
        "timestamp",
        "metadata.tier",
        None,
    ]

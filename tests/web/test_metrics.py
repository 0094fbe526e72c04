"""The pages of metrics: what is listed, compared and rolled back, and who may."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callgauge.flow import metric_trends
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.store.models import Metric, MetricPreview, MetricResult, MetricVersion, Rerun, Review
from callgauge.web.metrics.comparing import changes_between, compare_lines
from callgauge.web.metrics.listing import Question, asked_for, present_rows
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.calls import make_call, make_metric
from tests.people import People
from tests.tenants import Tenant
from tests.web.metric_form import form, read

pytestmark = pytest.mark.django_db


def rows_of(people: People, **asked: Any) -> dict[str, Any]:
    question = Question(**asked)
    rows, _ = present_rows(people.owner.who, asked_for(people.owner.who, question))
    return {row.name: row for row in rows}


# The list


def test_the_trend_says_what_it_is_over(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), metric_row(alice.project, "Confirms")
    rerun = rerun_row(agent, metric)
    for number in range(10):
        call = call_row(agent, f"c{number}", timestamp=timezone.now() - timedelta(days=number))
        if number < 4:
            result_row(call, metric, rerun, passed=number != 0)
        elif number == 4:
            result_row(call, metric, rerun, outcome="skipped", reason="not_applicable")
        elif number == 5:
            result_row(call, metric, rerun, outcome="failed", reason="judge_unavailable")
    old = call_row(agent, "old", timestamp=timezone.now() - timedelta(days=40))
    result_row(old, metric, rerun, passed=False)
    trend = rows_of(people)["Confirms"].trend
    assert (trend.value, trend.of) == ("75 % pass", "of 4")
    assert trend.left_out == "1 not applicable, 1 not computed, 4 not measured"
    text = read(people.viewer, people.path("metrics"))
    assert 'class="spark"' in text
    assert "The 10 calls of the last 30 days" in text


def test_of_very_many_calls_the_newest_are_read_and_that_is_said(
    people: People, alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_trends, "MOST_CALLS", 3)
    agent, metric = alice.agent(), metric_row(alice.project, "Confirms")
    rerun = rerun_row(agent, metric)
    for number in range(5):
        call = call_row(agent, f"c{number}", timestamp=timezone.now() - timedelta(hours=number))
        result_row(call, metric, rerun, passed=number < 2)
    trend = rows_of(people)["Confirms"].trend
    assert (trend.value, trend.of, trend.left_out) == ("67 % pass", "of 3", "")
    assert "The newest 3 calls, back to" in read(people.owner, people.path("metrics"))
    assert metric_trends.newest_calls(alice.project).is_cut


def test_calls_of_other_agents_are_not_in_the_denominator(people: People, alice: Tenant) -> None:
    mine, other = alice.agent(), alice.project.agents.create(name="Other")
    metric = make_metric(alice.project, "Mine")
    edit_metric(metric, MetricChange(agents=[mine.pk]))
    make_call(other, "not-mine")
    assert rows_of(people)["Mine"].trend.left_out == ""
    make_call(mine, "mine")
    assert rows_of(people)["Mine"].trend.left_out == "1 not measured"
    assert set(rows_of(people, agent=other.pk)) == set()
    assert set(rows_of(people, agent=mine.pk)) == {"Mine"}


def test_numbers_and_labels_have_trends_too(people: People, alice: Tenant) -> None:
    agent = alice.agent()
    rating = metric_row(alice.project, "Courtesy", "continuous_qualitative")
    ending = metric_row(alice.project, "Outcome", "enum", labels=["resolved", "open"])
    rerun = rerun_row(agent, rating, ending)
    for number in range(4):
        call = call_row(agent, f"c{number}")
        result_row(call, rating, rerun, number=float(number))
        result_row(call, ending, rerun, label="open" if number == 3 else "resolved")
    rows = rows_of(people)
    assert rows["Courtesy"].trend.value == "mean 1.5 of 5"
    assert rows["Courtesy"].trend.of == "over 4"
    assert rows["Outcome"].trend.value == "75 % resolved"


def test_versions_that_are_mixed_are_said_to_be(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), make_metric(alice.project, "Confirms")
    result_row(call_row(agent, "one"), metric, rerun_row(agent, metric), passed=True)
    metric = edit_metric(metric, MetricChange(frozen={"description": "Did it confirm all?"}))
    result_row(call_row(agent, "two"), metric, rerun_row(agent, metric), passed=False)
    assert "2 versions mixed" in read(people.owner, people.path("metrics"))
    page = read(people.owner, people.path(f"metrics/{metric.pk}"))
    assert "Results of versions 1, 2 are mixed" in page
    assert "1 result of the newest calls is of another version than 2" in page
    assert 'class="mark"' in page
    assert f"m.{metric.pk}=fail" in page
    metric = edit_metric(metric, MetricChange(frozen={"eval_type": "numeric"}))
    assert rows_of(people)["Confirms"].trend.left_out == "2 of another kind"


def test_the_list_is_searched_and_filtered(people: People, alice: Tenant) -> None:
    make_metric(alice.project, "Confirms")
    make_metric(alice.project, "Speed", kind="custom_code", custom_code="_result = data['call_duration']")
    off = make_metric(alice.project, "Old")
    Metric.objects.filter(pk=off.pk).update(observability_enabled=False)
    assert set(rows_of(people, words="conf")) == {"Confirms", "Old", "Speed"}  # the description says it
    assert set(rows_of(people, words="speed")) == {"Speed"}
    assert set(rows_of(people, kind="custom_code")) == {"Speed"}
    assert set(rows_of(people, state="off")) == {"Old"}
    text = read(people.owner, people.path("metrics"), q="nothing like it", kind="nonsense", agent="x")
    assert "No metric fits" in text


def test_the_list_takes_as_many_queries_for_many_metrics(
    people: People, alice: Tenant, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    agent = alice.agent()
    for number in range(12):
        metric = metric_row(alice.project, f"Metric {number}")
        result_row(call_row(agent, f"c{number}"), metric, rerun_row(agent, metric), passed=True)
    read(people.owner, people.path("metrics"))
    with django_assert_max_num_queries(18):
        read(people.owner, people.path("metrics"))


def test_an_empty_project_leads_to_the_catalogue(people: People) -> None:
    assert "Start with predefined ones" in read(people.owner, people.path("metrics"))
    assert "Start with predefined ones" not in read(people.viewer, people.path("metrics"))


def test_a_switch(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    path = people.path(f"metrics/{metric.pk}/switch")
    assert people.member.client.post(path, {"on": "0"}).status_code == 302
    assert not Metric.objects.get().observability_enabled
    part = people.member.client.post(path, {"on": "1"}, HTTP_HX_REQUEST="true").content.decode()
    assert 'aria-checked="true"' in part
    assert Metric.objects.get().observability_enabled


def test_predefined_ones_are_taken_over_once(people: People, alice: Tenant) -> None:
    text = read(people.owner, people.path("metrics/predefined"))
    assert "Tool Call Success" in text
    path = people.path("metrics/predefined")
    assert people.owner.client.post(path, {"code": "95104e97"}).status_code == 302
    metric = Metric.objects.get()
    assert (metric.name, metric.every_agent) == ("Tool Call Success", True)
    assert metric.versions.get().changed_by == "ada@example.com"
    assert "in this project" in read(people.owner, path)
    people.owner.client.post(path, {"code": "95104e97"})
    assert Metric.objects.count() == 1
    refused = people.owner.client.post(path, {})
    assert refused.status_code == 400
    assert "Choose at least one" in refused.content.decode()


# Versions


def test_rolling_back_moves_a_pointer(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    edit_metric(
        metric, MetricChange(frozen={"description": "Second"}), by="bob@example.com", reason="Shorter"
    )
    page = read(people.owner, people.path(f"metrics/{metric.pk}"))
    assert "Roll back to 1" in page
    assert "Shorter" in page
    assert people.member.client.post(people.path(f"metrics/{metric.pk}/versions/1/use")).status_code == 302
    metric.refresh_from_db()
    assert metric.current_version is not None
    assert (metric.current_version.number, metric.versions.count()) == (1, 2)
    assert not Rerun.objects.exists()
    page = read(people.member, people.path(f"metrics/{metric.pk}"))
    assert "Version 1 is in use" in page
    assert "Use 2" in page
    row = re.search(r'<th scope="row">1 .*?</tr>', page, re.DOTALL)
    assert row is not None
    assert "taken into use again" in row[0]
    assert people.member.user.email in row[0]
    assert page.count("taken into use again") == 1
    assert people.member.client.post(people.path(f"metrics/{metric.pk}/versions/9/use")).status_code == 404


def test_versions_are_compared(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms", description="Did the agent confirm the day?")
    edit_metric(metric, MetricChange(frozen={"description": "Did the agent confirm the hour?"}))
    text = read(people.viewer, people.path(f"metrics/{metric.pk}/compare"))
    assert "<del> day?</del><ins> hour?</ins>" in text
    assert "Use version 1" not in text
    assert "Use version 1" in read(people.owner, people.path(f"metrics/{metric.pk}/compare"))
    same = read(people.owner, people.path(f"metrics/{metric.pk}/compare"), before="1", after="1")
    assert "Nothing differs" in same
    nowhere = people.path(f"metrics/{metric.pk}/compare")
    assert people.owner.client.get(nowhere, {"before": "7"}).status_code == 404


def test_settings_are_compared_in_words() -> None:
    old = MetricVersion(kind="llm_judge", eval_type="binary", audio_enabled=False, labels=[])
    new = MetricVersion(kind="llm_judge", eval_type="enum", audio_enabled=True, labels=["a", "b"])
    found = {one.field: (one.before, one.after) for one in changes_between(old, new)}
    assert found == {
        "Value": ("pass or fail", "one of several labels"),
        "Labels": ("–", "a, b"),
        "Judge listens": ("no", "yes"),
    }


def test_scripts_are_compared_line_by_line() -> None:
    before = "\n".join(f"line {number}" for number in range(20))
    lines = compare_lines(before, before.replace("line 10", "LINE 10"))
    assert [line.kind for line in lines] == [
        *("gap", "same", "same", "same", "removed", "added", "same", "same", "same", "gap")
    ]
    changed = [line for line in lines if line.kind in ("removed", "added")]
    assert [(line.old, line.new, line.text) for line in changed] == [
        (11, None, "line 10"),
        (None, 11, "LINE 10"),
    ]
    assert [line.kind for line in compare_lines("", "a")] == ["added"]


def test_agreement_is_shown_per_version(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), make_metric(alice.project, "Confirms")
    rerun = rerun_row(agent, metric)
    for number in range(20):
        call = call_row(agent, f"c{number}")
        result_row(call, metric, rerun, passed=number > 4)
        Review.objects.create(
            call=call, metric=metric, has_expected_value=True, expected_value=number > 6, reviewer="x"
        )
    page = read(people.viewer, people.path(f"metrics/{metric.pk}"))
    assert "Kappa 0." in page
    assert "90% (70% to 97%)" in page
    assert "Rows: people" in page
    assert f"review?metric={metric.pk}" in page


def test_deleting_keeps_results(people: People, alice: Tenant) -> None:
    agent, metric = alice.agent(), make_metric(alice.project, "Confirms")
    result_row(call_row(agent, "one"), metric, rerun_row(agent, metric), passed=True)
    people.owner.client.post(people.path(f"metrics/{metric.pk}/delete"))
    assert people.owner.client.get(people.path(f"metrics/{metric.pk}")).status_code == 404
    assert MetricResult.objects.count() == 1


# Who may


PAGES = (
    "metrics",
    "metrics/predefined",
    "metrics/{pk}",
    "metrics/{pk}/compare",
    "metrics/{pk}/edit",
    "metrics/new",
)
VERBS = (
    *("metrics/new", "metrics/predefined", "metrics/check", "metrics/try"),
    *("metrics/{pk}/edit", "metrics/{pk}/versions/1/use", "metrics/{pk}/switch", "metrics/{pk}/delete"),
)


def test_viewers_read_and_change_nothing(people: People, alice: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    edit_metric(metric, MetricChange(frozen={"description": "Second"}))
    call = make_call(alice.agent(), "one")
    for path in PAGES:
        text = read(people.viewer, people.path(path.format(pk=metric.pk)))
        assert 'method="post"' not in text.split("<main")[1], path
    for path in VERBS:
        sent = form(metric, name="Taken over", code="95104e97", call=[call.pk], on="0")
        answer = people.viewer.client.post(people.path(path.format(pk=metric.pk)), sent)
        assert answer.status_code == 403, path
    metric.refresh_from_db()
    assert (metric.name, metric.versions.count(), metric.observability_enabled) == ("Confirms", 2, True)
    assert not MetricPreview.objects.exists()
    assert Metric.objects.count() == 1


def test_strangers_find_nothing(people: People, alice: Tenant, charlie: Tenant) -> None:
    metric = make_metric(alice.project, "Confirms")
    begun = people.owner.client.post(
        people.path("metrics/try"), form(call=[make_call(alice.agent(), "one").pk])
    )
    for path in (*PAGES, f"metrics/tried/{MetricPreview.objects.get().uid}"):
        assert people.charlie.client.get(people.path(path.format(pk=metric.pk))).status_code == 404
    theirs = f"/projects/{charlie.project.pk}"
    for path in ("metrics/{pk}", "metrics/{pk}/compare", "metrics/{pk}/edit"):
        assert people.charlie.client.get(f"{theirs}/{path.format(pk=metric.pk)}").status_code == 404
    for path in VERBS[2:]:
        answer = people.charlie.client.post(f"{theirs}/{path.format(pk=metric.pk)}", form(metric))
        assert answer.status_code == 404, path
    assert (
        people.charlie.client.get(begun["Location"].replace(people.path(""), f"{theirs}/")).status_code == 404
    )
    assert metric.versions.count() == 1

"""The overview page: figures with their denominators, links to the calls behind them, CSV."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.utils import timezone

from callgauge.store.models import CallLog, DayFigures, MetricResult
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.people import People
from tests.tenants import Tenant


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


@pytest.fixture
def measured(alice: Tenant) -> Tenant:
    """12 calls of yesterday: 8 pass, 3 fail, 1 has no verdict because its metric was not computed."""
    agent = alice.agent("Bookings")
    polite = metric_row(alice.project, "Polite", order=1)
    latency = metric_row(alice.project, "Latency (ms)", "numeric", built_in="latency", order=2)
    breaks = metric_row(alice.project, "Breaks in", "numeric", built_in="ai_interrupting_user", order=3)
    rerun = rerun_row(agent, polite, latency)
    noon = timezone.now().replace(hour=12, minute=0) - timedelta(days=1)  # all on one day, at any time of day
    for number in range(12):
        passed = None if number == 11 else number < 8
        call = call_row(
            agent,
            f"call-{number}",
            timestamp=noon + timedelta(minutes=number),
            success=passed,
        )
        outcome = "failed" if passed is None else "scored"
        result_row(
            call,
            polite,
            rerun,
            passed=passed,
            outcome=outcome,
            cost_usd=0.01,
            judge_requests=1,
            judge_model="a:1",
        )
        result_row(call, latency, rerun, number=100.0 * (number + 1))
        result_row(call, breaks, rerun, outcome="skipped", reason="no_recording")
    return alice


def test_the_page_says_of_how_many(people: People, measured: Tenant) -> None:
    page = text(people.viewer.client.get(people.path("overview")))
    assert "8 of 11 decided; 1 without a verdict" in page
    assert "23 scored" in page
    assert "12 skipped, 1 not computed" in page
    assert "US$ 0.12" in page
    assert "11 of 12" in page, "scored of all calls"
    assert "Counting:" not in page


def test_passes_of_which_nothing_was_measured_are_told_apart(people: People, measured: Tenant) -> None:
    CallLog.objects.filter(call_id__in=["call-0", "call-9", "call-11"]).update(passed_unmeasured=True)
    page = text(people.viewer.client.get(people.path("overview")))
    assert (
        "8 of 11 decided; 1 without a verdict. 1 pass only because no metric of the rubric had a value"
        in page
    )
    rows = list(csv.DictReader(StringIO(text(people.viewer.client.get(people.path("overview/figures.csv"))))))
    assert {row["calls_passed_unmeasured"] for row in rows if row["calls_passed"] == "8"} == {"1"}


def test_an_unknown_price_is_not_shown_as_nothing(people: People, measured: Tenant) -> None:
    results = MetricResult.objects.filter(metric__name="Polite")
    results.filter(call__call_id__in=["call-0", "call-1"]).update(cost_usd=None)
    page = text(people.viewer.client.get(people.path("overview")))
    assert page.count("at least US$ 0.10") == 2, "the tile, and the metric's row"
    assert "for 12 results that a judge was asked for, 2 of them at an unknown price" in page
    results.update(cost_usd=None)
    DayFigures.objects.all().delete()
    page = text(people.viewer.client.get(people.path("overview")))
    assert page.count("price unknown") == 2
    assert "US$" not in page


def test_figures_lead_to_the_calls_behind_them(people: People, measured: Tenant) -> None:
    client = people.viewer.client
    page = text(client.get(people.path("overview?window=7d")))
    polite = measured.project.metrics.get(name="Polite")
    links = re.findall(rf'href="({re.escape(people.path("calls"))}\?[^"]*m\.{polite.pk}=\w+[^"]*)"', page)
    assert len(links) == 2
    counts = {}
    for link in links:
        listed = text(client.get(link))
        counts[link.rpartition("=")[2]] = len(set(re.findall(r">(call-\d+)<", listed)))
    assert counts == {"fail": 3, "failed": 1}
    day = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"
    assert f"from={day}&to={day}" in page


def test_others_see_nothing_of_it(people: People, measured: Tenant, charlie: Tenant) -> None:
    for rest in ("overview", "overview/figures.csv"):
        assert people.charlie.client.get(people.path(rest)).status_code == 404
    foreign = charlie.agent()
    assert people.owner.client.get(people.path(f"overview?agent={foreign.pk}")).status_code == 404
    call_row(foreign, "theirs")
    page = text(people.charlie.client.get(f"/projects/{charlie.project.pk}/overview"))
    assert "Polite" not in page


def test_one_agent_alone(people: People, measured: Tenant) -> None:
    other = measured.agent("Support")
    call_row(other, "other-1", success=True)
    whole = text(people.owner.client.get(people.path("overview")))
    assert re.search(r"Support</a></th><td class=\"num\">1</td>", whole)
    assert re.search(r"Bookings</a></th><td class=\"num\">12</td>", whole)
    page = text(people.owner.client.get(people.path(f"overview?agent={other.pk}")))
    assert "1 of 1 decided" in page
    assert "Bookings</a></th>" not in page
    assert f"agent={other.pk}" in page


def test_a_metric_is_shown_by_itself(people: People, measured: Tenant) -> None:
    polite = measured.project.metrics.get(name="Polite")
    page = text(people.owner.client.get(people.path(f"overview?metric={polite.pk}&window=7d")))
    assert "Polite: share that passed" in page
    assert 'id="metric"' in page


@pytest.mark.parametrize("query", ["window=no", "metric=x", "metric=999999", "window=24h", "window=90d"])
def test_addresses_that_are_odd_or_empty_open(people: People, measured: Tenant, query: str) -> None:
    assert people.owner.client.get(people.path(f"overview?{query}")).status_code == 200


def test_a_project_without_calls_leads_to_the_first(people: People, measured: Tenant) -> None:
    CallLog.objects.all().delete()
    assert people.owner.client.get(people.path("overview"))["Location"] == people.path("start")


def test_no_calls_in_the_window_says_so(people: People, measured: Tenant) -> None:
    CallLog.objects.update(timestamp=timezone.now() - timedelta(days=80))
    assert "No calls in this time" in text(people.owner.client.get(people.path("overview?window=7d")))


def test_what_is_not_counted_yet_is_asked_for_again(
    people: People, measured: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = measured.project.agents.get()
    call_row(agent, "today")
    monkeypatch.setattr("callgauge.web.overview.page.FIRST_BUDGET_SECS", 0.0)
    page = text(people.owner.client.get(people.path("overview")))
    assert "the results of 1 of 30 days are still to come" in page
    assert "hx-trigger" in page
    part = people.owner.client.get(people.path("overview"), HTTP_HX_REQUEST="true")
    assert "still to come" not in text(part)


def test_the_file_has_every_count(people: People, measured: Tenant) -> None:
    answer = people.viewer.client.get(people.path("overview/figures.csv?window=7d"))
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    polite = [row for row in rows if row["metric"] == "Polite"]
    assert [(row["scored"], row["failed"], row["passed"]) for row in polite] == [("11", "1", "8")]


def test_the_number_of_queries_does_not_grow(
    people: People, measured: Tenant, django_assert_max_num_queries: Any
) -> None:
    client, path = people.owner.client, people.path("overview?window=90d")
    client.get(path)
    with django_assert_max_num_queries(20):
        client.get(path)

"""The overview's figures: counted by the database, kept by day, and never believed once something changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from callgauge.flow.overview import Figures, figures_of, quantiles, window_of
from callgauge.flow.overview_marks import changes_in
from callgauge.flow.rubric import write_rubric
from callgauge.store.models import CallLog, DayFigures, Metric, MetricResult, MetricVersion
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Today's date for whoever asks here; the database's rows say when they changed."""
    monkeypatch.setattr("callgauge.flow.overview.timezone.now", lambda: NOW)
    return NOW


def made(owner: Tenant, agent: Any, name: str, days_ago: int, **fields: Any) -> CallLog:
    call = call_row(agent, name, timestamp=NOW - timedelta(days=days_ago), **fields)
    CallLog.objects.filter(pk=call.pk).update(updated_at=LONG_AGO)
    call.refresh_from_db()
    return call


def shown(owner: Tenant, window: str = "30d", agent: int | None = None, budget: float = 60.0) -> Figures:
    return figures_of(owner.project, agent, window_of(window, NOW), budget)


def counts(figures: Figures) -> dict[str, tuple[int, int, int]]:
    return {
        bucket.name: (bucket.calls.calls, bucket.calls.passed, bucket.calls.failed)
        for bucket in figures.buckets
        if bucket.calls
    }


def scored(figures: Figures) -> dict[tuple[str, int], tuple[int, int, int, int]]:
    return {
        (bucket.name, row.metric_id): (row.scored, row.skipped, row.failed, row.passed)
        for bucket in figures.buckets
        for row in bucket.results
    }


@pytest.mark.parametrize(("window", "buckets"), [("24h", 25), ("7d", 7), ("30d", 30), ("90d", 90)])
def test_windows_have_no_gaps(window: str, buckets: int) -> None:
    found = window_of(window, NOW)
    assert len(found.buckets) == buckets == len(set(found.buckets))
    assert found.buckets[-1].startswith("2026-11-25")
    assert found.end > NOW


def test_calls_and_results_are_counted_by_day(alice: Tenant, charlie: Tenant, now: datetime) -> None:
    agent, other = alice.agent(), alice.agent("Other")
    metric = metric_row(alice.project, "Polite")
    rerun = rerun_row(agent, metric)
    for name, days, who, success, outcome, passed in (
        ("a", 1, agent, True, "scored", True),
        ("b", 1, agent, False, "scored", False),
        ("c", 1, other, None, "failed", None),
        ("d", 2, agent, True, "skipped", None),
        ("old", 40, agent, True, "scored", True),
    ):
        call = made(alice, who, name, days, success=success)
        result_row(call, metric, rerun, outcome=outcome, passed=passed)
    call_row(charlie.agent(), "theirs", timestamp=NOW, success=True)
    made(alice, agent, "gone", 1, success=True, deleted_at=NOW)
    figures = shown(alice)
    assert counts(figures) == {"2026-11-24": (3, 1, 1), "2026-11-23": (1, 1, 0)}
    assert scored(figures) == {
        ("2026-11-24", metric.pk): (2, 0, 1, 1),
        ("2026-11-23", metric.pk): (0, 1, 0, 0),
    }
    assert counts(shown(alice, agent=other.pk)) == {"2026-11-24": (1, 0, 0)}
    assert len(counts(shown(alice, "90d"))) == 3


def test_24_hours_are_shown_by_the_hour(alice: Tenant, now: datetime) -> None:
    metric = metric_row(alice.project, "Polite")
    agent = alice.agent()
    for name, hours in (("a", 1), ("b", 1), ("c", 23), ("d", 25)):
        call = call_row(agent, name, timestamp=NOW - timedelta(hours=hours))
        result_row(call, metric, rerun_row(agent, metric), passed=True)
    figures = shown(alice, "24h")
    assert counts(figures) == {"2026-11-25 09": (2, 0, 0), "2026-11-24 11": (1, 0, 0)}
    assert scored(figures)["2026-11-25 09", metric.pk] == (2, 0, 0, 2)


def test_a_day_that_did_not_change_is_not_counted_again(
    alice: Tenant, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    call = made(alice, agent, "a", 1)
    result_row(call, metric, rerun_row(agent, metric), passed=True)
    first = scored(shown(alice))
    monkeypatch.setattr("callgauge.flow.overview.count_results", lambda *given: pytest.fail("counted again"))
    assert scored(shown(alice)) == first


@pytest.mark.parametrize("change", ["settled", "added", "deleted", "moved"])
def test_what_changes_a_call_has_its_day_counted_anew(alice: Tenant, now: datetime, change: str) -> None:
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    rerun = rerun_row(agent, metric)
    first, second = made(alice, agent, "a", 1), made(alice, agent, "b", 1)
    for call in (first, second):
        result_row(call, metric, rerun, passed=True)
    assert scored(shown(alice))["2026-11-24", metric.pk] == (2, 0, 0, 2)
    if change == "settled":
        MetricResult.objects.filter(call=first).update(passed=False)
        CallLog.objects.filter(pk=first.pk).update(updated_at=LONG_AGO + timedelta(minutes=1))
        expected = (2, 0, 0, 1)
    elif change == "added":
        result_row(made(alice, agent, "c", 1), metric, rerun, passed=True)
        expected = (3, 0, 0, 3)
    elif change == "deleted":
        first.delete()
        expected = (1, 0, 0, 1)
    else:
        CallLog.objects.filter(pk=first.pk).update(timestamp=NOW - timedelta(days=3))
        expected = (1, 0, 0, 1)
    assert scored(shown(alice))["2026-11-24", metric.pk] == expected


def test_what_changed_a_moment_ago_is_not_believed_for_long(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that began earlier may still commit changes that look older."""
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    call = call_row(agent, "a", timestamp=timezone.now() - timedelta(days=1))
    result_row(call, metric, rerun_row(agent, metric), passed=True)
    figures_of(alice.project, None, window_of("7d", timezone.now()), 60.0)
    MetricResult.objects.update(passed=False)  # its call looks as it did
    later = timezone.now() + timedelta(seconds=20)
    monkeypatch.setattr("callgauge.flow.overview.timezone.now", lambda: later)
    (row,) = (
        row
        for bucket in figures_of(alice.project, None, window_of("7d", later), 60.0).buckets
        for row in bucket.results
    )
    assert row.passed == 0


def test_a_rerun_that_goes_on_does_not_have_every_day_counted_all_the_time(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    rerun = rerun_row(agent, metric)
    began = timezone.now()
    for name in ("a", "b"):
        call = call_row(agent, name, timestamp=began - timedelta(days=1), pending_rerun_id=rerun.pk)
        result_row(call, metric, rerun, passed=True)

    def passed_after(secs: int) -> int:
        moment = began + timedelta(seconds=secs)
        monkeypatch.setattr("callgauge.flow.overview.timezone.now", lambda: moment)
        buckets = figures_of(alice.project, None, window_of("7d", moment), 60.0).buckets
        return sum(row.passed for bucket in buckets for row in bucket.results)

    def settle(name: str, secs: int) -> None:
        MetricResult.objects.filter(call__call_id=name).update(passed=False)
        moment = began + timedelta(seconds=secs)
        CallLog.objects.filter(call_id=name).update(pending_rerun_id=None, updated_at=moment)

    assert passed_after(0) == 2
    settle("a", 2)
    assert passed_after(5) == 2, "one call still waits"
    assert passed_after(20) == 1
    MetricResult.objects.filter(call__call_id="b").update(passed=False)
    CallLog.objects.filter(call_id="b").update(
        pending_rerun_id=None, updated_at=began + timedelta(seconds=22)
    )
    assert passed_after(23) == 0, "nothing waits any more: what changed is counted at once"


def test_days_beyond_the_budget_are_told_apart_and_come_later(alice: Tenant, now: datetime) -> None:
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    for days in range(4):
        call = made(alice, agent, f"c{days}", days)
        result_row(call, metric, rerun_row(agent, metric), passed=True)
    left = []
    for _ in range(4):
        figures = shown(alice, budget=0.0)
        left.append(figures.uncounted)
        assert sum(calls for calls, _, _ in counts(figures).values()) == 4, "calls are always whole"
    assert left == [3, 2, 1, 0]


def test_old_days_are_forgotten(alice: Tenant, now: datetime) -> None:
    DayFigures.objects.create(
        project=alice.project, day="2026-01-01", fingerprint="", figures="{}", computed_at=NOW
    )
    made(alice, alice.agent(), "a", 1)
    shown(alice)
    assert not DayFigures.objects.filter(day="2026-01-01").exists()


def test_quantiles_are_values_that_occurred(alice: Tenant, now: datetime) -> None:
    assert quantiles(list(map(float, range(1, 101)))) == [50.0, 90.0, 95.0]
    assert quantiles([7.0]) == [7.0, 7.0, 7.0]
    metric, agent = metric_row(alice.project, "Latency", "numeric", built_in="latency"), alice.agent()
    rerun = rerun_row(agent, metric)
    for number in range(1, 21):
        result_row(made(alice, agent, f"c{number}", 1), metric, rerun, number=float(number))
    (found,) = (one for bucket in shown(alice).buckets for one in bucket.quantiles)
    assert (found.n, list(found.values)) == (20, [10.0, 18.0, 19.0])


def version(metric: Metric, number: int) -> MetricVersion:
    return MetricVersion.objects.create(
        metric=metric,
        number=number,
        name=metric.name,
        kind="llm_judge",
        eval_type="binary",
        content_hash="1" * 64,
    )


def test_changes_are_those_that_results_show(alice: Tenant, now: datetime) -> None:
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    second, rerun = version(metric, 2), rerun_row(agent, metric)
    for days, used, judge in ((3, None, "a:1"), (2, second.pk, "a:1"), (1, second.pk, "b:1")):
        more = {} if used is None else {"version_id": used}
        row = result_row(made(alice, agent, f"c{days}", days), metric, rerun, passed=True, judge_model=judge)
        MetricResult.objects.filter(pk=row.pk).update(**more)
    write_rubric(
        alice.project,
        {
            "rules": [
                {
                    "metric_id": metric.pk,
                    "conditions": {"conditions": [{"field": "score", "op": "eq", "value": True}]},
                }
            ]
        },
    )
    alice.project.rubric_changes.update(created_at=NOW)
    figures = shown(alice, "7d")
    assert [
        (figures.window.buckets[one.index][8:], one.words)
        for one in changes_in(figures, alice.project, [metric])
    ] == [
        ("23", "Polite: version 2"),
        ("24", "Polite: judged by b:1"),
        ("25", "Rubric: version 1"),
    ]


def test_one_version_everywhere_has_no_mark(alice: Tenant, now: datetime) -> None:
    metric, agent = metric_row(alice.project, "Polite"), alice.agent()
    rerun = rerun_row(agent, metric)
    for days in (3, 2, 1):
        result_row(made(alice, agent, f"c{days}", days), metric, rerun, passed=True, judge_model="a:1")
    assert changes_in(shown(alice), alice.project, [metric]) == []

"""What projects no longer keep is deleted, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from callgauge.flow import retention
from callgauge.flow.call_metadata import index_metadata
from callgauge.flow.errors import Invalid
from callgauge.flow.rerun import start_live
from callgauge.store.models import (
    CallLog,
    CallMetadata,
    CallPayload,
    Chunk,
    MetricResult,
    Project,
    Recording,
    Rerun,
    Review,
)
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.calls import make_metric
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db


def rule(who: Tenant, *, calls: int | None = None, recordings: int | None = None) -> None:
    retention.set_retention(who.project, calls_days=calls, recordings_days=recordings)


def run() -> int:
    total = 0
    while gone := retention.delete_some():
        total += gone
    return total


def aged(who: Tenant, name: str, days: float) -> CallLog:
    call = call_row(who.agent(), name, timestamp=timezone.now() - timedelta(days=days))
    index_metadata(call.pk, '{"tier": "gold"}')
    Recording.objects.create(call=call, state="failed", url="http://127.0.0.1/a.wav")
    return call


def names() -> set[str]:
    return set(CallLog.objects.values_list("call_id", flat=True))


def test_without_a_rule_everything_stays(alice: Tenant) -> None:
    aged(alice, "ancient", 4_000)
    assert run() == 0
    assert names() == {"ancient"}


def test_old_calls_go_with_all_that_hangs_from_them(alice: Tenant, charlie: Tenant) -> None:
    old, new = aged(alice, "old", 31), aged(alice, "new", 29)
    hidden = aged(alice, "hidden", 40)
    CallLog.objects.filter(pk=hidden.pk).update(deleted_at=timezone.now())
    aged(charlie, "his", 400)
    metric = metric_row(alice.project, "Goal")
    rerun = rerun_row(old.agent, metric)  # type: ignore[arg-type]
    for call in (old, new):
        result_row(call, metric, rerun, passed=True)
        Review.objects.create(call=call, metric=metric, thumbs_up=True)
    rule(alice, calls=30)
    assert retention.overdue(Project.objects.get(pk=alice.project.pk)) == retention.Overdue(2, 0)
    run()
    assert names() == {"new", "his"}
    for model in (CallPayload, CallMetadata, Recording):
        assert model.objects.count() == 2
    assert set(MetricResult.objects.values_list("call_id", flat=True)) == {new.pk}
    assert set(Review.objects.values_list("call_id", flat=True)) == {new.pk}


def test_recordings_can_go_before_their_calls(alice: Tenant) -> None:
    aged(alice, "old", 8)
    new = aged(alice, "new", 6)
    rule(alice, recordings=7)
    run()
    assert names() == {"old", "new"}
    assert list(Recording.objects.values_list("pk", flat=True)) == [new.pk]


def test_a_batch_is_small(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    agent = alice.agent()
    for number in range(5):
        call_row(agent, f"c{number}", timestamp=timezone.now() - timedelta(days=100 - number))
    rule(alice, calls=1)
    assert retention.delete_some() == 2
    assert names() == {"c2", "c3", "c4"}
    assert run() == 3


def test_a_rule_of_nonsense_is_refused(alice: Tenant, tmp_path: Path) -> None:
    for days in (0, 10**6):
        with pytest.raises(Invalid):
            rule(alice, calls=days)


def test_the_evaluation_that_came_with_a_call_goes_with_it_and_wider_reruns_stay(alice: Tenant) -> None:
    old, new = aged(alice, "old", 31), aged(alice, "new", 29)
    metric = make_metric(alice.project, "Goal")
    reruns = [start_live(call) for call in (old, new)]
    wide = rerun_row(alice.project.agents.get(pk=old.agent_id), metric)
    for call, rerun in zip((old, new), reruns, strict=True):
        result_row(call, metric, rerun, passed=True, is_current=False)
        result_row(call, metric, wide, passed=True)
    Rerun.objects.update(finished_at=timezone.now())
    rule(alice, calls=30)
    run()
    assert set(Rerun.objects.values_list("pk", flat=True)) == {reruns[1].pk, wide.pk}
    assert set(Chunk.objects.values_list("rerun", flat=True)) == {reruns[1].pk}


def test_an_evaluation_without_any_result_goes_with_its_call(alice: Tenant) -> None:
    start_live(aged(alice, "old", 31))
    other = start_live(aged(alice, "new", 29))
    Rerun.objects.update(finished_at=timezone.now())
    rule(alice, calls=30)
    run()
    assert list(Rerun.objects.values_list("pk", flat=True)) == [other.pk]


def test_an_evaluation_that_is_under_way_outlives_its_call(alice: Tenant) -> None:
    """Whoever works on it finds the call gone and ends it."""
    old = aged(alice, "old", 31)
    metric = make_metric(alice.project, "Goal")
    rerun = start_live(old)
    result_row(old, metric, rerun, passed=True)
    rule(alice, calls=30)
    run()
    assert Rerun.objects.get().pk == rerun.pk

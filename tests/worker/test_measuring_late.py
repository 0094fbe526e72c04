"""Recordings that can be heard only after metrics wanted them: what becomes of those metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from callgauge.flow.recordings import late
from callgauge.store.models import CallLog, MetricResult, Recording, Rerun
from callgauge.worker.recordings import Recordings
from tests.call_rows import metric_row, rerun_row, result_row
from tests.calls import make_call
from tests.tenants import Tenant


class Database:
    """Stands for the thread that reads and plans: each call is planned, or it raises."""

    def __init__(self, faults: dict[int, Exception]) -> None:
        self.faults = faults
        self.planned: list[int] = []
        self.given_up: list[int] = []

    async def run(self, work: Callable[..., Any], *given: int) -> Any:
        if work is late.due:
            return [1, 2, 3]
        if work is late.give_up:
            self.given_up += given
            return None
        if given[0] in self.faults:
            raise self.faults[given[0]]
        self.planned += given
        return None


@pytest.mark.parametrize(
    ("fault", "given_up"), [(ValueError("broken"), [2]), (OperationalError("database is locked"), [])]
)
def test_one_call_that_raises_does_not_hold_up_the_others(fault: Exception, given_up: list[int]) -> None:
    database = Database({2: fault})
    recordings = Recordings.__new__(Recordings)
    recordings._database = database  # type: ignore[assignment]
    asyncio.run(recordings._measure_late())
    assert database.planned == [1, 3]
    assert database.given_up == given_up, "what only the database refused is tried again"


@pytest.fixture
def call(alice: Tenant) -> CallLog:
    """Whose recording has come, and one metric missed it."""
    agent = alice.agent()
    call = make_call(agent, "c1")
    missed, other = metric_row(alice.project, "Missed"), metric_row(alice.project, "Other")
    rerun = rerun_row(agent, missed)
    result_row(call, missed, rerun, outcome="failed", reason="recording_unavailable", passed=None)
    result_row(call, other, rerun)
    Recording.objects.create(call=call, state="stored", came_late=True)
    return call


def started() -> list[list[int]]:
    return [rerun.metric_version_ids for rerun in Rerun.objects.filter(kind="live").order_by("pk")]


@pytest.mark.django_db
def test_while_the_call_is_under_evaluation_it_stays_due(call: CallLog) -> None:
    before = started()
    CallLog.objects.update(pending_rerun_id=1)
    assert late.due() == []
    late.measure(call.pk)
    assert started() == before
    CallLog.objects.update(pending_rerun_id=None)
    assert late.due() == [call.pk]
    late.measure(call.pk)
    late.measure(call.pk)
    missed = MetricResult.objects.get(outcome="failed")
    assert started() == [*before, [missed.version_id]]
    assert (missed.is_stale, late.due()) == (True, [])


@pytest.mark.django_db
def test_one_that_nothing_missed_is_only_forgotten(call: CallLog) -> None:
    MetricResult.objects.filter(outcome="failed").delete()
    before = started()
    late.measure(call.pk)
    assert (started(), late.due()) == (before, [])


@pytest.mark.django_db
def test_what_cannot_be_measured_is_given_up(call: CallLog) -> None:
    late.give_up(call.pk)
    assert late.due() == []
    assert not MetricResult.objects.filter(is_stale=True).exists()

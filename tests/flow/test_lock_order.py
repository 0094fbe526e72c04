"""Who locks what first on PostgreSQL: a call, then chunks, then reruns. SQLite has one writer at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from callgauge.domain.judging import JudgeAnswer
from callgauge.domain.outcomes import Scored, Usage, Value
from callgauge.flow import control, dispatch, ledger, planning, work
from callgauge.flow.calls import delete_call
from callgauge.flow.checkpoint import Question
from callgauge.flow.planning import plan_page
from callgauge.flow.rerun import Terms, request_rerun
from callgauge.flow.results import NewResult
from callgauge.flow.selection import Selection
from callgauge.flow.settle import hold_calls
from callgauge.store.models import CallLog, Chunk, JudgeCall, Rerun
from callgauge.worker.operations import STORE_ANSWER, STORE_RESULT, OwnedResult
from callgauge.worker.writer import Writer, _Job
from tests.calls import make_calls, make_metric
from tests.tenants import Tenant, tenant
from tests.waiting import PATIENCE, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite locks nothing by row"),
]

OWNER = "test:1"
Result = TypeVar("Result")


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


def _waits_for_a_lock() -> bool:
    """Whether anybody waits for what this connection has locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def _meanwhile(
    other: Callable[[], Result], first: Callable[[], object], then: Callable[[], object]
) -> Result:
    """In one transaction `first`, and `then` once `other`, in another, waits for what it locked."""

    def run() -> Result:
        try:
            return other()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            result = pool.submit(run)
            wait_until(_waits_for_a_lock, what="the other's wait")
            then()
        return result.result(20 * PATIENCE)


def _count(one: Rerun) -> None:
    Rerun.objects.filter(pk=one.pk).update(scored=F("scored") + 1)


def test_cancelling_waits_for_whoever_stores_results(alice: Tenant) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    make_metric(alice.project, "One")
    asked = request_rerun(alice.key, agent, Selection()).rerun
    (chunk,) = ledger.claim(OWNER, (0, 1, 2), 10)
    cancelled = _meanwhile(
        lambda: control.cancel(alice.key, asked),
        lambda: ledger.held(OWNER, [chunk.pk]),
        lambda: _count(asked),
    )
    assert (cancelled.state, cancelled.scored) == ("cancelled", 1)
    assert not Chunk.objects.filter(rerun=asked).exclude(state="cancelled").exists()


def test_cancelling_also_ends_the_chunks_that_came_while_it_waited(alice: Tenant) -> None:
    agent = alice.agent()
    calls = make_calls(agent, 2)
    make_metric(alice.project, "One")
    asked = request_rerun(alice.key, agent, Selection()).rerun
    (chunk,) = ledger.claim(OWNER, (0, 1, 2), 10)
    _meanwhile(
        lambda: control.cancel(alice.key, asked),
        lambda: ledger.held(OWNER, [chunk.pk]),
        lambda: ledger.finish(OWNER, chunk.pk, rest=[calls[1].pk]),
    )
    assert sorted(Chunk.objects.filter(rerun=asked).values_list("state", flat=True)) == ["cancelled", "done"]
    settling = Rerun.objects.get(follows=asked.pk)
    assert settling.total_calls == 1


def test_a_message_that_overtakes_its_mark_as_sent_is_not_lost(alice: Tenant) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    make_metric(alice.project, "One")
    request_rerun(alice.key, agent, Selection())
    chunk = Chunk.objects.get()
    claimed = _meanwhile(
        lambda: ledger.claim_these(OWNER, [chunk.pk], waits=True),
        lambda: dispatch.mark_sent([chunk.pk]),
        lambda: None,
    )
    assert [one.pk for one in claimed] == [chunk.pk]
    chunk.refresh_from_db()
    assert (chunk.state, chunk.owner, chunk.dispatched_at) == ("leased", OWNER, None)


def test_planning_holds_no_rerun_while_it_waits_for_calls(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stores the results of a smaller rerun on one of them may count some of the large one too."""
    agent = alice.agent()
    calls = make_calls(agent, 3)
    make_metric(alice.project, "One")
    monkeypatch.setattr(planning, "RESET_AT_ONCE", 0)
    large = request_rerun(alice.key, agent, Selection()).rerun
    (chunk,) = ledger.claim(OWNER, (0, 1, 2), 10)
    _meanwhile(
        lambda: plan_page(OWNER, chunk.pk, 10),
        lambda: hold_calls([calls[1].pk]),
        lambda: _count(large),
    )
    large.refresh_from_db()
    assert (large.scored, large.total_calls, large.planned_through) == (1, 3, calls[2].pk)


def test_deleting_a_call_waits_for_whoever_stores_its_answers(alice: Tenant) -> None:
    agent = alice.agent()
    (call,) = make_calls(agent, 1)
    asked = request_rerun(alice.key, agent, Selection()).rerun
    JudgeCall.objects.create(key="k", rerun=asked, call=call, model="m", request_hash="h")
    _meanwhile(
        lambda: delete_call(call, retain_evaluations=False),
        lambda: hold_calls([call.pk]),
        lambda: JudgeCall.objects.filter(call=call).update(state="done"),
    )
    assert not CallLog.objects.exists()


def test_freeing_what_ran_out_leaves_a_chunk_whose_results_are_being_stored(alice: Tenant) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    make_metric(alice.project, "One")
    for turn in range(2):
        request_rerun(alice.key, agent, Selection(), terms=Terms(follows=turn))
    held, lost = ledger.claim(OWNER, (0, 1, 2), 10)
    Chunk.objects.update(lease_until=timezone.now() - ledger.LEASE)

    def free() -> int:
        try:
            return ledger.free_expired()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        ledger.hold([held.pk])
        assert pool.submit(free).result(20 * PATIENCE) == 1
    assert dict(Chunk.objects.values_list("pk", "state")) == {held.pk: "leased", lost.pk: "pending"}


@pytest.mark.parametrize("free", [lambda: ledger.take_over(OWNER), lambda: ledger.release(OWNER, _claimed())])
def test_leases_are_given_back_in_the_order_of_ids(alice: Tenant, free: Callable[[], object]) -> None:
    """Whoever stores results of both holds the first, and takes the second."""
    agent = alice.agent()
    make_calls(agent, 2)
    make_metric(alice.project, "One")
    for turn in range(2):
        request_rerun(alice.key, agent, Selection(), terms=Terms(follows=turn))
    first, second = ledger.claim(OWNER, (0, 1, 2), 10)
    Chunk.objects.filter(pk=first.pk).update(dispatched_at=timezone.now())  # moves its row behind the other's
    _meanwhile(free, lambda: ledger.hold([first.pk]), lambda: ledger.hold([second.pk]))
    assert set(Chunk.objects.values_list("state", flat=True)) == {"pending"}


def _claimed() -> list[int]:
    return list(Chunk.objects.order_by("-pk").values_list("pk", flat=True))


def test_a_batch_counts_on_its_reruns_in_the_order_of_their_ids(alice: Tenant) -> None:
    """Whatever of them comes first in it: another worker's batch has the same reruns."""
    agent = alice.agent()
    (call,) = make_calls(agent, 1)
    make_metric(alice.project, "One")
    first, second = (request_rerun(alice.key, agent, Selection(first=n)).rerun for n in (1, 2))
    ledger.claim(OWNER, (0, 1, 2), 10)
    chunk = Chunk.objects.get(rerun=first)
    (spec,) = work.load_specs(first.metric_version_ids)
    answer = JudgeAnswer({}, "m", Usage(cost_usd=0.5))
    result = NewResult(chunk.pk, first.pk, call.pk, call.content_hash, spec, Scored(Value(passed=True)))
    jobs = [
        _Job(STORE_ANSWER, (Question("k", second.pk, call.pk, "m", "h"), answer), Future()),
        _Job(STORE_RESULT, OwnedResult(OWNER, result), Future()),
    ]
    _meanwhile(lambda: Writer._run(jobs), lambda: _count(first), lambda: _count(second))
    assert list(Rerun.objects.order_by("pk").values_list("scored", "spent_usd")) == [(2, 0.0), (1, 0.5)]

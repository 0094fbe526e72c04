"""Reruns that overlap: whichever ends last, a call's verdict is that of the newest results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Outcome, Scored, Value
from callgauge.flow import control, ledger, work
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.planning import plan_page
from callgauge.flow.rerun import Selection, request_evaluation, request_rerun, start_live
from callgauge.flow.results import NewResult, store_results
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.reviews import Vote, cast_vote
from callgauge.flow.rubric import write_rubric
from callgauge.flow.settle import settle_calls
from callgauge.store.models import CallLog, CallPayload, Chunk, Metric, MetricResult, Project, Rerun
from callgauge.worker.operations import SETTLE, STORE_RESULT, OwnedResult, Settling
from callgauge.worker.writer import Writer, _Job
from tests.calls import make_call, make_metric
from tests.tenants import Tenant, tenant
from tests.waiting import PATIENCE

OWNER = "test:1"
PASS, FAIL = Scored(Value(passed=True)), Scored(Value(passed=False))


def _require(project: Project, *metrics: Metric) -> None:
    condition = {"field": "score", "op": "eq", "value": True}
    conditions = {"operator": "and", "conditions": [condition]}
    rules = [{"metric_id": metric.pk, "conditions": conditions} for metric in metrics]
    write_rubric(project, {"evaluation_logic": "and", "rules": rules})


def _chunk(rerun: Rerun) -> Chunk:
    ledger.claim(OWNER, (0, 1, 2), 100)
    return Chunk.objects.get(rerun=rerun, kind="evaluate")


def _specs(rerun: Rerun) -> dict[str, MetricSpec]:
    return {spec.name: spec for spec in work.load_specs(rerun.metric_version_ids)}


def _finish(chunk: Chunk, call: CallLog, outcomes: dict[str, Outcome]) -> None:
    specs = _specs(chunk.rerun)
    results = [
        NewResult(chunk.pk, chunk.rerun_id, call.pk, call.content_hash, specs[name], outcome)
        for name, outcome in outcomes.items()
    ]
    with transaction.atomic():
        store_results(OWNER, results)
        settle_calls(chunk.rerun_id, [call.pk])
        ledger.finish(OWNER, chunk.pk)


def test_a_stored_result_clears_a_chunk_of_the_tries_before(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "A")
    chunk = _chunk(request_rerun(alice.key, agent, Selection()).rerun)
    Chunk.objects.filter(pk=chunk.pk).update(attempts=5)
    result = NewResult(chunk.pk, chunk.rerun_id, call.pk, call.content_hash, _specs(chunk.rerun)["A"], PASS)
    with transaction.atomic():
        assert store_results(OWNER, [result]) == set()
    assert Chunk.objects.get(pk=chunk.pk).attempts == 1


def test_a_narrow_rerun_that_overtakes_does_not_keep_the_older_ones_results_out(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    a, b = make_metric(alice.project, "A"), make_metric(alice.project, "B")
    _require(alice.project, a, b)
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": PASS})
    edit_metric(b, MetricChange(frozen={"description": "Stricter?"}))
    broad = _chunk(request_rerun(alice.key, agent, Selection()).rerun)
    (narrow,) = request_evaluation(alice.key, alice.project, [call.pk], [a.pk])
    _finish(_chunk(narrow), call, {"A": PASS})
    _finish(broad, call, {"A": PASS, "B": FAIL})
    call.refresh_from_db()
    assert (call.success, call.pending_rerun_id) == (False, None)


def test_a_planner_that_comes_late_does_not_undo_a_newer_reruns_verdict(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 0)
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "A")
    _require(alice.project, metric)
    large = request_rerun(alice.key, agent, Selection()).rerun
    (planning,) = ledger.claim(OWNER, (0, 1, 2), 10)
    edit_metric(metric, MetricChange(frozen={"description": "New wording?"}))
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 10)
    (newer,) = request_evaluation(alice.key, alice.project, [call.pk], None)
    _finish(_chunk(newer), call, {"A": FAIL})
    while not plan_page(OWNER, planning.pk, 10):
        pass
    _finish(_chunk(large), call, {"A": PASS})
    call.refresh_from_db()
    assert MetricResult.objects.get(call=call, is_current=True).passed is False
    assert (call.success, call.pending_rerun_id) == (False, None)


def test_a_reset_never_takes_a_call_from_a_newer_rerun(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 0)
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "A")
    request_rerun(alice.key, agent, Selection())
    (planning,) = ledger.claim(OWNER, (0, 1, 2), 10)
    monkeypatch.setattr("callgauge.flow.planning.RESET_AT_ONCE", 10)
    (newer,) = request_evaluation(alice.key, alice.project, [call.pk], None)
    while not plan_page(OWNER, planning.pk, 10):
        pass
    call.refresh_from_db()
    assert call.pending_rerun_id == newer.pk


def test_a_narrow_rerun_does_not_let_a_call_pass_on_a_metric_that_failed_last_time(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    a, b = make_metric(alice.project, "A"), make_metric(alice.project, "B")
    _require(alice.project, a, b)
    down = Failed(FailureCode.JUDGE_UNAVAILABLE, ("The judge was down.",), retryable=True)
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": PASS})
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": down})
    (narrow,) = request_evaluation(alice.key, alice.project, [call.pk], [a.pk])
    _finish(_chunk(narrow), call, {"A": PASS})
    call.refresh_from_db()
    assert call.success is None
    assert call.error_message is not None
    assert "B" in call.error_message


def test_what_decides_a_cancelled_reruns_calls_can_be_cancelled_too(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "A")
    _require(alice.project, metric)
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS})
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    control.cancel(alice.key, rerun)
    control.cancel(alice.key, Rerun.objects.get(follows=rerun.pk))
    chunk = _chunk(Rerun.objects.get(follows=rerun.pk, state="planned"))
    with transaction.atomic():
        SETTLE.run([Settling.of(chunk, call.pk)])
    call.refresh_from_db()
    assert (call.success, call.pending_rerun_id) == (True, None)


def test_a_vote_between_two_results_counts_with_both(alice: Tenant) -> None:
    """The call's first evaluation has given one of two results when somebody votes."""
    agent = alice.agent()
    call = make_call(agent, "one")
    a, b = make_metric(alice.project, "A"), make_metric(alice.project, "B")
    _require(alice.project, a, b)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    chunk = _chunk(rerun)
    specs = _specs(rerun)

    def store(name: str, outcome: Outcome) -> None:
        store_results(
            OWNER, [NewResult(chunk.pk, rerun.pk, call.pk, call.content_hash, specs[name], outcome)]
        )

    store("A", PASS)
    cast_vote(call, Vote(a.pk, True, None, ""), by=Reviewer("alice", alice.key))
    call.refresh_from_db()
    assert (call.success, call.is_reviewed) == (True, True)
    store("B", FAIL)
    with transaction.atomic():
        settle_calls(rerun.pk, [call.pk])
    call.refresh_from_db()
    assert (call.success, call.is_reviewed, call.pending_rerun_id) == (False, True, None)


def test_a_call_that_was_reviewed_before_keeps_its_outcome(alice: Tenant) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    a, b = make_metric(alice.project, "A"), make_metric(alice.project, "B")
    _require(alice.project, a, b)
    _finish(_chunk(request_rerun(alice.key, agent, Selection()).rerun), call, {"A": PASS, "B": PASS})
    cast_vote(call, Vote(a.pk, True, None, ""), by=Reviewer("alice", alice.key))
    chunk = _chunk(request_rerun(alice.key, agent, Selection()).rerun)
    cast_vote(call, Vote(a.pk, True, None, "Still so."), by=Reviewer("alice", alice.key))
    _finish(chunk, call, {"A": PASS, "B": FAIL})
    call.refresh_from_db()
    assert (call.success, call.is_reviewed, call.pending_rerun_id) == (True, True, None)


@pytest.mark.django_db(transaction=True)
def test_votes_settling_and_resets_at_the_same_time_leave_nothing_pending_and_no_deadlock(
    transactional_db: None,
) -> None:
    """On PostgreSQL these lock the same calls; in different orders they would wait for each other."""
    alice = tenant("Acme", "Support")
    agent = alice.agent()
    calls = [make_call(agent, f"call-{n}") for n in range(12)]
    metric = make_metric(alice.project, "A")
    _require(alice.project, metric)
    faults: list[BaseException] = []

    def measure(owner: str, some: Sequence[CallLog]) -> None:
        (rerun,) = request_evaluation(alice.key, alice.project, [call.pk for call in some], None)
        Chunk.objects.filter(rerun=rerun).update(state="leased", owner=owner)
        chunk = Chunk.objects.get(rerun=rerun)
        (spec,) = _specs(rerun).values()
        results = [NewResult(chunk.pk, rerun.pk, c.pk, c.content_hash, spec, PASS) for c in some]
        Writer._run(
            [
                *(_Job(STORE_RESULT, OwnedResult(owner, result), Future()) for result in results),
                *(_Job(SETTLE, Settling(rerun.pk, call.pk), Future()) for call in some),
            ]
        )

    def vote() -> None:
        for call in calls[::3]:
            cast_vote(call, Vote(metric.pk, False, None, ""), by=Reviewer("alice", alice.key))

    measure("first", calls)
    together = Barrier(5)

    def at_once(job: Callable[[], None]) -> None:
        try:
            together.wait(20 * PATIENCE)
            job()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    orders = (calls, calls[::-1], calls[6:] + calls[:6], calls[::2])
    jobs = [vote, *(partial(measure, f"worker {n}", order) for n, order in enumerate(orders))]
    threads = [Thread(target=at_once, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    reviewed = CallLog.objects.filter(pk__in=[call.pk for call in calls[::3]])
    assert set(reviewed.values_list("is_reviewed", "success")) == {(True, False)}
    assert set(CallPayload.objects.filter(call__in=reviewed).values_list("rubric", flat=True)) == {
        CallPayload.objects.get(call=calls[0]).rubric
    }
    assert '"passed": false' in CallPayload.objects.get(call=calls[0]).rubric


@pytest.mark.django_db(transaction=True)
def test_leases_are_renewed_past_a_transaction_that_holds_some() -> None:
    """Waiting for it with the others in hand, both would wait for each other."""
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database has one writer at a time")
    agent = tenant("Acme", "Support").agent()
    for number in range(2):
        with transaction.atomic():
            start_live(make_call(agent, f"call-{number}"))
    first, second = sorted(chunk.pk for chunk in ledger.claim(OWNER, (0, 1, 2), 100))
    Chunk.objects.update(lease_until=None)
    kept: list[set[int]] = []

    def renew() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
        kept.append(ledger.renew(OWNER, [first, second]))
        connection.close()

    renewing = Thread(target=renew)
    with transaction.atomic():
        Chunk.objects.select_for_update().get(pk=second)
        renewing.start()
        renewing.join()
    assert kept == [{first, second}]
    assert list(Chunk.objects.order_by("pk").values_list("lease_until", flat=True))[1] is None
    assert Chunk.objects.get(pk=first).lease_until is not None

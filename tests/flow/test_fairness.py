"""Which chunks are next: tenants in turn, whoever came first, and no paused rerun among them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callgauge.flow import fairness, ledger
from callgauge.store.models import Chunk, ChunkKind, ChunkState, Priority, Rerun, RerunKind, RerunState
from tests.tenants import Tenant, tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def charlie(transactional_db: None) -> Tenant:
    return tenant("Other", "Sales")


def _rerun(owner: Tenant, chunks: int, state: str = RerunState.PLANNED) -> Rerun:
    rerun = Rerun.objects.create(project=owner.project, kind=RerunKind.RERUN, state=state)
    Chunk.objects.bulk_create(
        Chunk(
            rerun=rerun,
            kind=ChunkKind.EVALUATE,
            priority=Priority.BULK,
            tenant=owner.project.pk,
            call_ids=list(range(1, 101)),
        )
        for _ in range(chunks)
    )
    return rerun


def _of(chunks: list[Chunk]) -> list[int]:
    return [chunk.tenant for chunk in chunks]


def test_a_late_tenant_is_served_beside_an_early_one(alice: Tenant, charlie: Tenant) -> None:
    _rerun(alice, 50)
    _rerun(charlie, 2)
    claimed = ledger.claim("w:1", list(Priority), 4)
    assert sorted(_of(claimed)) == sorted([alice.project.pk] * 2 + [charlie.project.pk] * 2)


def test_what_a_tenant_already_has_counts(alice: Tenant, charlie: Tenant) -> None:
    _rerun(alice, 50)
    ledger.claim("w:1", list(Priority), 3)
    _rerun(charlie, 50)
    claimed = ledger.claim("w:2", list(Priority), 3)
    assert _of(claimed) == [charlie.project.pk] * 3


def test_a_paused_rerun_is_passed_over(alice: Tenant, charlie: Tenant) -> None:
    _rerun(alice, 5, RerunState.PAUSED)
    _rerun(charlie, 1)
    assert _of(ledger.claim("w:1", list(Priority), 10)) == [charlie.project.pk]


def test_chunks_of_a_dead_owner_come_first(alice: Tenant) -> None:
    _rerun(alice, 5)
    lost = ledger.claim("dead:1", list(Priority), 1)[0]
    past = timezone.now() - timedelta(minutes=1)
    Chunk.objects.filter(pk=lost.pk).update(lease_until=past)
    assert ledger.claim("w:1", list(Priority), 1)[0].pk == lost.pk


def test_expired_leases_are_freed_for_the_broker(alice: Tenant) -> None:
    _rerun(alice, 2)
    lost, kept = ledger.claim("dead:1", list(Priority), 2)
    Chunk.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(minutes=1))
    assert ledger.free_expired() == 1
    states = dict(Chunk.objects.values_list("pk", "state"))
    assert states == {lost.pk: ChunkState.PENDING, kept.pk: ChunkState.LEASED}
    assert not ledger.renew("dead:1", [lost.pk])


def test_a_chunk_is_claimed_however_often_it_was_before(alice: Tenant) -> None:
    """The column of its attempts is a small integer."""
    _rerun(alice, 1)
    Chunk.objects.update(attempts=32_767)
    (chunk,) = ledger.claim("w:1", list(Priority), 1)
    assert chunk.attempts > ledger.MAX_PLAN_ATTEMPTS
    assert Chunk.objects.get().attempts == ledger.MOST_COUNTED


def test_at_most_so_many_of_one_tenant_are_out(alice: Tenant, charlie: Tenant) -> None:
    _rerun(alice, 50)
    _rerun(charlie, 50)
    first = fairness.pending(Priority.BULK, 100, per_tenant=4, unsent_only=True)
    assert len(first) == 8
    Chunk.objects.filter(pk__in=first).update(dispatched_at=timezone.now())
    assert fairness.pending(Priority.BULK, 100, per_tenant=4, unsent_only=True) == []
    ledger.claim_these("w:1", first[:1])
    assert fairness.pending(Priority.BULK, 100, per_tenant=4, unsent_only=True) == []


def test_looking_costs_the_same_for_a_long_queue(alice: Tenant) -> None:
    _rerun(alice, 3)
    with CaptureQueriesContext(connection) as few:
        fairness.pending(Priority.BULK, 2)
    _rerun(alice, 300)
    with CaptureQueriesContext(connection) as many:
        fairness.pending(Priority.BULK, 2)
    assert len(few) == len(many)


def test_two_that_want_the_same_chunk_do_not_both_get_it(alice: Tenant) -> None:
    _rerun(alice, 1)
    (chunk,) = Chunk.objects.all()
    assert [one.pk for one in ledger.claim_these("w:1", [chunk.pk])] == [chunk.pk]
    assert ledger.claim_these("w:2", [chunk.pk]) == []


def test_calls_that_were_not_begun_become_a_chunk_of_their_own(alice: Tenant) -> None:
    rerun = _rerun(alice, 1)
    rerun.planned_at = timezone.now()
    rerun.save()
    (chunk,) = ledger.claim("w:1", list(Priority), 1)
    with transaction.atomic():
        ledger.finish("w:1", chunk.pk, rest=[99, 100])
    done, rest = Chunk.objects.order_by("id")
    assert (done.state, len(done.call_ids)) == (ChunkState.DONE, 98)
    assert (rest.state, rest.call_ids) == (ChunkState.PENDING, [99, 100])
    assert Rerun.objects.get(pk=rerun.pk).state == RerunState.RUNNING

"""A disk or database that takes nothing: refused with when to come back, while reading goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from callgauge.flow import disk
from callgauge.store.models import ApiKey, CallLog
from callgauge.worker.executor import Executor
from tests.calls import make_call
from tests.people import People
from tests.tenants import Tenant, tenant

OBSERVE, CALLS = "/observability/v1/observe/", "/observability/v1/call-logs/"
CALL = {
    "transcript_type": "cekura",
    "transcript_json": [{"role": "Main Agent", "content": "Hello " * 4_000, "start_time": 0, "end_time": 1}],
}


@pytest.fixture
def full(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, disk_reserve_mb=64)
    monkeypatch.setattr(disk, "_looked", (0.0, False))
    monkeypatch.setattr(disk, "free_bytes", lambda: 63.0 * 1024 * 1024)


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def sqlite(transactional_db: None) -> Iterator[Any]:
    """Runs a pragma that makes the database refuse; undone at the end."""
    if connection.vendor != "sqlite":
        pytest.skip("by means of SQLite's pragmas")

    def set_to(pragma: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {pragma}")

    yield set_to
    set_to("query_only=0")
    set_to("max_page_count=1073741823")


def test_below_the_reserve_nothing_new_is_taken_and_all_is_read(alice: Tenant, full: None) -> None:
    call = make_call(alice.agent(), "one")
    answer = alice.client.post(OBSERVE, {**CALL, "call_id": "two", "agent": call.agent_id})
    assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
    assert "disk is full" in answer.json()["detail"]
    assert alice.client.get(CALLS).json()["count"] == 1
    assert alice.client.get(f"{CALLS}{call.pk}/").status_code == 200
    ready = alice.client.get("/readyz")
    assert (ready.status_code, "full" in ready.json()["status"]) == (200, True)
    assert alice.client.delete(f"{CALLS}{call.pk}/").status_code == 204  # that makes room


def test_it_ends_by_itself(alice: Tenant, full: None, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**CALL, "call_id": "two", "agent": alice.agent().pk}
    assert alice.client.post(OBSERVE, body).status_code == 507
    monkeypatch.setattr(disk, "_looked", (0.0, False))  # a second later
    monkeypatch.setattr(disk, "free_bytes", lambda: 65.0 * 1024 * 1024)
    assert alice.client.post(OBSERVE, body).status_code == 201
    assert alice.client.get("/readyz").json() == {"status": "ready"}


def test_no_new_work_is_begun(alice: Tenant, full: None) -> None:
    from callgauge.flow.rerun import start_live

    with transaction.atomic():
        start_live(make_call(alice.agent(), "one"))
    executor = Executor("test:1", lambda: None, concurrency=1)
    executor.start()
    try:
        import asyncio

        assert executor._loop is not None
        assert asyncio.run_coroutine_threadsafe(executor._claim(), executor._loop).result() == []
    finally:
        executor.stop()


def test_a_page_says_it_too(people: People, full: None) -> None:
    answer = people.member.client.post(people.path("calls/1/delete"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
    assert b"disk is full" in answer.content
    assert people.member.client.get(people.path("calls")).status_code == 200


def test_a_database_without_room(alice: Tenant, sqlite: Any) -> None:
    agent = alice.agent()
    sqlite("max_page_count=1")  # as many as it has, that is
    codes = set()
    for number in range(50):
        answer = alice.client.post(OBSERVE, {**CALL, "call_id": f"c{number}", "agent": agent.pk})
        codes.add(answer.status_code)
        if answer.status_code != 201:
            break
    assert codes <= {201, 507}
    assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
    stored = CallLog.objects.count()
    assert stored == number  # what was accepted, and nothing of what was refused
    assert alice.client.get(CALLS).json()["count"] == stored
    sqlite("max_page_count=1073741823")
    assert alice.client.post(OBSERVE, {**CALL, "call_id": "last", "agent": agent.pk}).status_code == 201


def test_a_database_that_only_reads(alice: Tenant, sqlite: Any) -> None:
    agent = alice.agent()
    # Such a key would be marked as used.
    ApiKey.objects.filter(pk=alice.key.pk).update(last_used_at=timezone.now() - timedelta(days=1))
    sqlite("query_only=1")
    answer = alice.client.post(OBSERVE, {**CALL, "call_id": "one", "agent": agent.pk})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "only be read" in answer.json()["detail"]
    assert alice.client.get(CALLS).status_code == 200
    sqlite("query_only=0")
    assert alice.client.post(OBSERVE, {**CALL, "call_id": "one", "agent": agent.pk}).status_code == 201


def test_a_busy_database_says_when_to_come_back(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from callgauge.api import calls

    def busy(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(calls, "find_call", busy)
    answer = alice.client.get(f"{CALLS}1/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")

"""Taking in calls below HTTP: races for one call id, and all or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection

from callgauge.domain.calls import Role
from callgauge.flow import ingest, wake
from callgauge.flow.call_fields import read_timestamp
from callgauge.flow.errors import Invalid
from callgauge.flow.ingest import Ingested, ingest_call
from callgauge.flow.new_calls import NewCall, read_new_call
from callgauge.flow.work import read_call
from callgauge.store.models import CallLog, CallPayload, Chunk, Rerun
from tests.tenants import Tenant

ROWS = [{"role": "agent", "content": "Hello.", "start_time": 0, "end_time": 1}]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_one_call_id_store_one_call(alice: Tenant) -> None:
    agent = alice.agent()

    def take(number: int) -> Ingested:
        try:
            return ingest_call(alice.project, agent, NewCall(call_id="same", transcript=ROWS))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(take, range(16)))
    assert len({one.call.pk for one in done}) == 1
    assert sum(one.created for one in done) == 1
    assert CallLog.objects.count() == CallPayload.objects.count() == Chunk.objects.count() == 1


@pytest.mark.django_db
def test_a_call_whose_evaluation_cannot_be_planned_is_not_stored(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Rerun:
        raise RuntimeError

    monkeypatch.setattr(ingest, "start_live", fail)
    with pytest.raises(RuntimeError):
        ingest_call(alice.project, alice.agent(), NewCall(call_id="c"))
    assert not CallLog.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("url", "more"), [("", [False]), ("https://example.com/a.wav", [True, False])])
def test_a_call_announces_other_work_only_where_it_has_a_recording(
    alice: Tenant, django_capture_on_commit_callbacks: Any, url: str, more: list[bool]
) -> None:
    """Whoever looks after exports and webhooks need not look for each call."""
    heard: list[bool] = []
    wake.listen(heard.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            ingest_call(alice.project, alice.agent(), NewCall(call_id="c", voice_recording_url=url))
    finally:
        wake.unlisten(heard.append)
    assert heard == more


@pytest.mark.django_db
def test_an_agent_that_was_deleted_meanwhile_is_an_unknown_agent(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = alice.agent()
    agent_id = agent.pk
    agent.delete()
    agent.pk = agent_id

    def refuse(*_: Any) -> CallLog:
        raise IntegrityError("foreign key")

    monkeypatch.setattr(ingest, "_insert", refuse)
    with pytest.raises(Invalid) as caught:
        ingest_call(alice.project, agent, NewCall(call_id="c"))
    assert list(caught.value.messages) == ["agent"]


@pytest.mark.django_db
def test_what_was_stored_is_what_metrics_read(alice: Tenant) -> None:
    rows = [
        *ROWS,
        {"role": "Function Call", "content": "", "data": {"id": "1", "name": "book", "arguments": "{}"}},
    ]
    new = read_new_call(
        {"call_id": "c", "transcript_json": rows, "metadata": {"a": 1}, "call_ended_reason": "done"}
    )
    stored = ingest_call(alice.project, alice.agent("Bookings"), new).call
    call = read_call(CallLog.objects.select_related("payload", "agent").get(pk=stored.pk))
    assert (call.turns[0].role, call.turns[0].text) == (Role.AGENT, "Hello.")
    assert call.turns[1].tool is not None
    assert call.turns[1].tool.name == "book"
    assert (call.metadata, call.ended_reason, call.agent.name) == ({"a": 1}, "done", "Bookings")
    assert call.content_hash == stored.content_hash


@pytest.mark.django_db
def test_the_content_hash_tells_calls_apart_by_what_metrics_read(alice: Tenant) -> None:
    agent = alice.agent()
    when = datetime(2026, 8, 1, tzinfo=UTC)
    base = {"transcript": ROWS, "timestamp": when, "call_ended_reason": "done", "metadata": '{"a": 1}'}
    variants: list[dict[str, Any]] = [
        {},
        {"transcript": [*ROWS, {"role": "user", "content": "Hi."}]},
        {"metadata": '{"a": 2}'},
        {"dynamic_variables": '{"a": 2}'},
        {"call_ended_reason": "hang-up"},
        {"timestamp": when.replace(year=2025)},
        {"voice_recording_url": "https://example.com/a.wav"},
        {"testing_channel_index": 1},
    ]
    hashes = [
        ingest_call(alice.project, agent, NewCall(call_id=f"c{n}", **(base | variant))).call.content_hash
        for n, variant in enumerate(variants)
    ]
    same = ingest_call(alice.project, agent, NewCall(call_id="again", feedback="x", **base)).call
    assert len(set(hashes)) == len(variants)
    assert same.content_hash == hashes[0]


def test_a_plus_that_a_query_turned_into_a_space_is_still_a_zone() -> None:
    assert read_timestamp("2026-08-01T12:00:00 02:00") == datetime(2026, 8, 1, 10, tzinfo=UTC)
    assert read_timestamp("2026-08-01 02:00") == datetime(2026, 8, 1, 2, tzinfo=UTC)

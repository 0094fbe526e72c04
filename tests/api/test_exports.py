"""Exports over HTTP: asked for, written in pieces, fetched, walled off, forgotten."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from callgauge.flow import errands, exports
from callgauge.store.models import CallExport, CallLog, ErrandState, ExportPiece
from tests.call_rows import call_row, metric_row, rerun_row, result_row
from tests.tenants import Tenant

ASK = "/observability/v1/call-logs/export_call_logs"
PROGRESS = "/observability/v1/call-logs/export_call_logs_progress"
pytestmark = pytest.mark.django_db


def ask(who: Tenant, **query: Any) -> Any:
    response = who.client.get(ASK, query)
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def progress(who: Tenant, uid: str) -> Any:
    response = who.client.get(PROGRESS, {"progress_id": uid})
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def write(owner: str = "me", piece: int = 2, stop_after: int | None = None) -> None:
    """What the executor does, in small pieces."""
    work = exports.claim_export(owner)
    assert work is not None
    for number, start in enumerate(range(0, max(len(work.ids), 1), piece)):
        if number == stop_after:
            return
        assert exports.write_piece(owner, work.pk, work.ids[start : start + piece])
    exports.end_export(owner, work.pk)


def fetch(who: Tenant, uid: str) -> bytes:
    response = who.client.get(f"/callgauge/v1/exports/{uid}/download/")
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_row_for_each_call_with_every_outcome_told(alice: Tenant) -> None:
    agent = alice.agent()
    goal = metric_row(alice.project, "Goal", order=0)
    csat = metric_row(alice.project, "CSAT", "continuous_qualitative", order=1)
    rerun = rerun_row(agent, goal, csat)
    good = call_row(agent, "good", success=True, payload={"metadata": '{"tier": "gold"}'})
    odd = call_row(agent, 'odd, "quoted"\nline', customer_number="=1+1")
    call_row(agent, "new")
    result_row(good, goal, rerun, passed=True)
    result_row(good, csat, rerun, number=4.5)
    result_row(odd, goal, rerun, outcome="skipped", reason="not_applicable")
    result_row(odd, csat, rerun, outcome="failed", reason="judge_unavailable")
    asked = ask(alice, agent_id=agent.pk)
    assert (asked["status"], asked["download_url"]) == ("queued", None)
    assert alice.client.get(f"/callgauge/v1/exports/{asked['progress_id']}/download").status_code == 409
    write()
    shown = progress(alice, asked["progress_id"])
    assert (shown["status"], shown["completed"], shown["total"], shown["progress"]) == (
        "completed",
        3,
        3,
        100,
    )
    assert shown["download_url"].endswith(f"/callgauge/v1/exports/{asked['progress_id']}/download/")
    rows = table(fetch(alice, asked["progress_id"]))
    assert [row["call_id"] for row in rows] == ["good", 'odd, "quoted"\nline', "new"]
    assert (rows[0]["Goal"], rows[0]["Goal [outcome]"], rows[0]["CSAT"]) == ("true", "scored", "4.5")
    assert (rows[0]["success"], json.loads(rows[0]["metadata"])) == ("true", {"tier": "gold"})
    assert rows[0]["transcript"].startswith("[00:00]")
    assert (rows[1]["Goal"], rows[1]["Goal [outcome]"]) == ("", "skipped: not_applicable")
    assert rows[1]["CSAT [outcome]"] == "failed: judge_unavailable"
    assert (rows[2]["Goal"], rows[2]["Goal [outcome]"], rows[2]["success"]) == ("", "", "")


def test_parquet_has_types(alice: Tenant) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    agent = alice.agent()
    goal = metric_row(alice.project, "Goal")
    rerun = rerun_row(agent, goal)
    for number in range(5):
        result_row(call_row(agent, f"c{number}"), goal, rerun, passed=number % 2 == 0)
    asked = ask(alice, agent_id=agent.pk, format="parquet")
    write()
    found = parquet.read_table(io.BytesIO(fetch(alice, asked["progress_id"])))
    assert found.column("call_id").to_pylist() == [f"c{number}" for number in range(5)]
    assert found.column("Goal").to_pylist() == [True, False, True, False, True]
    assert str(found.schema.field("timestamp").type) == "timestamp[us, tz=UTC]"


def test_without_pyarrow_it_says_what_to_install(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda name: None)
    response = alice.client.get(ASK, {"format": "parquet"})
    assert response.status_code == 400
    assert "make extra NAME=parquet" in json.loads(response.content)["format"][0]


def test_a_writer_that_dies_is_followed_by_one_that_goes_on(alice: Tenant) -> None:
    agent = alice.agent()
    for number in range(7):
        call_row(agent, f"c{number}")
    asked = ask(alice)
    write("first", stop_after=2)
    assert progress(alice, asked["progress_id"])["completed"] == 4
    assert exports.claim_export("second") is None, "the lease holds"
    CallExport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    call_row(agent, "later")
    write("second")
    late = exports.write_piece("first", CallExport.objects.get().pk, [1])
    assert not late
    assert [row["call_id"] for row in table(fetch(alice, asked["progress_id"]))] == [
        f"c{n}" for n in range(7)
    ]


def test_a_repeated_request_joins(alice: Tenant) -> None:
    call_row(alice.agent(), "c1")
    first = ask(alice)
    assert ask(alice)["progress_id"] == first["progress_id"]
    write()
    assert ask(alice)["progress_id"] == first["progress_id"]
    CallExport.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert ask(alice)["progress_id"] != first["progress_id"]


def test_filters_and_times_choose_the_calls(alice: Tenant) -> None:
    agent = alice.agent()
    now = timezone.now()
    call_row(agent, "old", timestamp=now - timedelta(days=300))
    call_row(agent, "new", success=True)
    call_row(agent, "bad", success=False)
    wanted = json.dumps({"field": "success", "op": "eq", "value": True})
    asked = ask(alice, filters_v2=wanted)
    write()
    assert [row["call_id"] for row in table(fetch(alice, asked["progress_id"]))] == ["new"]
    asked = ask(alice, timestamp_to=(now - timedelta(days=200)).isoformat())
    write()
    assert [row["call_id"] for row in table(fetch(alice, asked["progress_id"]))] == ["old"]
    asked = ask(alice, search="nobody")
    write()
    assert fetch(alice, asked["progress_id"]).startswith(b"id,call_id,")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"format": "xlsx"}, "format"),
        ({"filters_v2": "{"}, "filters_v2"),
        ({"timestamp_from": "soon"}, "timestamp_from"),
        ({"call_ids": "x"}, "call_ids"),
    ],
)
def test_what_cannot_be_exported_is_refused_at_once(alice: Tenant, query: Any, named: str) -> None:
    response = alice.client.get(ASK, query)
    assert (response.status_code, list(json.loads(response.content))) == (400, [named])
    assert not CallExport.objects.exists()


def test_an_export_is_its_projects_alone(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    agent = alice.agent()
    call_row(agent, "c1")
    uid = ask(alice)["progress_id"]
    write()
    assert table(fetch(bob, uid))[0]["call_id"] == "c1"
    assert charlie.client.get(ASK, {"agent_id": agent.pk}).status_code == 404
    missing = "0" * 32
    for name in (uid, missing):
        assert charlie.client.get(PROGRESS, {"progress_id": name}).status_code == 404
        for address in (f"/callgauge/v1/exports/{name}", f"/callgauge/v1/exports/{name}/download"):
            assert charlie.client.get(address).status_code == 404
        assert charlie.client.delete(f"/callgauge/v1/exports/{name}").status_code == 404
    assert json.loads(charlie.client.get("/callgauge/v1/exports/").content)["count"] == 0
    assert json.loads(alice.client.get("/callgauge/v1/exports/").content)["count"] == 1


def test_what_is_over_is_gone(alice: Tenant) -> None:
    call_row(alice.agent(), "c1")
    uid = ask(alice)["progress_id"]
    write()
    CallExport.objects.update(created_at=timezone.now() - errands.KEPT_FOR)
    assert alice.client.get(PROGRESS, {"progress_id": uid}).status_code == 404
    exports.forget_exports()
    assert not ExportPiece.objects.exists()
    again = ask(alice)["progress_id"]
    assert alice.client.delete(f"/callgauge/v1/exports/{again}/").status_code == 204
    assert exports.claim_export("me") is None


def test_a_deleted_call_is_left_out_and_too_many_exports_are_refused(alice: Tenant) -> None:
    agent = alice.agent()
    call_row(agent, "c1")
    uid = ask(alice)["progress_id"]
    work = exports.claim_export("me")
    assert work is not None
    CallLog.objects.update(deleted_at=timezone.now())
    exports.write_piece("me", work.pk, work.ids)
    exports.end_export("me", work.pk)
    assert table(fetch(alice, uid)) == []
    for number in range(exports.MAX_UNFINISHED):
        ask(alice, search=str(number))
    assert alice.client.get(ASK, {"search": "more"}).status_code == 409
    assert CallExport.objects.filter(state=ErrandState.QUEUED).count() == exports.MAX_UNFINISHED

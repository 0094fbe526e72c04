"""The audit log: who, what, when, which, from where; in the transaction of the write; tenants walled."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callgauge.flow import audit
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.retention import set_retention
from callgauge.store.models import ActorKind, AuditEntry, Metric
from tests.audited import AUDITED, EXEMPT, mutating_routes
from tests.calls import make_call, make_metric
from tests.people import People
from tests.server import callgauge
from tests.tenants import Tenant, tenant

PATH = "/callgauge/v1/audit/"
METRICS = "/test_framework/v1/metrics/"
SAID = "rhinoceros"


@pytest.mark.parametrize("route", mutating_routes(), ids=" ".join)
def test_every_route_that_writes_is_audited_or_exempt_for_a_reason(route: tuple[str, str]) -> None:
    """Whatever is listed as audited is held to it by every test of the API: see tests.tenants."""
    assert (route in AUDITED) != (route in EXEMPT), f"{route}: see tests/audited.py"


def test_the_lists_name_no_route_that_is_gone() -> None:
    assert {*AUDITED, *EXEMPT} == set(mutating_routes())


def _entries(alice: Tenant, **query: str) -> list[dict[str, Any]]:
    answer = alice.client.get(PATH, query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_an_entry_says_who_what_when_which_and_from_where(alice: Tenant) -> None:
    body = {
        "name": "Polite",
        "description": f"Is it {SAID}?",
        "type": "llm_judge",
        "eval_type": "binary_qualitative",
    }
    made = alice.client.post(METRICS, {**body, "project": alice.project.pk}, REMOTE_ADDR="192.0.2.7")
    assert made.status_code == 201, made.content
    entry = _entries(alice)[0]
    assert entry["action"] == "metric.created"
    assert entry["actor"] == {"kind": "key", "id": alice.key.pk, "name": alice.key.prefix}
    assert entry["object"] == {"type": "metric", "id": made.json()["id"], "name": "Polite"}
    assert (entry["address"], entry["project"]) == ("192.0.2.7", alice.project.pk)
    assert entry["request_id"] == made.headers["X-Request-ID"]
    assert abs(timezone.now() - AuditEntry.objects.get(pk=entry["id"]).created_at) < timedelta(minutes=1)
    assert SAID not in json.dumps(entry)


def test_a_write_that_is_undone_leaves_no_entry_and_none_is_written_without_one(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = make_metric(alice.project, "Confirms")
    before = AuditEntry.objects.count()
    with transaction.atomic():
        edit_metric(metric, MetricChange(switches={"display_order": 7}))
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == before

    def broken(*_: object) -> None:
        raise RuntimeError("the log cannot be written")

    monkeypatch.setattr(audit, "record_all", broken)
    with pytest.raises(RuntimeError):
        edit_metric(metric, MetricChange(switches={"display_order": 7}))
    assert Metric.objects.get(pk=metric.pk).display_order != 7


def test_what_is_refused_leaves_no_entry(alice: Tenant, charlie: Tenant) -> None:
    metric = make_metric(charlie.project, "Theirs")
    before = AuditEntry.objects.count()
    assert alice.client.patch(f"{METRICS}{metric.pk}/", {"name": "Mine"}).status_code == 404
    assert alice.client.post(METRICS, {"name": ""}).status_code == 400
    assert AuditEntry.objects.count() == before


def test_tenants_are_walls(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    call = make_call(alice.agent(), "one")
    assert alice.client.delete(f"/observability/v1/call-logs/{call.pk}/").status_code == 204
    assert charlie.client.post("/test_framework/v2/aiagents/", {"name": "Theirs"}).status_code == 201
    assert [one["action"] for one in _entries(alice)][:1] == ["call.deleted"]
    assert _entries(bob) == _entries(alice)
    assert {one["project"] for one in _entries(charlie)} == {charlie.project.pk}
    assert alice.client.get(PATH, {"project_id": charlie.project.pk}).status_code == 404
    whole = tenant("Acme", None)
    assert {one["project"] for one in _entries(whole)} <= {alice.project.pk, None}
    assert "call.deleted" in {one["action"] for one in _entries(whole)}


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_only_owners_read_it(alice: Tenant, role: str) -> None:
    type(alice.key).objects.filter(pk=alice.key.pk).update(role=role)
    assert alice.client.get(PATH).status_code == 403


def test_what_can_be_asked_for(alice: Tenant) -> None:
    first, second = make_metric(alice.project, "One"), make_metric(alice.project, "Two")
    alice.client.delete(f"{METRICS}{first.pk}/")
    alice.client.delete(f"{METRICS}{second.pk}/")
    assert [one["object"]["id"] for one in _entries(alice, action="metric.deleted")] == [second.pk, first.pk]
    assert len(_entries(alice, object_type="metric", object_id=str(first.pk))) == 2
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    assert _entries(alice, since=tomorrow) == []
    assert _entries(alice, until="2001-01-01T00:00:00Z") == []
    for query in ({"since": "soon"}, {"object_id": "x"}):
        assert alice.client.get(PATH, query).status_code == 400


def test_reading_costs_the_same_however_many_there_are(
    alice: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        make_metric(alice.project, f"Metric {number}")
    alice.client.get(PATH)
    with django_assert_num_queries(3):
        assert len(_entries(alice)) == 20


def test_a_person_on_a_page_is_named(people: People) -> None:
    call = make_call(_agent(people), "one")
    people.member.client.post(people.path(f"calls/{call.pk}/delete"), REMOTE_ADDR="192.0.2.9")
    entry = AuditEntry.objects.get(action="call.deleted")
    assert (entry.actor_kind, entry.actor_name) == (ActorKind.USER, "bob@example.com")
    assert entry.address == "192.0.2.9"


def _agent(people: People) -> Any:
    from callgauge.store.models import Agent

    return Agent.objects.create(project=people.project, name="Bookings")


def test_one_request_does_not_act_for_the_next(alice: Tenant) -> None:
    with audit.nobody_yet():
        alice.client.get(PATH)
        make_metric(alice.project, "By the server")
    assert AuditEntry.objects.latest("id").actor_kind == ActorKind.SERVER


def test_a_command_is_named_with_the_machines_user(tmp_path: Path) -> None:
    made = callgauge(tmp_path, "key", "create", "--project", "Support", "--json")
    assert made.returncode == 0, made.stderr
    shown = callgauge(tmp_path, "audit", "--project", "Support", "--json")
    (entry,) = [json.loads(line) for line in shown.stdout.splitlines() if "key.created" in line]
    assert entry["actor"]["kind"] == "command"
    assert entry["actor"]["name"].endswith("callgauge key create")
    assert json.loads(made.stdout)["api_key"] not in shown.stdout
    line = callgauge(tmp_path, "audit", "--action", "key.created").stdout
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d  key.created ", line)
    assert callgauge(tmp_path, "audit", "--project", "Nothing").returncode == 1


def test_entries_are_never_changed(alice: Tenant) -> None:
    make_metric(alice.project, "One")
    entry = AuditEntry.objects.latest("id")
    for change in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(action="x"),
        AuditEntry.objects.all().delete,
    ):
        with pytest.raises(TypeError):
            change()


def test_old_entries_go_and_others_stay(alice: Tenant, settings: Any) -> None:
    make_metric(alice.project, "Old")
    make_metric(alice.project, "New")
    old, new = AuditEntry.objects.filter(action="metric.created").order_by("id")
    long_ago = timezone.now() - timedelta(days=400)
    AuditEntry._base_manager.filter(pk=old.pk)._update(
        [(AuditEntry._meta.get_field("created_at"), None, long_ago)]
    )  # type: ignore[attr-defined]
    settings.CALLGAUGE = replace(settings.CALLGAUGE, audit_days=0)
    assert audit.forget_old_entries() == 0
    settings.CALLGAUGE = replace(settings.CALLGAUGE, audit_days=365)
    assert audit.forget_old_entries() == 1
    assert not AuditEntry.objects.filter(pk=old.pk).exists()
    assert AuditEntry.objects.filter(pk=new.pk).exists()


def test_a_rule_about_keeping_calls_is_named_with_its_days(alice: Tenant) -> None:
    set_retention(alice.project, calls_days=30, recordings_days=None)
    assert AuditEntry.objects.get(action="project.retention_set").details == {
        "calls_days": 30,
        "recordings_days": None,
    }

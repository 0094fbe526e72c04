"""`callgauge retention`: shown, set, and asked before anything is deleted."""

from __future__ import annotations

import json
from datetime import timedelta

from django.utils import timezone

from callgauge.store.models import Project
from tests.call_rows import call_row
from tests.cli.conftest import Run
from tests.tenants import Tenant

ACME = ("--organization", "Acme", "--project", "Support")


def kept(alice: Tenant) -> tuple[int | None, int | None]:
    project = Project.objects.get(pk=alice.project.pk)
    return project.keep_calls_days, project.keep_recordings_days


def test_show_and_set(run: Run, alice: Tenant) -> None:
    assert "Calls of Support are kept forever." in run("retention", *ACME).output
    result = run("retention", *ACME, "--calls", 365, "--recordings", 30, "--json")
    assert json.loads(result.stdout)["calls_days"] == 365
    assert kept(alice) == (365, 30)
    assert run("retention", *ACME, "--recordings", "forever").exit_code == 0
    assert kept(alice) == (365, None)


def test_it_asks_before_it_deletes(run: Run, alice: Tenant) -> None:
    call_row(alice.agent(), "old", timestamp=timezone.now() - timedelta(days=40))
    asked = run("retention", *ACME, "--calls", 30)
    assert asked.exit_code == 1
    assert "deletes 1 calls" in asked.output
    assert kept(alice) == (None, None)
    assert "1 are older" in run("retention", *ACME, "--calls", 30, "--yes").output
    assert kept(alice) == (30, None)


def test_what_makes_no_sense(run: Run, alice: Tenant) -> None:
    assert run("retention", "--project", "None").exit_code == 1
    assert run("retention", *ACME, "--calls", "soon").exit_code == 2
    assert run("retention", *ACME, "--calls", 0).exit_code == 1

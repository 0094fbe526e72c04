"""A next version replaces this one while a rerun goes on: tables first, then one process after the other.

The next version is made here: a copy of the package with one more migration that keeps to the rules of
docs/deploy.md, and a model that uses what it adds.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import callgauge
from tests.scaled_out import ScaledOut
from tests.server import callgauge as run
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.services]

CALLS = 300
METRICS = 4

MIGRATION = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index cannot be made concurrently in a transaction
    dependencies = [("store", "0001_initial")]
    operations = [
        migrations.AddField("calllog", "next_mark", models.CharField(max_length=8, db_default="old")),
        migrations.AddField("judgecall", "next_note", models.TextField(null=True)),
        migrations.CreateModel("NextThing", [("id", models.BigAutoField(primary_key=True))]),
        AddIndexConcurrently("calllog", models.Index(fields=["next_mark"], name="calllog_next_mark")),
    ]
"""

MODEL = """

from django.db import models as _models

CallLog.add_to_class("next_mark", _models.CharField(max_length=8, default="next", db_default="old"))
"""


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """What PYTHONPATH has to name, so that the next version runs."""
    place = tmp_path / "next"
    package = place / "callgauge"
    shutil.copytree(Path(callgauge.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "store" / "migrations" / "0002_next.py").write_text(MIGRATION)
    with (package / "store" / "models" / "__init__.py").open("a") as models:
        models.write(MODEL)
    return place


def test_two_versions_work_side_by_side(installation: ScaledOut, next_version: Path) -> None:
    as_next = {"PYTHONPATH": str(next_version)}
    agent_id = installation.set_up(CALLS, METRICS)
    old = installation.add_worker()
    old.ready()
    installation.rerun_all(agent_id)
    wait_until(lambda: len(installation.judge.asked) > 0, within_secs=60, what="the first question")

    with installation.judge.slowly():
        data = installation.server.data_dir
        made = run(data, "migrate", **installation.env, **as_next)
        assert made.returncode == 0, made.stderr
        assert "store.0002_next" in made.stdout + made.stderr
        # An old worker that dies now starts on the new tables; beside it one of the next version.
        old.kill()
        old.start()
        old.ready()
        by_old = installation.observe(agent_id, CALLS)
        new = installation.add_worker(**as_next)
        new.ready()
        assert old.stop() == 0
        assert installation.server.stop() == 0
        installation.server.become(**as_next)
        installation.server.start()
        by_new = installation.observe(agent_id, CALLS + 1)

    installation.wait_done(within_secs=180)
    marks = dict(
        installation.rows(f"SELECT id, next_mark FROM store_calllog WHERE id IN ({by_old}, {by_new})")
    )
    assert marks == {by_old: "old", by_new: "next"}
    assert installation.rows(
        "SELECT total, scored, failed, settled_calls FROM store_rerun WHERE kind = 'rerun'"
    ) == [(CALLS * METRICS, CALLS * METRICS, 0, CALLS)]
    assert installation.rows("SELECT count(*) FROM store_calllog WHERE success IS NULL") == [(0,)]
    assert installation.stored_twice() == 0
    assert installation.server.get(f"/observability/v1/call-logs/{by_old}/")["id"] == by_old

"""A data folder of a real server, moved to PostgreSQL and served from there."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.server import Server, callgauge
from tests.waiting import wait_until

pytestmark = pytest.mark.services

ADMIN = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/test")


@pytest.fixture
def empty() -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    name = f"callgauge_move_{secrets.token_hex(4)}"
    try:
        admin = psycopg.connect(ADMIN, autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        if os.environ.get("TEST_REQUIRE_SERVICES"):
            raise
        pytest.skip(f"no PostgreSQL at TEST_POSTGRESQL_URL: {str(error).splitlines()[0]}")
    with admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{ADMIN.rpartition('/')[0]}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _fill(server: Server) -> int:
    agent_id = int(server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"])
    turns = [{"role": "Main Agent", "content": "Hello, wörld", "start_time": 0, "end_time": 1}]
    for number in range(3):
        call = {
            "agent": agent_id,
            "call_id": f"call-{number}",
            "transcript_type": "cekura",
            "transcript_json": turns,
            "metadata": {"tier": "gold"},
        }
        server.post("/observability/v1/observe/", call)
    code = {"name": "Long", "type": "custom_code", "eval_type": "binary", "custom_code": "_result = True"}
    server.post("/test_framework/v1/metrics/", code)
    server.post("/test_framework/v1/metrics/", code | {"name": "Short"})
    return agent_id


def _rows(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / "callgauge.sqlite3") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in names
            if name.startswith("store_")
        }


def test_everything_is_there_afterwards_and_new_rows_get_new_ids(tmp_path: Path, empty: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with Server(folder) as server:
        server.make_key()
        agent_id = _fill(server)
        wait_until(lambda: not server.rows("SELECT 1 FROM store_rerun WHERE state <> 'done'"))
        before: Any = server.get("/observability/v1/call-logs/?page_size=50")
        key = server.key

    moved = callgauge(folder, "move-database", "--to", empty)
    assert moved.returncode == 0, moved.stderr
    with psycopg.connect(empty) as target:
        noted = "DELETE FROM store_auditentry WHERE action = 'installation.moved' RETURNING details"
        assert target.execute(noted).fetchall() == [({"rows": int(moved.stdout.split()[0])},)]
        for table, count in _rows(folder).items():
            assert target.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (count,), table  # type: ignore[arg-type]

    with Server(folder, CALLGAUGE_DATABASE_URL=empty) as server:
        server.key = key
        after: Any = server.get("/observability/v1/call-logs/?page_size=50")
        assert after["results"] == before["results"]
        more = {"agent": agent_id, "call_id": "new", "transcript_type": "cekura", "transcript_json": []}
        new = server.post("/observability/v1/observe/", more)
        assert new["id"] > max(call["id"] for call in before["results"])


def test_a_database_that_holds_something_is_refused(tmp_path: Path, empty: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with Server(folder) as server:
        server.make_key()
    assert callgauge(folder, "move-database", "--to", empty).returncode == 0
    again = callgauge(folder, "move-database", "--to", empty)
    assert (again.returncode, again.stderr.splitlines()[-1]) == (
        1,
        "Error: The target database holds data already. Give an empty one.",
    )


def test_a_running_server_is_not_moved(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with Server(folder):
        refused = callgauge(folder, "move-database", "--to", "postgresql://postgres@127.0.0.1:1/x")
    assert refused.returncode == 1
    assert "is in use" in refused.stderr


@pytest.mark.parametrize(
    ("url", "word"), [("mysql://a/b", "postgresql://"), ("postgresql://u:p@127.0.0.1:1/x", "cannot be used")]
)
def test_an_address_that_cannot_be_used_is_one_line(tmp_path: Path, url: str, word: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with Server(folder):
        pass
    refused = callgauge(folder, "move-database", "--to", url)
    assert refused.returncode == 1
    assert word in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1

"""PostgreSQL that only reads, and one whose disk is full: refused in words, read all the while, and what a
judge has answered meanwhile is stored once it can be."""

from __future__ import annotations

import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from aiohttp import web

from tests.faults.test_disk_full import CALLS, OBSERVE, fill, make_call, small_disk
from tests.marking_judge import MarkingJudge
from tests.own_services import Postgres
from tests.server import Server
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.services]

DISK_MB = 64
BLOCK_BYTES = 8192
"""As much as PostgreSQL asks for at once."""


class _HeldJudge(MarkingJudge):
    """Answers only while `may_answer` is set."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.may_answer = threading.Event()
        self.may_answer.set()

    async def answer(self, request: web.Request) -> web.Response:
        answer = await super().answer(request)
        await self._loop.run_in_executor(None, self.may_answer.wait, 60)
        return answer


@pytest.fixture
def judge() -> Iterator[_HeldJudge]:
    judge = _HeldJudge()
    judge.start()
    yield judge
    judge.may_answer.set()
    judge.stop()


@pytest.fixture
def disk() -> Iterator[Path]:
    """Not in pytest's folder, which only its owner may enter: PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="callgauge-disk-"))
    try:
        with small_disk(folder, DISK_MB) as place:
            yield place
    finally:
        folder.rmdir()


@pytest.fixture
def database(disk: Path) -> Iterator[Postgres]:
    database = Postgres(data_below=disk)
    database.start()
    yield database
    database.remove()


def test_nothing_accepted_is_lost_and_it_recovers_by_itself(
    disk: Path, database: Postgres, judge: _HeldJudge, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    with Server(
        tmp_path / "data",
        CALLGAUGE_DATABASE_URL=database.url,
        CALLGAUGE_JUDGE="openai:marking",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
    ) as server:
        server.make_key()
        agent = server.post("/test_framework/v2/aiagents/", {"name": "Agent"})["id"]
        metric = {"name": "Polite", "description": "question-1?", "type": "llm_judge", "agent": agent}
        server.post("/test_framework/v1/metrics/", {**metric, "eval_type": "binary_qualitative"})
        _only_reads_for_a_while(database, judge, server, agent)
        with _no_room_left(disk):
            taken, status = fill(server, agent, 1)
            assert status == 507
            _is_read(server, calls=taken + 1)
        wait_until(lambda: server.request("POST", OBSERVE, make_call(9_000, agent))[0] == 201)
        _everything_is_there_once(database, judge, calls=taken + 2)


@contextmanager
def _no_room_left(disk: Path) -> Iterator[None]:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(BLOCK_BYTES))
    yield
    ballast.unlink()


def _only_reads_for_a_while(database: Postgres, judge: _HeldJudge, server: Server, agent: int) -> None:
    judge.may_answer.clear()
    server.post(OBSERVE, make_call(0, agent))
    wait_until(lambda: len(judge.asked) == 1, what="the question")
    _set_read_only(database, "on")
    judge.may_answer.set()  # what it says now cannot be stored
    status, answer = server.request("POST", OBSERVE, make_call(1, agent))
    assert (status, "only be read" in answer["detail"]) == (503, True), answer
    _is_read(server, calls=1)
    assert "only be read" in server.get("/readyz")["status"]
    waits = "cannot be written, trying again"
    wait_until(lambda: waits in (server.data_dir.parent / "server.log").read_text(), what="a try to store")
    _set_read_only(database, "off")
    wait_until(lambda: server.get("/readyz") == {"status": "ready"}, what="readiness")
    _everything_is_there_once(database, judge, calls=1)


def _set_read_only(database: Postgres, value: str) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")
    wait_until(lambda: _rows(database, "SHOW default_transaction_read_only") == [(value,)])


def _is_read(server: Server, *, calls: int) -> None:
    assert server.get(CALLS)["count"] == calls
    assert server.request("GET", "/readyz")[0] == 200
    with urllib.request.urlopen(f"{server.url}/sign-in", timeout=30) as page:
        assert page.status == 200


def _everything_is_there_once(database: Postgres, judge: _HeldJudge, *, calls: int) -> None:
    done = "SELECT count(*) FROM store_rerun WHERE state <> 'done'"
    wait_until(lambda: _rows(database, done) == [(0,)], within_secs=120, what="the end of all work")
    results = _rows(database, "SELECT outcome, count(*) FROM store_metricresult GROUP BY outcome")
    assert results == [("scored", calls)]
    orders = [order for order, _ in judge.asked]
    assert len(orders) == len(set(orders)), "a question was paid twice"


def _rows(database: Postgres, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]

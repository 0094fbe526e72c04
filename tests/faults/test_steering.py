"""kill -9 around pause, resume, the money cap and cancel: nothing is lost and nothing is paid twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from callgauge.flow.selection import RESET_AT_ONCE
from tests.faults.test_kill import observe
from tests.marking_judge import MarkingJudge
from tests.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

CALLS, METRICS, AT_ONCE = 120, 2, 8
EACH_USD = 110 / 1e6
RERUNS = "/callgauge/v1/reruns"


@pytest.fixture
def judge() -> Iterator[MarkingJudge]:
    judge = MarkingJudge()
    judge.start()
    yield judge
    judge.stop()


@pytest.fixture
def server(tmp_path: Path, judge: MarkingJudge) -> Iterator[Server]:
    (tmp_path / "data").mkdir()
    server = Server(
        tmp_path / "data",
        CALLGAUGE_JUDGE="openai:marking",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
        CALLGAUGE_JUDGE_CONCURRENCY=str(AT_ONCE),
        CALLGAUGE_JUDGE_PRICES="openai:marking=1/1",
    )
    with server:
        server.make_key()
        yield server


def test_steering_survives_kills(server: Server, judge: MarkingJudge) -> None:
    agent_id = server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"]
    for number in range(CALLS):
        observe(server, agent_id, number)
    for number in range(METRICS):
        asked = {"name": f"M{number}", "type": "llm_judge", "eval_type": "binary"}
        server.post("/test_framework/v1/metrics/", {**asked, "description": f"question-{number}?"})

    body = {"agent_id": agent_id, "call_logs": "all", "max_cost_usd": 60 * EACH_USD}
    item = f"{RERUNS}/{server.post(f'{RERUNS}/', body)['id']}"
    wait_until(lambda: len(judge.asked) > 10, what="the first questions")
    assert server.post(f"{item}/pause/", {})["state"] == "paused"
    server.kill()
    asked = len(judge.asked)
    server.start()
    assert server.get(f"{item}/")["state"] == "paused"
    server.post(f"{item}/resume/", {})
    server.kill()
    server.start()
    wait_until(lambda: server.get(f"{item}/")["pause_reason"] == "budget", what="the cap")
    server.kill()
    # Two kills may each have lost the answers that were on their way; they are asked again.
    assert asked < len(judge.asked) < 60 + 3 * AT_ONCE
    server.start()
    assert server.get(f"{item}/")["cost_usd"] < (60 + AT_ONCE) * EACH_USD
    before = len(judge.asked)
    server.post(f"{item}/resume/", {"max_cost_usd": 1})
    wait_until(lambda: len(judge.asked) > before + 20, what="progress")
    assert server.post(f"{item}/cancel/", {})["state"] == "cancelled"
    server.kill()
    server.start()
    owed = "SELECT count(*) FROM store_calllog WHERE pending_rerun_id IS NOT NULL"
    wait_until(lambda: server.rows(owed) == [(0,)], what="every call to be decided")
    assert server.get(f"{item}/")["state"] == "cancelled"
    assert len(judge.asked) - len(set(judge.asked)) <= 3 * AT_ONCE
    done = server.rows("SELECT count(*) FROM store_judgecall WHERE state = 'done'")[0][0]
    assert done >= len(set(judge.asked)) - 2 * AT_ONCE


def test_planning_survives_kills(server: Server, judge: MarkingJudge) -> None:
    """A selection too large to be cut into pieces at once: each call is in one piece at the end, and in one
    only, wherever the server was killed."""
    agent_id = server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"]
    observe(server, agent_id, 1)
    asked = {"name": "M", "type": "llm_judge", "eval_type": "binary", "description": "question-1?"}
    server.post("/test_framework/v1/metrics/", asked)
    server.stop()
    many = RESET_AT_ONCE + 30_000
    with closing(sqlite3.connect(server.data_dir / "callgauge.sqlite3")) as database, database:
        for table, key in (("store_calllog", "id"), ("store_callpayload", "call_id")):
            _repeat_row(database, table, key, many)
    server.start()
    started = server.post(f"{RERUNS}/", {"agent_id": agent_id, "call_logs": "all"})
    assert started["planned"] is False
    ours = f"SELECT planned_through, planned_at FROM store_rerun WHERE id = {started['id']}"
    killed_at = [0]
    for _ in range(3):
        wait_until(lambda: server.rows(ours)[0][0] > killed_at[-1], what="planning")
        server.kill()
        through, planned_at = server.rows(ours)[0]
        assert planned_at is None, "it was killed too late to say anything"
        killed_at.append(through)
        server.start()
    wait_until(lambda: server.rows(ours)[0][1] is not None, within_secs=120, what="the plan")
    assert server.post(f"{RERUNS}/{started['id']}/cancel/", {})["state"] == "cancelled"
    chunks = "SELECT call_ids FROM store_chunk WHERE kind = 'evaluate' AND rerun_id = " + str(started["id"])
    planned = [pk for (ids,) in server.rows(chunks) for pk in json.loads(ids)]
    every = [pk for (pk,) in server.rows("SELECT id FROM store_calllog")]
    assert sorted(planned) == sorted(every)
    assert len(planned) == server.get(f"{RERUNS}/{started['id']}/")["total_calls"] == many + 1


def _repeat_row(database: sqlite3.Connection, table: str, key: str, times: int) -> None:
    """Copies of a table's first row under the next numbers."""
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = [
        f"{key} + n.i"
        if name == key
        else "'bulk-' || n.i"
        if (table, name) == ("store_calllog", "call_id")
        else name
        for name in columns
    ]
    database.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table}, n "
        f"WHERE {key} = (SELECT min({key}) FROM {table})"
    )

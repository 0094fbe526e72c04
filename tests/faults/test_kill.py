"""kill -9 at random moments of a rerun: nothing accepted is lost, nothing stored is asked for again."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.marking_judge import MarkingJudge
from tests.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

CALLS = 500
METRICS = 4
KILLS = 10
ANSWER_SECS = 0.1
SEED = 20261123


@pytest.fixture
def judge() -> Iterator[MarkingJudge]:
    judge = MarkingJudge(ANSWER_SECS)
    judge.start()
    yield judge
    judge.stop()


@pytest.fixture
def server(tmp_path: Path, judge: MarkingJudge) -> Iterator[Server]:
    server = Server(
        tmp_path / "data",
        CALLGAUGE_JUDGE="openai:marking",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
        CALLGAUGE_JUDGE_CONCURRENCY="16",
    )
    (tmp_path / "data").mkdir()
    with server:
        server.make_key()
        yield server


def observe(server: Server, agent_id: int, number: int) -> int:
    turns = [
        {"role": "Testing Agent", "content": f"It is about order-{number}.", "start_time": 0, "end_time": 2},
        {"role": "Main Agent", "content": "Your order is on its way.", "start_time": 3, "end_time": 5},
    ]
    body = {
        "agent": agent_id,
        "call_id": f"call-{number}",
        "transcript_type": "cekura",
        "transcript_json": turns,
    }
    status, answer = server.request("POST", "/observability/v1/observe/", body)
    assert status == 201, answer
    return int(answer["id"])


def answered(server: Server) -> set[tuple[str, str]]:
    answers = server.rows("SELECT answer FROM store_judgecall WHERE state = 'done'")
    marks = [json.loads(answer)["explanation"][0].split() for (answer,) in answers]
    return {(order, question) for order, question in marks}


def test_ten_kills_lose_nothing_and_repeat_nothing(server: Server, judge: MarkingJudge) -> None:
    rng = random.Random(SEED)
    agent_id = server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"]
    for number in range(CALLS):
        observe(server, agent_id, number)
    for number in range(METRICS):
        body = {
            "name": f"M{number}",
            "type": "llm_judge",
            "eval_type": "binary",
            "description": f"question-{number}?",
        }
        server.post("/test_framework/v1/metrics/", body)
    rerun = {"agent_id": agent_id, "call_logs": "all"}
    assert len(server.post("/observability/v1/call-logs/rerun_evaluation/", rerun)) == CALLS
    wait_until(lambda: len(judge.asked) > 0, what="the first question")

    kept: list[tuple[int, set[tuple[str, str]]]] = []
    accepted: list[int] = []
    for number in range(KILLS):
        before = len(judge.asked)
        wanted = before + rng.randint(5, 120)
        wait_until(lambda wanted=wanted: len(judge.asked) >= wanted, within_secs=20, what="progress")
        accepted.append(observe(server, agent_id, CALLS + number))
        server.kill()
        kept.append((len(judge.asked), answered(server)))
        server.start()
        asked = len(judge.asked)
        wait_until(lambda asked=asked: len(judge.asked) > asked, within_secs=5, what="work resumed")

    live = len(accepted)
    wait_until(
        lambda: server.rows("SELECT count(*) FROM store_rerun WHERE state <> 'done'") == [(0,)],
        within_secs=120,
        what="the rerun's end",
    )
    stored = Counter(server.rows("SELECT call_id, version_id, rerun_id FROM store_metricresult"))
    assert set(stored.values()) == {1}
    current = server.rows("SELECT count(*) FROM store_metricresult WHERE is_current AND outcome = 'scored'")
    assert current == [((CALLS + live) * METRICS,)]
    for asked_by_then, answered_by_then in kept:
        repeated = answered_by_then & set(judge.asked[asked_by_then:])
        assert not repeated
    assert {row[0] for row in server.rows("SELECT id FROM store_calllog")} >= set(accepted)
    undecided = server.rows("SELECT count(*) FROM store_calllog WHERE success IS NULL")
    assert undecided == [(0,)]
    rerun_rows: list[Any] = server.rows(
        "SELECT total, scored, skipped, failed, settled_calls FROM store_rerun WHERE kind = 'rerun'"
    )
    assert rerun_rows == [(CALLS * METRICS, CALLS * METRICS, 0, 0, CALLS)]

"""kill -9 around pause, resume, the money cap and cancel: nothing is lost and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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

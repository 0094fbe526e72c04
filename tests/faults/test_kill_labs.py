"""kill -9 while a draft is held to people's answers: no answer that was stored is asked for again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_kill import answered, observe
from tests.marking_judge import MarkingJudge
from tests.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
CALLS = 60
KILLS = 4
SEED = 20261125


@pytest.fixture
def judge() -> Iterator[MarkingJudge]:
    judge = MarkingJudge(0.4)  # slow enough to be killed four times before all is asked
    judge.start()
    yield judge
    judge.stop()


@pytest.fixture
def server(tmp_path: Path, judge: MarkingJudge) -> Iterator[Server]:
    (tmp_path / "data").mkdir()
    server = Server(tmp_path / "data", CALLGAUGE_JUDGE="openai:marking", CALLGAUGE_JUDGE_BASE_URL=judge.url)
    with server:
        server.make_key()
        yield server


def test_what_was_answered_is_not_paid_for_again(server: Server, judge: MarkingJudge) -> None:
    agent = server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"]
    ask = {"type": "llm_judge", "eval_type": "binary", "description": "question-1?"}
    metric = server.post("/test_framework/v1/metrics/", {"name": "M", **ask})["id"]
    calls = [observe(server, agent, number) for number in range(CALLS)]
    wait_until(
        lambda: server.rows("SELECT count(*) FROM store_metricresult") == [(CALLS,)], what="first results"
    )
    for call in calls:
        vote = {"metric_id": metric, "thumbs_up": None, "expected_value": False, "feedback": ""}
        server.post(f"/observability/v1/call-logs/{call}/mark_metric_vote", vote)
    before = len(judge.asked)
    path = f"/test_framework/v1/metrics/{metric}/run_reviews"
    uid = server.post(path, {"description": "question-2?"})["progress_id"]
    rng = random.Random(SEED)
    kept = []
    for _ in range(KILLS):
        wanted = len(judge.asked) + rng.randint(2, 12)
        wait_until(lambda wanted=wanted: len(judge.asked) >= wanted, what="progress")
        server.kill()
        kept.append((len(judge.asked), answered(server)))
        server.start()
    progress = f"/test_framework/v1/metrics/run_reviews_progress?progress_id={uid}"
    wait_until(lambda: server.get(progress)["status"] == "completed", what="the end")
    found = server.get(progress)
    assert found["progress"] == {"done": CALLS, "total": CALLS}
    assert len(found["review_results"]) == CALLS
    assert (found["failed"], found["old_score"], found["new_score"]) == (0, 0.0, 0.0)
    for asked_by_then, answered_by_then in kept:
        assert not answered_by_then & set(judge.asked[asked_by_then:])
    # At most what was under way at each kill was sent twice.
    assert CALLS <= len(judge.asked) - before <= CALLS + KILLS * 8

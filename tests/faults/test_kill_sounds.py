"""kill -9 while judges listen: each question ends answered once, and none that is stored is asked again."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listening_judge import ListeningJudge
from tests.recordings import wav
from tests.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

CALLS = 12
METRICS = 3
KILLS = 3
ANSWER_SECS = 1.0


@pytest.fixture
def judge() -> Iterator[ListeningJudge]:
    judge = ListeningJudge(answer_secs=ANSWER_SECS, refuse_first=(429, 500, 503))
    judge.start()
    yield judge
    judge.stop()


@pytest.fixture
def server(tmp_path: Path, judge: ListeningJudge) -> Iterator[Server]:
    server = Server(
        tmp_path / "data",
        CALLGAUGE_JUDGE="openai:gpt-audio",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
        CALLGAUGE_JUDGE_CONCURRENCY="4",
    )
    (tmp_path / "data").mkdir()
    with server:
        server.make_key()
        yield server


def observe(server: Server, agent_id: int, number: int) -> None:
    """With a recording of its own."""
    recording = wav(((0.5, 2.0),), ((2.5, 3.0 + number / 10),))
    turns = [{"role": "Main Agent", "content": f"This is order-{number}.", "start_time": 0.5, "end_time": 2}]
    fields = {
        "agent": str(agent_id),
        "call_id": f"call-{number}",
        "transcript_type": "cekura",
        "transcript_json": json.dumps(turns),
    }
    mark = hashlib.sha256(recording).hexdigest()
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="voice_recording"; filename="a.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    body = b"".join(parts) + head.encode() + recording + f"\r\n--{mark}--\r\n".encode()
    headers = {
        "X-CEKURA-API-KEY": server.key,
        "Content-Type": f"multipart/form-data; boundary={mark}",
    }
    request = urllib.request.Request(
        f"{server.url}/observability/v1/observe/", data=body, method="POST", headers=headers
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 201


def stored(server: Server) -> set[str]:
    return {row[0] for row in server.rows("SELECT key FROM store_judgecall WHERE state = 'done'")}


def test_kills_while_judges_listen(server: Server, judge: ListeningJudge) -> None:
    agent_id = server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"]
    for number in range(METRICS):
        body = {
            "name": f"M{number}",
            "type": "llm_judge",
            "eval_type": "binary",
            "description": f"question-{number}: is it heard?",
            "audio_enabled": True,
        }
        server.post("/test_framework/v1/metrics/", body)
    for number in range(CALLS):
        observe(server, agent_id, number)
    for _ in range(KILLS):
        before = len(stored(server))
        wait_until(
            lambda before=before: before + 5 < len(stored(server)), within_secs=60, what="a few answers"
        )
        server.kill()
        known, asked = stored(server), len(judge.asked)
        server.start()
        wait_until(lambda asked=asked: len(judge.asked) > asked, within_secs=60, what="work resumed")
        assert known <= stored(server)
    wait_until(
        lambda: server.rows("SELECT count(*) FROM store_rerun WHERE state <> 'done'") == [(0,)],
        within_secs=120,
        what="the end",
    )
    outcomes = server.rows("SELECT outcome, reason, count(*) FROM store_metricresult GROUP BY 1, 2")
    assert outcomes == [("scored", "", CALLS * METRICS)]
    assert len(stored(server)) == CALLS * METRICS
    assert all(one.sound is not None for one in judge.asked)
    assert len({one.sound for one in judge.asked}) == CALLS, "each call's own recording, the same each time"
    # Only what was under way at a kill, and the three refusals, were asked more than once.
    assert len(judge.asked) <= CALLS * METRICS + KILLS * 4 + 3

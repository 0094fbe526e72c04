"""The real server beside a judge that misbehaves, stopped in mid-work, and started where it cannot run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.chat_server import ChatServer
from tests.server import Server, callgauge
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.faults

CALLS = 4
TIMEOUT_SECS = round(max(1, PATIENCE))
DEADLINE_SECS, HTTP_TRIES, REASKS = 12 * TIMEOUT_SECS, 3, 1
RETRY_AFTER_SECS = 1
SILENCE_SECS = round(60 * PATIENCE)
UNFINISHED = "SELECT count(*) FROM store_rerun WHERE state <> 'done'"
Answer = Callable[[web.Request, int], Awaitable[web.StreamResponse]]
"""From a request and how often its question was asked before."""


def _reply(content: Any) -> web.Response:
    text = content if isinstance(content, str) else json.dumps(content)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return web.json_response({"model": "faulty", "choices": [choice], "usage": usage})


def _sound() -> web.Response:
    return _reply({"evidence": [], "explanation": ["It was said."], "applicable": True, "value": True})


def _refuse(status: int, words: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": words}}, status=status, headers=headers)


async def _sound_always(request: web.Request, before: int) -> web.StreamResponse:
    return _sound()


async def _patience_once(request: web.Request, before: int) -> web.StreamResponse:
    return _sound() if before else _refuse(429, "slow down", {"Retry-After": str(RETRY_AFTER_SECS)})


async def _patience_always(request: web.Request, before: int) -> web.StreamResponse:
    return _refuse(429, "slow down", {"Retry-After": str(RETRY_AFTER_SECS)})


async def _patience_for_an_hour(request: web.Request, before: int) -> web.StreamResponse:
    return _refuse(429, "come back later", {"Retry-After": "3600"})


async def _fault_once(request: web.Request, before: int) -> web.StreamResponse:
    return _sound() if before else _refuse(500, "out of order")


async def _fault_always(request: web.Request, before: int) -> web.StreamResponse:
    return _refuse(500, "out of order")


async def _garbage(request: web.Request, before: int) -> web.StreamResponse:
    return web.Response(text="<html>Welcome to nginx!</html>", content_type="text/html")


async def _bytes(request: web.Request, before: int) -> web.StreamResponse:
    return web.Response(body=bytes(range(256)) * 40, content_type="application/json")


async def _prose(request: web.Request, before: int) -> web.StreamResponse:
    return _reply("I would say that this went rather well.")


async def _prose_once(request: web.Request, before: int) -> web.StreamResponse:
    return _sound() if before else _reply("Certainly! Here is the answer: {")


async def _wrong_schema(request: web.Request, before: int) -> web.StreamResponse:
    return _reply({"verdict": "yes", "score": 11})


async def _wrong_value(request: web.Request, before: int) -> web.StreamResponse:
    return _reply({"evidence": [], "explanation": ["It was said."], "applicable": True, "value": "purple"})


async def _silence(request: web.Request, before: int) -> web.StreamResponse:
    await asyncio.sleep(SILENCE_SECS)
    return _sound()


async def _hang_up(request: web.Request, before: int) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return _sound()


async def _no_key(request: web.Request, before: int) -> web.StreamResponse:
    return _refuse(401, "the key is wrong")


async def _slow(request: web.Request, before: int) -> web.StreamResponse:
    await asyncio.sleep(0.2)
    return _sound()


@dataclass(frozen=True, slots=True)
class Case:
    """How the judge behaves, and what must come of each result."""

    answer: Answer
    reason: str = ""
    """Empty: scored."""
    asked: int = 1
    """Requests for each question."""
    words: str = ""
    """What the explanation of a failure must say."""
    retryable: bool = True


UNAVAILABLE, INVALID = "judge_unavailable", "judge_invalid_answer"
CASES: dict[str, Case] = {
    "patience-once": Case(_patience_once, asked=2),
    "fault-once": Case(_fault_once, asked=2),
    "prose-once": Case(_prose_once, asked=2),
    "fault-always": Case(_fault_always, UNAVAILABLE, HTTP_TRIES, "out of order"),
    "garbage": Case(_garbage, UNAVAILABLE, HTTP_TRIES, "malformed_reply"),
    "bytes": Case(_bytes, UNAVAILABLE, HTTP_TRIES, "malformed_reply"),
    "prose": Case(_prose, INVALID, 1 + REASKS, "no usable answer"),
    "wrong-schema": Case(_wrong_schema, INVALID, 1 + REASKS, "no usable answer"),
    "wrong-value": Case(_wrong_value, INVALID, 1 + REASKS, "purple"),
    "silence": Case(_silence, UNAVAILABLE, HTTP_TRIES, "timeout"),
    "hang-up": Case(_hang_up, UNAVAILABLE, HTTP_TRIES, "connection"),
    "no-key": Case(_no_key, "judge_refused", 1, "the key is wrong", retryable=False),
}
# A pause that a provider asks for holds for all its questions, so these get reruns of their own.
PAUSES: dict[str, Case] = {
    "patience-always": Case(_patience_always, UNAVAILABLE, HTTP_TRIES, "slow down"),
    "patience-for-an-hour": Case(_patience_for_an_hour, UNAVAILABLE, 1, "deadline"),
}


class FaultyJudge(ChatServer):
    """Answers by the kind that the metric's description names; `kinds` may be changed while it runs."""

    def __init__(self) -> None:
        super().__init__(handler_cancellation=True, shutdown_timeout=0.1)
        self.kinds: dict[str, Answer] = {name: case.answer for name, case in (CASES | PAUSES).items()}
        self.asked: dict[tuple[str, str], list[float]] = {}
        """When each question of a call came in."""

    @property
    def requests(self) -> int:
        return sum(len(times) for times in list(self.asked.values()))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        order, kind = re.search(r"order-\d+", text), re.search(r"kind=([a-z-]+)", text)
        assert order is not None
        assert kind is not None
        times = self.asked.setdefault((order[0], kind[1]), [])
        times.append(time.monotonic())
        return await self.kinds[kind[1]](request, len(times) - 1)


@pytest.fixture
def judge() -> Iterator[FaultyJudge]:
    judge = FaultyJudge()
    judge.start()
    yield judge
    judge.stop()


@pytest.fixture
def server(tmp_path: Path, judge: FaultyJudge) -> Iterator[Server]:
    (tmp_path / "data").mkdir()
    server = Server(
        tmp_path / "data",
        CALLGAUGE_JUDGE="openai:faulty",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
        CALLGAUGE_JUDGE_CONCURRENCY="64",
        CALLGAUGE_JUDGE_TIMEOUT_SECS=str(TIMEOUT_SECS),
        CALLGAUGE_JUDGE_DEADLINE_SECS=str(DEADLINE_SECS),
        CALLGAUGE_JUDGE_HTTP_TRIES=str(HTTP_TRIES),
        CALLGAUGE_JUDGE_REASKS=str(REASKS),
        CALLGAUGE_JUDGE_OUTAGE_SECS="0",
    )
    with server:
        server.make_key()
        yield server


def _add_calls(server: Server, count: int) -> int:
    """Before there are metrics, so that nothing is evaluated yet."""
    agent_id = int(server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"])
    for number in range(count):
        turns = [{"role": "Testing Agent", "content": f"It is about order-{number}.", "start_time": 0}]
        body = {"agent": agent_id, "call_id": f"call-{number}", "transcript_json": turns}
        server.post("/observability/v1/observe/", body | {"transcript_type": "cekura"})
    wait_until(lambda: server.rows(UNFINISHED) == [(0,)], what="the calls' own evaluation")
    return agent_id


def _add_metric(server: Server, kind: str) -> int:
    body = {"name": kind, "type": "llm_judge", "eval_type": "binary", "description": f"kind={kind}?"}
    return int(server.post("/test_framework/v1/metrics/", body)["id"])


def _rerun(server: Server, agent_id: int, metric_ids: list[int]) -> None:
    body = {"agent_id": agent_id, "call_logs": "all", "metrics": metric_ids}
    server.post("/observability/v1/call-logs/rerun_evaluation/", body)


def _ended(server: Server) -> tuple[int, int, int]:
    """What the last rerun counted as scored, skipped and failed when it was done."""
    wait_until(lambda: server.rows(UNFINISHED) == [(0,)], within_secs=45, what="the rerun's end")
    ((scored, skipped, failed),) = server.rows(
        "SELECT scored, skipped, failed FROM store_rerun ORDER BY id DESC LIMIT 1"
    )
    return scored, skipped, failed


def test_every_fault_of_a_judge_ends_as_the_right_result(server: Server, judge: FaultyJudge) -> None:
    agent_id = _add_calls(server, CALLS)
    metrics = {kind: _add_metric(server, kind) for kind in CASES}
    _rerun(server, agent_id, list(metrics.values()))
    failing = sum(bool(case.reason) for case in CASES.values())
    assert _ended(server) == (CALLS * (len(CASES) - failing), 0, CALLS * failing)

    asked = Counter(dict.fromkeys(CASES, 0))
    for (_, kind), times in judge.asked.items():
        asked[kind] += len(times)
    assert asked == {kind: CALLS * case.asked for kind, case in CASES.items()}
    for times in (times for (_, kind), times in judge.asked.items() if kind == "patience-once"):
        assert times[1] - times[0] >= RETRY_AFTER_SECS

    for call in server.get("/observability/v1/call-logs/")["results"]:
        rows = server.get(f"/observability/v1/call-logs/{call['id']}")["evaluation"]["metrics"]
        assert {row["name"] for row in rows} == set(CASES)
        for row in rows:
            case = CASES[row["name"]]
            if not case.reason:
                assert (row["passed"], row["extra"]["outcome"]) == (True, "scored")
                continue
            assert (row["passed"], row["score"], row["extra"]["outcome"]) == (None, None, "failed")
            assert (row["extra"]["code"], row["extra"]["retryable"]) == (case.reason, case.retryable)
            assert case.words in " ".join(row["explanation"])

    # The provider has recovered: another rerun measures what failed.
    judge.kinds = dict.fromkeys(CASES, _sound_always)
    _rerun(server, agent_id, list(metrics.values()))
    assert _ended(server) == (CALLS * len(CASES), 0, 0)


@pytest.mark.parametrize("kind", PAUSES)
def test_a_judge_that_only_asks_for_patience_is_given_up(
    server: Server, judge: FaultyJudge, kind: str
) -> None:
    agent_id = _add_calls(server, 1)
    _rerun(server, agent_id, [_add_metric(server, kind)])
    assert _ended(server) == (0, 0, 1)
    assert judge.requests == PAUSES[kind].asked
    ((reason, explanation),) = server.rows("SELECT reason, explanation FROM store_metricresult")
    assert reason == PAUSES[kind].reason
    assert PAUSES[kind].words in explanation


def test_sigterm_in_mid_rerun_hands_the_work_back(server: Server, judge: FaultyJudge) -> None:
    judge.kinds["slow"] = _slow
    calls, metrics = 400, 2
    agent_id = _add_calls(server, calls)
    judge.kinds["slow-too"] = _slow
    _rerun(server, agent_id, [_add_metric(server, "slow"), _add_metric(server, "slow-too")])
    wait_until(lambda: judge.requests >= 20, what="the first questions")

    assert server.stop(timeout_secs=8.0) == 0
    assert judge.requests < calls * metrics
    # What was under way was carried to its end, and nobody holds a chunk any more.
    assert server.rows("SELECT count(*) FROM store_judgecall WHERE state = 'done'") == [(judge.requests,)]
    assert server.rows("SELECT count(*) FROM store_chunk WHERE state = 'leased'") == [(0,)]

    server.start()
    assert _ended(server) == (calls * metrics, 0, 0)
    assert {len(times) for times in judge.asked.values()} == {1}


def test_sigterm_does_not_wait_for_a_silent_judge(tmp_path: Path, judge: FaultyJudge) -> None:
    (tmp_path / "data").mkdir()
    judge.kinds["silent"] = _silence
    waiting = Server(
        tmp_path / "data",
        CALLGAUGE_JUDGE="openai:faulty",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
        CALLGAUGE_JUDGE_TIMEOUT_SECS=str(2 * SILENCE_SECS),
    )
    with waiting as server:
        server.make_key()
        agent_id = _add_calls(server, CALLS)
        _rerun(server, agent_id, [_add_metric(server, "silent")])
        wait_until(lambda: judge.requests == CALLS, what="the questions")
        assert server.stop(timeout_secs=20.0) == 0
        judge.kinds["silent"] = _sound_always
        server.start()
        assert _ended(server) == (CALLS, 0, 0)


def test_signals_that_follow_do_not_cut_the_hand_back_short(server: Server, judge: FaultyJudge) -> None:
    judge.kinds["slow"] = _slow
    agent_id = _add_calls(server, 40)
    _rerun(server, agent_id, [_add_metric(server, "slow")])
    wait_until(lambda: judge.requests >= 10, what="the first questions")
    os.kill(server.pid, signal.SIGTERM)
    for _ in range(3):
        os.kill(server.pid, signal.SIGINT)
        os.kill(server.pid, signal.SIGTERM)
    assert server.stop(timeout_secs=15.0) == 0
    assert server.rows("SELECT count(*) FROM store_judgecall WHERE state = 'done'") == [(judge.requests,)]
    assert server.rows("SELECT count(*) FROM store_chunk WHERE state = 'leased'") == [(0,)]


def test_a_server_that_starts_in_an_outage_waits_for_its_end(server: Server, judge: FaultyJudge) -> None:
    judge.kinds |= {"well": _sound_always, "away": _fault_always}
    agent_id = _add_calls(server, CALLS)
    _rerun(server, agent_id, [_add_metric(server, "well")])
    assert _ended(server) == (CALLS, 0, 0)
    answered = "SELECT count(*) FROM store_provideranswered"
    wait_until(lambda: server.rows(answered) == [(1,)], what="it being written down that the judge answers")
    server.become(CALLGAUGE_JUDGE_OUTAGE_SECS="900", CALLGAUGE_JUDGE_HTTP_TRIES="5")
    server.kill()
    server.start()
    _rerun(server, agent_id, [_add_metric(server, "away")])
    log = server.data_dir.parent / "server.log"
    wait_until(lambda: "answers nobody" in log.read_text(), what="the questions to wait")
    judge.kinds["away"] = _sound_always
    assert _ended(server) == (CALLS, 0, 0)


# --- a start that cannot be ------------------------------------------------------------------------------


def _refused(folder: Path, *args: str, **env: str) -> str:
    """The one line in which `serve` says why it does not start."""
    ended = callgauge(folder, "serve", *args, **env)
    assert ended.returncode == 1, (ended.stdout, ended.stderr)
    assert ended.stdout == ""
    (line,) = ended.stderr.strip().splitlines()
    return line


def test_a_data_folder_in_use_is_refused(server: Server) -> None:
    line = _refused(server.data_dir, "--port", "0")
    assert str(server.data_dir) in line
    assert f"in use by process {server.pid}" in line
    assert server.get("/healthz") == {"status": "ok"}


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Cannot listen on 127.0.0.1:{port}" in _refused(tmp_path / "data", "--port", str(port))


def test_a_host_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "Cannot listen on" in _refused(tmp_path / "data", "--port", "0", "--host", "nowhere.invalid")


BAD_SETTINGS = {
    "MAX_BODY_MB": "0",
    "LOG_LEVEL": "loud",
    "RERUN_RATE": "fast",
    "JUDGE_INTERRUPTED": "ask",
    "JUDGE": "openai",
    "JUDGE_BASE_URL": "ftp://127.0.0.1",
    "JUDGE_API_KEY_FILE": "/nowhere/key",
    "DATABASE_URL": "mysql://127.0.0.1/calls",
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    env = {"CALLGAUGE_JUDGE": "openai:faulty", f"CALLGAUGE_{name}": BAD_SETTINGS[name]}
    line = _refused(tmp_path / "data", "--port", "0", **env)
    assert "CALLGAUGE_" + name.removesuffix("_BASE_URL").removesuffix("_FILE") in line


def test_several_bad_settings_are_named_in_a_line_each(tmp_path: Path) -> None:
    env = {f"CALLGAUGE_{name}": BAD_SETTINGS[name] for name in ("MAX_BODY_MB", "LOG_LEVEL", "RERUN_RATE")}
    ended = callgauge(tmp_path / "data", "serve", "--port", "0", **env)
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == len(env)


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in _refused(tmp_path / "file" / "data", "--port", "0")


def test_a_database_that_is_away_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"postgresql://nobody:secret@127.0.0.1:{port}/calls"
    line = _refused(tmp_path / "data", "--port", "0", CALLGAUGE_DATABASE_URL=url)
    assert "database" in line
    assert "secret" not in line

"""What is logged while everything happens: the work by its ids, and no word of a call, no key, no secret."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from callgauge.telemetry.context import about
from callgauge.telemetry.logs import JsonFormatter, LineFormatter
from tests.marking_judge import MarkingJudge
from tests.server import Server, callgauge
from tests.waiting import wait_until

SAID = "rhinoceros"
ASKED = "palimpsest"
SECRET = "sk-never-to-be-seen-4711"
NAME = "quagmire"


@pytest.mark.parametrize("log_format", ["json", "line"])
def test_a_full_run_logs_no_content(tmp_path: Path, log_format: str) -> None:
    judge = MarkingJudge(0.0)
    judge.start()
    server = Server(
        tmp_path / "data",
        CALLGAUGE_JUDGE="openai:marking",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
        CALLGAUGE_JUDGE_API_KEY=SECRET,
        CALLGAUGE_LOG_FORMAT=log_format,
    )
    server.data_dir.mkdir()
    try:
        with server:
            server.make_key()
            secret_key = (server.data_dir / "secret_key").read_text().strip()
            invitation = _invitation(server)
            _everything(server)
            with pytest.raises(urllib.error.HTTPError):  # no CSRF token
                urllib.request.urlopen(
                    f"{server.url}/invitation/{invitation}", data=b"email=" + SAID.encode()
                )
    finally:
        judge.stop()
    log = (tmp_path / "server.log").read_text()
    for word in (SAID, ASKED, SECRET, NAME, server.key, secret_key, invitation):
        assert word not in log, f"{word} in the log"
    if log_format == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        assert {"request", "chunk", "rerun requested"} <= {line["message"] for line in lines}
        _ids_lead_through(lines)
    else:
        assert "callgauge.events" not in log  # for people: only what is wrong


def _invitation(server: Server) -> str:
    made = callgauge(server.data_dir, "user", "invite", f"{NAME}@example.com")
    assert "/invitation/" in made.stdout, made.stderr
    return made.stdout.rpartition("/invitation/")[2].split()[0]


def _everything(server: Server) -> None:
    """Calls that come in, metrics of each kind, one that fails, a rerun, and requests that are refused."""
    agent = server.post("/test_framework/v2/aiagents/", {"name": NAME, "api_key": SECRET})["id"]
    metrics = "/test_framework/v1/metrics/"
    judged = {"name": NAME, "type": "llm_judge", "eval_type": "binary_qualitative", "agent": agent}
    server.post(metrics, {**judged, "description": f"question-1: {ASKED}?"})
    code = {"name": f"{NAME} 2", "type": "custom_code", "eval_type": "binary", "agent": agent}
    server.post(metrics, {**code, "custom_code": "raise ValueError(data['transcript'])"})
    turns = [
        {"role": "Testing Agent", "content": f"About order-1: {SAID}.", "start_time": 0, "end_time": 2},
        {"role": "Main Agent", "content": f"Your {SAID} is on its way.", "start_time": 3, "end_time": 5},
    ]
    call = {"agent": agent, "call_id": NAME, "transcript_type": "cekura", "transcript_json": turns}
    call_id = server.post("/observability/v1/observe/", call)["id"]
    path = f"/observability/v1/call-logs/{call_id}/"
    wait_until(lambda: server.get(path)["evaluation"] is not None)
    rerun = {"call_logs": [call_id], "agent_id": agent}
    status, answer = server.request("POST", "/observability/v1/call-logs/rerun_evaluation/", rerun)
    assert status == 200, answer
    wait_until(lambda: server.rows("SELECT count(*) FROM store_rerun WHERE state != 'done'") == [(0,)])
    assert len(server.rows("SELECT 1 FROM store_metricresult")) == 4
    for body in ({**call, "transcript_json": SAID}, {**call, "call_id": {SAID: SAID}}, [SAID]):
        assert server.request("POST", "/observability/v1/observe/", body)[0] == 400
    server.request("GET", f"/observability/v1/call-logs/?search={SAID}&filters={SAID}")
    server.request("DELETE", path)


def _ids_lead_through(lines: list[dict[str, Any]]) -> None:
    asked = next(line for line in lines if line["message"] == "rerun requested")
    request = next(
        line for line in lines if line["message"] == "request" and line["request_id"] == asked["request_id"]
    )
    assert request["view"].startswith("api.rerun.")
    chunk = next(
        line for line in lines if line["message"] == "chunk" and line["rerun_id"] == asked["rerun_id"]
    )
    assert chunk["chunk_id"] > 0
    assert (chunk["ending"], chunk["calls"]) == ("done", 1)


def test_an_answer_carries_its_request_id(db: None, client: Any) -> None:
    assert (
        client.get("/healthz", HTTP_X_REQUEST_ID="from-the-proxy.1").headers["X-Request-ID"]
        == "from-the-proxy.1"
    )
    for forged in ("", "a b", "x" * 65, 'a"}'):
        assert len(client.get("/healthz", HTTP_X_REQUEST_ID=forged).headers["X-Request-ID"]) == 16


@pytest.mark.parametrize("formatter", [LineFormatter, JsonFormatter])
def test_an_exception_shows_its_place_and_not_what_it_says(formatter: type[logging.Formatter]) -> None:
    try:
        try:
            raise KeyError(SAID)
        except KeyError as error:
            raise ValueError(f"Failing row contains ({SAID})") from error
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "it failed", (), _info(error))
    with about(rerun_id=7):
        shown = formatter().format(record)
    assert SAID not in shown
    for part in ("it failed", "builtins.ValueError", "builtins.KeyError", "test_logs.py", "7"):
        assert part in shown
    assert SAID in formatter(debug=True).format(record)  # type: ignore[call-arg]


def _info(error: BaseException) -> Any:
    return type(error), error, error.__traceback__

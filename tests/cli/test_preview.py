"""`callgauge preview` and `callgauge fake-judge`, as a user runs them: a real server and real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server import Server

METRIC = {
    "name": "Turns",
    "type": "custom_code",
    "eval_type": "numeric",
    "custom_code": '_result = len(data["transcript_json"])\n_explanation = "Counted."',
}
CALL = {
    "transcript_type": "cekura",
    "transcript_json": [
        {"role": "Main Agent", "content": "Hello.", "start_time": 0, "end_time": 1},
        {"role": "Testing Agent", "content": "Bye.", "start_time": 2, "end_time": 3},
    ],
}


@pytest.fixture(scope="module")
def fake() -> Iterator[str]:
    command = [sys.executable, "-m", "callgauge.cli", "fake-judge", "--port", "0", "--latency-ms", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert "no model is behind it" in said


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake: str) -> Iterator[Server]:
    env = {"CALLGAUGE_JUDGE": "openai:fake", "CALLGAUGE_JUDGE_BASE_URL": f"{fake}/v1"}
    folder = tmp_path_factory.mktemp("preview") / "data"
    folder.mkdir()
    with Server(folder, **env) as running:
        running.make_key()
        agent = running.post("/test_framework/v1/aiagents/", {"agent_name": "Bookings", "assistant_id": "a1"})
        for call_id in ("one", "two"):
            running.post("/observability/v1/observe/", {**CALL, "agent": agent["id"], "call_id": call_id})
        yield running


def preview(
    server: Server, *args: str, metric: Any = METRIC, key: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "callgauge.cli", "preview", *args]
    env = {**os.environ, "CEKURA_API_URL": server.url, "CEKURA_API_KEY": key or server.key, "COLUMNS": "100"}
    return subprocess.run(
        command, env=env, input=json.dumps(metric), capture_output=True, text=True, check=False
    )


def test_a_metric_from_a_file_on_the_newest_calls(server: Server) -> None:
    shown = preview(server, "-", "--last", "2")
    assert shown.returncode == 0, shown.stderr
    assert "Counted." in shown.stdout
    assert shown.stdout.count("scored") == 2


def test_a_script_as_it_is(server: Server, tmp_path: Path) -> None:
    script = tmp_path / "turns.py"
    script.write_text(METRIC["custom_code"])
    shown = preview(server, str(script), "--last", "1", "--eval-type", "numeric")
    assert shown.returncode == 0, shown.stderr
    assert "Counted." in shown.stdout


def test_as_json_with_its_warnings(server: Server) -> None:
    asked = {
        **METRIC,
        "type": "llm_judge",
        "custom_code": "",
        "description": "Was it kind?",
        "eval_type": "binary",
    }
    shown = preview(server, "-", "--last", "1", "--json", metric=asked)
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["status"] == "completed"
    assert found["results"][0]["extra"]["outcome"] in {"scored", "skipped"}
    assert [one["code"] for one in found["warnings"]] == ["no_not_applicable_rule"]


def test_a_saved_metric_by_its_slug(server: Server) -> None:
    server.post("/test_framework/v1/metrics", {**METRIC, "slug": "turns"})
    shown = preview(server, "--metric", "turns", "--last", "1")
    assert shown.returncode == 0, shown.stderr
    assert "Counted." in shown.stdout


def test_a_metric_that_fails_ends_with_1(server: Server) -> None:
    shown = preview(server, "-", "--last", "1", metric={**METRIC, "custom_code": "_result = data['nothing']"})
    assert shown.returncode == 1
    assert "failed" in shown.stdout


def test_what_the_server_refuses_is_one_line_and_ends_with_2(server: Server) -> None:
    for args, metric, words in (
        (("--call", "999999"), METRIC, "call_log_ids"),
        (("--last", "1"), {**METRIC, "custom_code": "def"}, "custom_code"),
        (("--last", "1"), {}, "metric_data"),
    ):
        shown = preview(server, "-", *args, metric=metric)
        assert shown.returncode == 2, shown.stdout
        assert words in shown.stderr
        assert "Traceback" not in shown.stderr
    assert preview(server, "-", "--last", "1", key="cg_wrong").returncode == 2
    assert preview(server).returncode == 2


def test_a_fake_judge_whose_faults_are_too_many() -> None:
    command = [sys.executable, "-m", "callgauge.cli", "fake-judge", "--rate-429", "0.9", "--rate-500", "0.9"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "their sum" in ended.stderr or "so does" in ended.stderr


def test_a_folder_is_not_needed_to_ask_for_help(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "callgauge.cli", "preview", "--help"], cwd=tmp_path, capture_output=True
    )
    assert ended.returncode == 0
    assert list(tmp_path.iterdir()) == []

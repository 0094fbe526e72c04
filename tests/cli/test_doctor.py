"""`callgauge doctor`: what is in order, what is not, and that it changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from callgauge.cli.doctor.packages import EXTRAS
from callgauge.cli.doctor.places import file_system
from tests.server import Server, callgauge


def diagnose(folder: Path, *args: str, **env: str) -> tuple[int, dict[str, Any]]:
    ended = callgauge(folder, "doctor", "--json", *args, **env)
    assert "Traceback" not in ended.stderr, ended.stderr
    found = json.loads(ended.stdout)
    assert found["ok"] is (ended.returncode == 0)
    return ended.returncode, {one["check"]: one for one in found["checks"]}


def test_a_fresh_installation_is_in_order_and_stays_untouched(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    code, found = diagnose(folder)
    assert code == 0
    assert not folder.exists()
    assert found["sandbox"]["state"] == "ok"
    runs = found["sandbox"]["facts"]["runs"]
    assert found["sandbox"]["facts"]["backends"][runs]["works"] is True
    assert (found["judge"]["state"], found["broker"]["state"]) == ("warning", "off")
    assert {f"extra {name}" for name in EXTRAS} <= found.keys()


def test_for_people_it_is_a_line_each(tmp_path: Path) -> None:
    shown = callgauge(tmp_path / "data", "doctor")
    assert shown.returncode == 0
    assert "attacks of the self-test held" in shown.stdout
    assert len(shown.stdout.splitlines()) == 9 + len(EXTRAS)


def test_beside_a_running_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder) as server:
        code, found = diagnose(folder)
        assert code == 0
        assert found["data folder"]["facts"]["in_use_by"] == str(server.pid)
        assert found["database"]["facts"]["migrations_left"] == 0
        assert server.get("/healthz") == {"status": "ok"}
    _, found = diagnose(folder)
    assert found["data folder"]["facts"]["in_use_by"] is None


def test_settings_that_cannot_be_are_listed_one_by_one(tmp_path: Path) -> None:
    ended = callgauge(tmp_path, "doctor", "--json", CALLGAUGE_LOG_LEVEL="loud", CALLGAUGE_MAX_BODY_MB="0")
    assert ended.returncode == 1
    rows = json.loads(ended.stdout)["checks"]
    assert [(row["check"], row["state"]) for row in rows] == [("settings", "fault")] * 2


def test_a_typing_error_in_a_setting_is_a_warning(tmp_path: Path) -> None:
    code, found = diagnose(tmp_path, CALLGAUGE_JUGDE="openai:x")
    assert code == 0
    assert found["settings"]["facts"]["unknown"] == ["CALLGAUGE_JUGDE"]


def test_services_that_are_away_are_faults_that_show_no_password(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code, found = diagnose(
        tmp_path,
        CALLGAUGE_DATABASE_URL=f"postgresql://me:hunter2@127.0.0.1:{port}/calls",
        CALLGAUGE_BROKER_URL=f"amqp://me:hunter2@127.0.0.1:{port}//",
    )
    assert code == 1
    assert (found["database"]["state"], found["broker"]["state"]) == ("fault", "fault")
    assert "hunter2" not in json.dumps(found)


def test_a_broker_without_postgresql_is_a_fault(tmp_path: Path) -> None:
    code, found = diagnose(tmp_path, CALLGAUGE_BROKER_URL="amqp://127.0.0.1//")
    assert code == 1
    assert "CALLGAUGE_DATABASE_URL" in found["broker"]["words"]


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "callgauge.cli", "doctor", "--json"]
    env = {**os.environ, "CALLGAUGE_DATA_DIR": str(tmp_path / "file")}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    states = {one["check"]: one["state"] for one in json.loads(ended.stdout)["checks"]}
    assert (ended.returncode, states["data folder"]) == (1, "fault")
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    code, found = diagnose(tmp_path / "open")
    assert (code, found["data folder"]["state"]) == (0, "warning")


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        ("openai:gpt-4.1-mini", "needs an API key"),
        ("nobody:x", "names no judge"),
        ("scripted:/nowhere", "nowhere"),
    ],
)
def test_a_judge_that_cannot_be(tmp_path: Path, judge: str, words: str) -> None:
    code, found = diagnose(tmp_path, CALLGAUGE_JUDGE=judge)
    assert (code, found["judge"]["state"]) == (1, "fault")
    assert words in found["judge"]["words"]


def test_the_judge_is_asked_only_when_wanted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "callgauge.cli", "fake-judge", "--port", "0", "--latency-ms", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as fake:
        assert fake.stdout is not None
        url = fake.stdout.readline().strip()
        env = {"CALLGAUGE_JUDGE": "openai:gpt-4.1-mini", "CALLGAUGE_JUDGE_BASE_URL": f"{url}/v1"}
        _, found = diagnose(tmp_path, **env)
        assert "not asked" in found["judge"]["words"]
        _, found = diagnose(tmp_path, "--ask-judge", **env)
        assert found["judge"]["state"] in {"ok", "warning"}
        assert found["judge"]["facts"]["attempts"] == 1
        assert found["judge"]["facts"]["usage"]["input_tokens"] > 0
        fake.terminate()
    code, found = diagnose(tmp_path, "--ask-judge", **env)
    assert (code, found["judge"]["state"]) == (1, "fault")


def test_it_says_which_sandbox_runs_and_why(tmp_path: Path) -> None:
    _, found = diagnose(tmp_path, CALLGAUGE_SANDBOX="off")
    assert found["sandbox"]["state"] == "off"
    _, found = diagnose(tmp_path, CALLGAUGE_SANDBOX="cpython")
    assert "CALLGAUGE_SANDBOX says so" in found["sandbox"]["words"]


def test_the_extras_are_those_that_can_be_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert EXTRAS.keys() == project["project"]["optional-dependencies"].keys()


def test_the_file_system_of_a_path_is_known() -> None:
    assert file_system(Path("/proc")) == "proc"
    assert file_system(Path(os.getcwd())) not in {"", "proc"}

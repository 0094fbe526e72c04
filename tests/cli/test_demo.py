"""`callgauge demo` for real: its own server and database; ends well, tells the truth, leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import pytest

from callgauge.cli.demo_report import is_pending, seen
from callgauge.cli.demo_server import Api, DemoError, Install, serving
from tests.server import Server
from tests.waiting import PATIENCE

COMMAND = [sys.executable, "-m", "callgauge.cli", "demo"]


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CALLGAUGE_")}
    return {**own, "TMPDIR": str(tmp_path), "COLUMNS": "100", "TERM": "dumb", **more}


def servers_of(folder: Path) -> list[str]:
    """Command lines of processes that name a folder or have it in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            about = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in about:
            found.append(about[:200].decode(errors="replace"))
    return found


def test_the_whole_demo(tmp_path: Path) -> None:
    # A stray setting of the caller must not reach the demo.
    strays = {
        "CALLGAUGE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    done = subprocess.run(
        COMMAND,
        env=environ(tmp_path, **strays),
        capture_output=True,
        text=True,
        check=False,
        timeout=120 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert "The judge of this demo is scripted" in out
    assert "judge: scripted:demo-judge" in out
    assert out.count("26 calls measured: 156 results") == 2
    assert "0 failed" in out
    changed = re.search(r"│ Agreement confirmed +│ 14 of 22 pass +│ 15 of 22 pass +│ 7 calls │", out)
    assert changed, out
    assert re.search(r"│ Call succeeds \(rubric\) +│ 13 of 26 +│ 15 of 26 +│ 4 calls │", out)
    for call in ("bk-104", "sl-302", "sl-303", "sp-203", "sp-206", "sp-207", "sp-208"):
        assert re.search(rf"│ {call} \w+ +│ (pass → fail|fail → pass) │", out), call
    assert re.search(r"│ bk-102 bookings │ fail +│ pass → fail │ no, kept", out)
    assert re.search(r"│ bk-109 bookings │ pass +│ pass → fail │ yes, kept", out)
    assert "make serve" in out
    assert "CEKURA_API_URL" in out
    assert not list(tmp_path.iterdir()), "the temporary data is gone"
    assert not servers_of(tmp_path)
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"```\n(2 Set up.*?)```", readme, re.DOTALL)
    printed = {line.rstrip() for line in out.splitlines()}
    assert [line for line in shown.splitlines() if line.rstrip() not in printed] == [], (
        "README.md is out of date"
    )


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(COMMAND, env=environ(tmp_path), stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("1 Server"):
            break
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_ended_from_outside_it_takes_its_server_along(tmp_path: Path, started: subprocess.Popen[str]) -> None:
    assert servers_of(tmp_path)
    started.send_signal(signal.SIGTERM)
    assert started.wait(30) == 128 + signal.SIGTERM
    assert not servers_of(tmp_path)
    assert not list(tmp_path.iterdir())


def test_it_ends_on_the_address_of_what_changed(tmp_path: Path) -> None:
    """Whoever does as it says gets there: serve that folder, make the account by the link, open the page."""
    folder = tmp_path / "kept"
    done = subprocess.run(
        [*COMMAND, "--data-dir", str(folder)],
        env=environ(tmp_path, MAKELEVEL="1"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    command, _, address = [line.strip() for line in done.stdout.strip().splitlines()[-3:]]
    assert re.fullmatch(r"CALLGAUGE_JUDGE=scripted:\S+ make serve DATA_DIR=kept", command)
    page = re.fullmatch(r"http://127\.0\.0\.1:8000(/projects/\d+/reruns/\d+)", address)
    assert page, address
    with Server(folder) as server:
        link = server.printed(r"http://\S+/set-up/\S+")
        visitor = build_opener(HTTPCookieProcessor(CookieJar()), ProxyHandler({}))
        form = visitor.open(link).read().decode()
        (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form))
        account = {
            "csrfmiddlewaretoken": token,
            "name": "Ada",
            "email": "ada@example.com",
            "password": "correct horse battery",
            "organization": re.findall(r'name="organization" value="([^"]*)"', form)[0],
        }
        visitor.open(Request(link, urlencode(account).encode(), {"Referer": link}))
        first = visitor.open(server.url).read().decode()
        assert page[1].rpartition("/")[0] in first, "the first page leads to reruns"
        shown = visitor.open(server.url + page[1]).read().decode()
    assert "Agreement confirmed: version 1 to 2" in shown
    assert "Which is right?" in shown


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "callgauge.sqlite3").touch()
    done = subprocess.run(
        [*COMMAND, "--data-dir", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "is not empty" in done.stderr


def test_a_server_that_does_not_start_is_shown_with_its_words(tmp_path: Path) -> None:
    install = Install.fresh(tmp_path, JUDGE="scripted:/nowhere.json")
    with pytest.raises(DemoError, match=r"did not start[\s\S]*nowhere\.json"), serving(install):
        pass


def test_a_command_that_fails_is_shown_with_its_words(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.touch()
    with pytest.raises(DemoError, match="There is no agent with the id '7'"):
        Install.fresh(tmp_path / "data").run("import", str(file), "--agent", "7")


def test_an_answer_of_the_server_that_is_an_error_is_shown(tmp_path: Path) -> None:
    refused = r"GET /user/v1/projects/ was answered with 401"
    with pytest.raises(DemoError, match=refused), serving(Install.fresh(tmp_path)) as address:
        Api(address, "no-key").get("/user/v1/projects/")
    with pytest.raises(DemoError, match="got no answer"):
        Api(address, "no-key").get("/healthz")


def row(status: str = "success", **extra: object) -> dict[str, object]:
    metric = {
        "name": "Tone",
        "eval_type": "binary",
        "passed": True,
        "score": 5,
        "enum": None,
        "explanation": ["Fine."],
        "extra": {"outcome": "scored", "judge_model": "scripted:x", **extra},
    }
    return {
        "call_id": "c-1",
        "agent_name": "bookings",
        "success": True,
        "is_reviewed": False,
        "status": status,
        "evaluation": {"metrics": [metric]},
    }


def test_what_counts_as_pending() -> None:
    assert is_pending(row("evaluating"))
    assert is_pending(row(superseded=True)), "a reviewed call keeps its status while its results are replaced"
    assert not is_pending(row())


def test_a_reading_keeps_the_machines_word_beside_the_persons() -> None:
    machine = {"outcome": "scored", "passed": False, "score": 0, "enum": None, "explanation": ["Curt."]}
    reading = seen(row(machine=machine)).readings["Tone"]
    assert (reading.shown, reading.machine, reading.why) == ("pass", "fail", "Curt.")

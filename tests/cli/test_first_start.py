"""Several processes on a fresh data folder at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import Server, callgauge


def test_keys_can_be_made_beside_the_first_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "callgauge.cli", "key", "create", "--json", "--data-dir", str(folder)]
    making = [
        subprocess.Popen([*command, "--project", name], stdout=subprocess.PIPE, text=True) for name in "AB"
    ]
    with Server(folder) as server:
        assert server.printed("export CALLGAUGE_DATA_DIR=.*").endswith(f"={folder}"), "for other terminals"
        made = [process.communicate()[0] for process in making]
    assert [process.returncode for process in making] == [0, 0]
    assert all(json.loads(text)["api_key"].startswith("cg_") for text in made)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CALLGAUGE_DATABASE_URL", "postgresql://user:se/cret@host/name", "percent-encode"),
        ("CALLGAUGE_SECRET_KEY", " , ", "several parted by commas"),
        ("CALLGAUGE_JUDGE_TIMEOUT_SECS", "9" * 401, "whole number"),
    ],
)
def test_settings_that_cannot_be_are_one_line(tmp_path: Path, variable: str, value: str, words: str) -> None:
    done = callgauge(tmp_path / "data", "key", "list", **{variable: value})
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "cret" not in done.stderr


def test_an_empty_secret_file_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "key"
    empty.touch()
    done = callgauge(tmp_path / "data", "key", "list", CALLGAUGE_SECRET_KEY_FILE=str(empty))
    assert done.returncode == 1
    assert "is empty" in done.stderr


def test_another_wsgi_server_needs_a_secret_key(tmp_path: Path) -> None:
    import os

    environ = {name: value for name, value in os.environ.items() if not name.startswith("CALLGAUGE_")}
    environ["CALLGAUGE_DATA_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "import callgauge.config.wsgi"], env=environ, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "CALLGAUGE_SECRET_KEY" in done.stderr

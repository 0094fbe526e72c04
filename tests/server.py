"""The real server as a process, and a client for it: for tests that kill it or look from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any, Self

from tests.waiting import PATIENCE

DATABASE = "callgauge.sqlite3"
REQUEST_SECS = 60.0


def callgauge(data_dir: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "callgauge.cli", *args, "--data-dir", str(data_dir)]
    return subprocess.run(command, env=_env(env), capture_output=True, text=True, check=False)


@cache
def _tables() -> bytes:
    """A database with its tables and nothing in it: to make them takes a server seconds."""
    with tempfile.TemporaryDirectory() as folder:
        made = callgauge(Path(folder), "migrate")
        assert made.returncode == 0, made.stderr
        return (Path(folder) / DATABASE).read_bytes()


class Server:
    """`callgauge serve` on a free port."""

    def __init__(self, data_dir: Path, **env: str) -> None:
        self.data_dir = data_dir
        self._settings = env
        self._env = _env(env)
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.key = ""
        self.options: tuple[str, ...] = ()
        """Further options of `serve`."""

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "callgauge.cli",
            "serve",
            "--port",
            "0",
            "--data-dir",
            str(self.data_dir),
            *self.options,
        ]
        if not (self.data_dir / DATABASE).exists() and "CALLGAUGE_DATABASE_URL" not in self._env:
            self.data_dir.mkdir(exist_ok=True)
            (self.data_dir / DATABASE).write_bytes(_tables())
        log = (self.data_dir.parent / "server.log").open("a")
        self._process = subprocess.Popen(
            command, env=self._env, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), f"the server did not start: {line!r}; see {log.name}"
        self.url = line.split()[-1]

    def become(self, **env: str) -> None:
        """Another environment from its next start on."""
        self._env |= env

    def printed(self, pattern: str) -> str:
        """Wait for what matches in the lines that it prints after the first."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(pattern, line):
                return found[0]
        raise AssertionError(f"the server ended without printing {pattern}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self, timeout_secs: float = 30.0) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout_secs * PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def make_key(self, project: str = "Support") -> None:
        made = callgauge(self.data_dir, "key", "create", "--project", project, "--json", **self._settings)
        assert made.returncode == 0, made.stderr
        self.key = json.loads(made.stdout)["api_key"]

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-CEKURA-API-KEY": self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECS * PATIENCE) as response:
                return response.status, _json(response.read())
        except urllib.error.HTTPError as error:
            return error.code, _json(error.read())

    def get(self, path: str) -> Any:
        status, answer = self.request("GET", path)
        assert status == 200, (status, answer)
        return answer

    def post(self, path: str, body: Any) -> Any:
        status, answer = self.request("POST", path, body)
        assert status in (200, 201), (status, answer)
        return answer

    def rows(self, query: str) -> list[Any]:
        """Read the SQLite file beside the server, whether it runs or not."""
        database = sqlite3.connect(f"file:{self.data_dir / DATABASE}?mode=ro", uri=True, timeout=30)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *args: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


def _env(extra: dict[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CALLGAUGE_", "DJANGO_"))
    }
    return kept | extra


def _json(content: bytes) -> Any:
    return json.loads(content) if content else None

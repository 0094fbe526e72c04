"""The demo's server: a `callgauge serve` of its own, spoken to over HTTP as any client would."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECS = 300.0
"""A cold start with migrations takes 2 s, and on a small or busy machine minutes. A server that dies is
noticed at once, so this only ends the wait for one that hangs."""
STOP_SECS = 15.0
"""The server gives its judge requests 8 s to end."""
REQUEST_SECS = 20.0
LOG_LINES_SHOWN = 15
COMMAND = (sys.executable, "-m", "callgauge.cli")


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Install:
    """The data folder, and the environment in which the demo's commands run."""

    data_dir: Path
    environ: dict[str, str]

    @classmethod
    def fresh(cls, data_dir: Path, **settings: str) -> Install:
        """Settings of the caller do not reach the demo: it must not write into a database that is in use."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("CALLGAUGE_")}
        settings = {f"CALLGAUGE_{name}": value for name, value in settings.items()}
        return cls(data_dir, {**own, **settings, "CALLGAUGE_DATA_DIR": str(data_dir)})

    @property
    def log(self) -> Path:
        return self.data_dir / "server.log"

    def run(self, *args: str) -> Any:
        """Run a command with `--json` and give what it printed."""
        process: subprocess.Popen[str] | None = None
        try:
            with _signals_held():
                process = subprocess.Popen(  # noqa: S603 - our own program
                    [*COMMAND, *args, "--json"],
                    env=self.environ,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            printed, said = process.communicate()
        finally:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            raise DemoError(f"`callgauge {args[0]}` failed:\n{said.strip() or printed.strip()}")
        return json.loads(printed)

    def log_tail(self) -> str:
        """What the server said last; indented, empty where it said nothing."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(f"  {line}" for line in lines)


@contextmanager
def _signals_held() -> Iterator[None]:
    """A signal that comes while a process is being started is seen once it is known: else it would stay."""
    came: list[int] = []
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = {kind: signal.signal(kind, lambda number, frame: came.append(number)) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        for number in came:
            signal.raise_signal(number)


@contextmanager
def serving(install: Install) -> Iterator[str]:
    """The address of a server that runs for as long as the block does, however it ends."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with install.log.open("ab") as log, _signals_held():
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*COMMAND, "serve", "--port", "0"], env=install.environ, stdout=subprocess.PIPE, stderr=log
            )
        yield _address(process, install)
    except DemoError as error:
        tail = install.log_tail()
        raise DemoError(f"{error}\nThe server's last lines:\n{tail}" if tail else str(error)) from None
    finally:
        if process is not None:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _address(process: subprocess.Popen[bytes], install: Install) -> str:
    """From the line that the server prints when it is ready."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            line = process.stdout.readline().decode()
            if not line:
                raise DemoError("The server did not start.")
            if line.startswith("listening on "):
                return line.removeprefix("listening on ").strip()
    raise DemoError(f"The server was not ready after {START_SECS:.0f} s.")


class Api:
    """Requests with a project's key."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._key = key
        # A proxy of the environment has no business between the demo and its own machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        return self._send("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._send("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._send("PATCH", path, body)

    def _send(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - always http to 127.0.0.1
            f"{self._address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-CEKURA-API-KEY": self._key, "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=REQUEST_SECS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise DemoError(f"{method} {path} was answered with {error.code}: {said}") from None
        except (OSError, ValueError) as error:
            raise DemoError(f"{method} {path} got no answer: {error}") from None

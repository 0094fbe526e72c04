"""The host's hand on the zygote: starts it, orders forks and ends, and starts another when it has died."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callgauge.sandbox.errors import BackendUnavailable, ZygoteLost
from callgauge.sandbox.words import Limits

# The inside's modules are loaded as a package of their own, so that nothing of the server comes with them.
_BOOT = (
    "import sys, types; package = types.ModuleType('jail'); package.__path__ = [sys.argv[1]]; "
    "sys.modules['jail'] = package; from jail.zygote import main; main(sys.argv[2], sys.argv[3])"
)
_JAIL = str(Path(__file__).parent / "jail")

# -I: no environment, no user site, no current folder. -S: no site-packages. -B: leave no files behind.
_FLAGS = ("-I", "-S", "-B", "-X", "utf8")

# TZ in POSIX form: UTC without reading a file for it.
_ENVIRONMENT = {"TZ": "UTC0"}

_START_SECS = 30.0  # a cold disk and a busy machine; it takes 0.3 s otherwise
_ANSWER_SECS = 20.0  # forking and killing take milliseconds
_MESSAGE_BYTES = 4_096


class _Process:
    """One running zygote. Its protocol is strictly one order, one answer; the lock keeps it so."""

    def __init__(self, *, use_namespaces: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._lock = threading.Lock()
        with theirs:
            arguments = [_JAIL, str(theirs.fileno()), str(int(use_namespaces))]
            try:
                self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter, our own file
                    [sys.executable, *_FLAGS, "-c", _BOOT, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C in a terminal is for the server alone
                )
            except OSError as error:
                ours.close()
                raise BackendUnavailable(f"the sandbox process cannot be started: {error}") from error
        self._control.settimeout(_START_SECS)
        try:
            self.report = self._answer()
        except ZygoteLost as lost:
            self.stop()
            raise BackendUnavailable("the sandbox process did not start") from lost
        if "fault" in self.report:
            self.stop()
            raise BackendUnavailable(str(self.report["fault"]))
        self._control.settimeout(_ANSWER_SECS)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def order(self, message: Mapping[str, Any], fds: list[int] | None = None) -> dict[str, Any]:
        """Raises ZygoteLost, and from then on every time: a late answer must not be taken for another's."""
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(message).encode()], fds or [])
                return self._answer()
            except (OSError, ZygoteLost) as error:
                self._control.close()
                raise ZygoteLost from error

    def stop(self) -> None:
        self._control.close()
        self._popen.kill()
        self._popen.wait()

    def _answer(self) -> dict[str, Any]:
        try:
            body = self._control.recv(_MESSAGE_BYTES)
        except OSError as error:
            raise ZygoteLost from error
        if not body:
            raise ZygoteLost
        answer: dict[str, Any] = json.loads(body)
        return answer


class Evaluation:
    """One forked process, and the host's end of its channel."""

    def __init__(self, process: _Process, pid: int, sock: socket.socket) -> None:
        self._process = process
        self._pid = pid
        self._ended = False
        self._exit_code: int | None = None
        self.sock = sock

    def end(self) -> int | None:
        """Kill it if it still lives. Its exit code as `subprocess` has it; None if the zygote is lost."""
        if not self._ended:
            self._ended = True
            try:
                self._exit_code = self._process.order({"do": "end", "pid": self._pid})["exit"]
            except ZygoteLost:
                self._exit_code = None
        return self._exit_code


class Zygote:
    """Forks evaluations for any number of threads. A fork of the server gets a zygote of its own."""

    def __init__(self, *, use_namespaces: bool) -> None:
        self._use_namespaces = use_namespaces
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._owner = os.getpid()

    @property
    def report(self) -> Mapping[str, Any]:
        """What the zygote says of its walls. Raises BackendUnavailable."""
        return self._running().report

    @property
    def pid(self) -> int:
        return self._running().pid

    @contextmanager
    def forked(self, slot: int, limits: Limits) -> Iterator[Evaluation]:
        """A fresh evaluation, killed and reaped at the end. Raises ZygoteLost, BackendUnavailable."""
        order = {
            "do": "fork",
            "slot": slot,
            "cpu_secs": limits.cpu_secs,
            "memory_bytes": limits.memory_bytes,
        }
        process = self._running()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise ZygoteLost from error
        with ours:
            try:
                with theirs:
                    pid = process.order(order, [theirs.fileno()])["pid"]
                if pid is None:
                    raise ZygoteLost
            except ZygoteLost:
                self._forget(process)
                raise
            evaluation = Evaluation(process, pid, ours)
            try:
                yield evaluation
            finally:
                evaluation.end()

    def close(self) -> None:
        with self._lock:
            if self._process is not None and self._owner == os.getpid():
                self._process.stop()
            self._process = None

    def _running(self) -> _Process:
        if self._owner != os.getpid():
            # We are a fork: a thread that is not here may hold the lock, and the zygote is not ours.
            self._owner, self._lock, self._process = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._process is None:
                self._process = _Process(use_namespaces=self._use_namespaces)
            return self._process

    def _forget(self, process: _Process) -> None:
        with self._lock:
            if self._process is process:
                self._process = None
                process.stop()

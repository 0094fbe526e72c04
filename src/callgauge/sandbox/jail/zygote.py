"""The process that every evaluation is forked from: loads Python once, locks itself in, waits for orders.

Orders come over a socket that no evaluation holds: `fork` with the evaluation's end of its channel, `end` to
kill an evaluation and learn how it died. The zygote never reads a byte that a script has written.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from . import confine, script, stdlib
from .frames import FRAME_FD

_ORDER_BYTES = 4_096


def main(control_fd: str, use_namespaces: str) -> NoReturn:
    control = socket.socket(fileno=int(control_fd))
    _default_signals()
    try:
        stdlib.load()
        enforced = confine.lock_zygote(use_namespaces=use_namespaces == "1")
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must hear of it
        _send(control, {"fault": f"{type(error).__name__}: {error}"})
        os._exit(1)
    gc.collect()
    gc.freeze()  # what is loaded now is never collected, so forks do not copy its pages
    _send(
        control,
        {
            "namespaces": list(enforced.namespaces),
            "landlock_abi": enforced.landlock_abi,
            "uid_base": enforced.uid_base,
            "python": ".".join(str(part) for part in sys.version_info[:3]),
        },
    )
    while True:
        _obey(control, enforced)


def _obey(control: socket.socket, enforced: confine.Enforced) -> None:
    message, fds, _, _ = socket.recv_fds(control, _ORDER_BYTES, 1)
    if not message:
        os._exit(0)  # the server has gone; the evaluations die with us
    order = json.loads(message)
    if order["do"] == "fork":
        pid = _fork()
        if pid == 0:
            _evaluate(control, fds[0], order, enforced)
        os.close(fds[0])
        _send(control, {"pid": pid})
    else:
        os.kill(order["pid"], signal.SIGKILL)
        _, status = os.waitpid(order["pid"], 0)
        _send(control, {"exit": os.waitstatus_to_exitcode(status)})


def _fork() -> int | None:
    """None where the system has no process to give, or the PID namespace has lost its first one."""
    try:
        return os.fork()
    except OSError:
        return None


def _evaluate(
    control: socket.socket, channel: int, order: dict[str, Any], enforced: confine.Enforced
) -> NoReturn:
    try:
        control_fd = control.detach()
        if channel != FRAME_FD:
            os.dup2(channel, FRAME_FD, inheritable=False)
        os.closerange(FRAME_FD + 1, max(channel, control_fd) + 1)
        confine.lock_evaluation(
            enforced,
            slot=order["slot"],
            cpu_secs=order["cpu_secs"],
            memory_bytes=order["memory_bytes"],
        )
        script.evaluate()
    finally:
        os._exit(0)


def _default_signals() -> None:
    """Signals that the server ignores or blocks would stay so in here, and with them the CPU limit."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGPROF, signal.SIGXCPU, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())

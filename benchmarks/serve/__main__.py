"""`python -m benchmarks.serve`: see the README beside this file."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.rerun import product
from tests.server import Server

CLIENTS, SLOW_CLIENTS = 8, 200
ANSWER_SECS = 10.0
ONE_SERVER = Path(__file__).with_name("one_server.py")


@dataclass(frozen=True, slots=True)
class Served:
    process: subprocess.Popen[str]
    host: str
    key: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=800, help="per round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # `--target` keeps cheroot out of the project's environment.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", f"{folder}/cheroot", "cheroot"], check=True)
        key = _prepare(Path(folder))
        for number in range(options.rounds):
            for name in ("waitress", "cheroot"):
                with _serve(name, Path(folder), key) as served:
                    _measure(name, number, served, options.requests)
                    if number == 0:
                        _with_slow_clients(name, served)
                        _kill(name, served)


def _prepare(folder: Path) -> str:
    """A data folder with one agent, a call of 20 turns and no metrics."""
    (folder / "data").mkdir()
    with Server(folder / "data") as server:
        server.make_key()
        server.post("/test_framework/v2/aiagents/", {"name": "Agent"})
        server.post("/observability/v1/observe/", _call("first"))
        return server.key


def _call(call_id: str) -> dict[str, object]:
    turns = product.turns(1)
    return {"agent": 1, "call_id": call_id, "transcript_type": "cekura", "transcript_json": turns}


@contextmanager
def _serve(name: str, folder: Path, key: str) -> Iterator[Served]:
    env = os.environ | {"CALLGAUGE_DATA_DIR": f"{folder}/data", "PYTHONPATH": f"{folder}/cheroot"}
    process = subprocess.Popen(
        [sys.executable, str(ONE_SERVER), name], env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    served = Served(process, urlsplit(process.stdout.readline().strip()).netloc, key)
    try:
        yield served
    finally:
        process.kill()
        process.wait()


# --- speed ------------------------------------------------------------------------------------------------


def _measure(name: str, number: int, served: Served, requests: int) -> None:
    calls = iter(range(10**9))
    once = threading.Lock()

    def post(connection: http.client.HTTPConnection) -> None:
        with once:
            call_id = f"{name}-{number}-{next(calls)}"
        _request(served, connection, "POST", "/observability/v1/observe/", json.dumps(_call(call_id)), 201)

    def get(connection: http.client.HTTPConnection) -> None:
        _request(served, connection, "GET", "/observability/v1/call-logs/1/", None, 200)

    for what, one in (("GET detail", get), ("POST observe", post)):
        _load(served, one, requests // 8)  # warm
        cpu, start = product.cpu_secs(served.process.pid), time.perf_counter()
        times = sorted(_load(served, one, requests))
        wall = time.perf_counter() - start
        cpu = product.cpu_secs(served.process.pid) - cpu
        print(
            f"{name:9s} {what:13s} {len(times) / wall:6.0f} requests/s  "
            f"{1000 * cpu / len(times):5.2f} ms CPU each  "
            f"median {1000 * statistics.median(times):5.1f} ms  "
            f"99 % under {1000 * times[len(times) * 99 // 100]:6.1f} ms",
            flush=True,
        )


def _load(served: Served, one: Callable[[http.client.HTTPConnection], None], requests: int) -> list[float]:
    times: list[float] = []

    def client() -> None:
        connection = http.client.HTTPConnection(served.host, timeout=60)
        for _ in range(requests // CLIENTS):
            start = time.perf_counter()
            one(connection)
            times.append(time.perf_counter() - start)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == requests // CLIENTS * CLIENTS, "a client failed"
    return times


def _request(
    served: Served,
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None,
    status: int,
) -> None:
    headers = {"X-CEKURA-API-KEY": served.key, "Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.status == status, (response.status, content[:200])


# --- slow clients, and the end ----------------------------------------------------------------------------


def _with_slow_clients(name: str, served: Served) -> None:
    """200 connections send a POST's head at a byte a second; how long does a usual request wait?"""
    host, _, port = served.host.partition(":")
    head = f"POST /observability/v1/observe/ HTTP/1.1\r\nHost: {served.host}\r\nContent-Length: 1000\r\n\r\n"
    slow = [socket.create_connection((host, int(port))) for _ in range(SLOW_CLIENTS)]
    waits: list[float] = []
    lost = 0
    for sent in range(10):
        for connection in slow:
            connection.sendall(head.encode()[sent : sent + 1])
        start = time.perf_counter()
        fresh = http.client.HTTPConnection(served.host, timeout=ANSWER_SECS)
        try:
            _request(served, fresh, "GET", "/observability/v1/call-logs/1/", None, 200)
            waits.append(time.perf_counter() - start)
        except OSError:
            lost += 1
        fresh.close()
        time.sleep(max(0.0, 1 - (time.perf_counter() - start)))
    for connection in slow:
        connection.close()
    longest = f"the longest took {1000 * max(waits):.0f} ms" if waits else "none was answered"
    print(
        f"{name:9s} beside {SLOW_CLIENTS} slow clients: {longest}, {lost} of 10 without an answer", flush=True
    )


def _kill(name: str, served: Served) -> None:
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait()
    left = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _parent_group(entry) == served.process.pid
    ]
    print(f"{name:9s} after kill -9: {len(left)} processes left", flush=True)


def _parent_group(entry: Path) -> int:
    """The parent of a process; 0 where it is gone by now."""
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()

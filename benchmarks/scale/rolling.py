"""Two servers and two workers, restarted one after the other under load."""

from __future__ import annotations

import http.client
import itertools
import json
import select
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.scaled_out import ScaledOut, Worker
from tests.server import Server

METRICS = 4
CLIENTS = 8
PAUSE_SECS = 0.8
"""Between two requests of a client: together they send ten a second, half of them calls."""
SETTLE_SECS = 3.0
OBSERVE = "/observability/v1/observe/"
LIST = "/observability/v1/call-logs/?page_size=5"


def restarts(folder: Path, calls: int) -> None:
    """each of two servers and two workers is restarted while calls come in and a rerun goes on"""
    secret = "of this run only, and as long as a secret has to be to be taken for one"
    with ScaledOut(folder, answer_secs=0.5, CALLGAUGE_SECRET_KEY=secret) as installation:
        agent_id = installation.set_up(calls, METRICS)
        servers = [installation.server, _second_server(folder, installation)]
        try:
            _run(installation, servers, agent_id, calls)
        finally:
            servers[1].__exit__()


def _second_server(folder: Path, installation: ScaledOut) -> Server:
    (folder / "second" / "data").mkdir(parents=True)
    second = Server(folder / "second" / "data", **installation.env)
    second.start()
    return second


def _run(installation: ScaledOut, servers: list[Server], agent_id: int, calls: int) -> None:
    for server in servers:  # behind a proxy a server comes back at the address that it had
        server.options = ("--port", str(urlsplit(server.url).port))
    workers = [installation.add_worker(), installation.add_worker()]
    for worker in workers:
        worker.ready()
    clients = Clients([server.url for server in servers], installation.server.key, agent_id)
    installation.rerun_all(agent_id)
    with clients:
        _row("", "stop s", "start s", *Clients.COUNTED)
        _row("nothing", "", "", *clients.during(lambda: time.sleep(SETTLE_SECS)))
        for name, one in (("server 1", servers[0]), ("server 2", servers[1])):
            _restart(name, one, clients)
        for name, each in (("worker 1", workers[0]), ("worker 2", workers[1])):
            _restart(name, each, clients)
    under_way = installation.rows(
        "SELECT count(*) FROM store_rerun WHERE state <> 'done' AND kind = 'rerun'"
    ) != [(0,)]
    installation.wait_done(within_secs=1800)
    _report(installation, clients, under_way, calls)


def _restart(name: str, process: Server | Worker, clients: Clients) -> None:
    took: list[float] = []

    def restart() -> None:
        began = time.perf_counter()
        assert process.stop() == 0, f"{name} ended badly"
        took.append(time.perf_counter() - began)
        process.start()
        if isinstance(process, Worker):
            process.ready()
        took.append(time.perf_counter() - began - took[0])
        time.sleep(SETTLE_SECS)

    counts = clients.during(restart)
    _row(name, *(f"{secs:.1f}" for secs in took), *counts)


def _row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell!s:>9}" for cell in cells) + " |", flush=True)


def _report(installation: ScaledOut, clients: Clients, under_way: bool, calls: int) -> None:
    stored = {call_id for (call_id,) in installation.rows("SELECT id FROM store_calllog")}
    undecided = installation.rows("SELECT count(*) FROM store_calllog WHERE success IS NULL")[0][0]
    rerun = installation.rows(
        "SELECT total, scored, failed, settled_calls FROM store_rerun WHERE kind = 'rerun'"
    )
    asked = installation.judge.asked
    repeated = len(asked) - len(set(asked))
    print(
        f"answered with 201: {len(clients.taken)}, of these not stored: {len(set(clients.taken) - stored)}; "
        f"calls without a verdict: {undecided}; rerun of {calls} calls (total, scored, failed, settled): "
        f"{rerun}, still under way at the last restart: {under_way}; results stored twice: "
        f"{installation.stored_twice()}; questions asked twice: {repeated} of {len(asked)}"
    )


class Clients:
    """They do as a proxy does: keep connections to both servers, ask them in turn, and ask the other one
    where a server cannot be reached. What breaks after it was sent is counted and repeated."""

    COUNTED = ("answered", "refused", "broken", "5xx", "4xx")

    def __init__(self, urls: list[str], key: str, agent_id: int) -> None:
        self.taken: list[int] = []
        self._hosts = [urlsplit(url).netloc for url in urls]
        self._headers = {"X-CEKURA-API-KEY": key, "Content-Type": "application/json"}
        self._agent_id = agent_id
        self._counts: Counter[str] = Counter()
        self._numbers = itertools.count(5_000_000)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._go, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def during(self, act: Callable[[], None]) -> list[int]:
        before = self._counts.copy()
        act()
        return [self._counts[name] - before[name] for name in self.COUNTED]

    def _go(self, number: int) -> None:
        kept: dict[str, http.client.HTTPConnection] = {}
        for turn in itertools.count(number):
            if self._stopping.wait(PAUSE_SECS):
                return
            if turn % 2:
                self._ask(kept, turn, "GET", LIST, None)
            else:
                answer = self._ask(kept, turn, "POST", OBSERVE, self._call(next(self._numbers)))
                self.taken.append(answer["id"])

    def _ask(
        self, kept: dict[str, http.client.HTTPConnection], turn: int, method: str, path: str, body: Any
    ) -> Any:
        for attempt in itertools.count(turn // 2):
            host = self._hosts[attempt % len(self._hosts)]
            connection = kept.pop(host, None) or http.client.HTTPConnection(host, timeout=60)
            if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()  # the server did meanwhile, as every pool of connections looks
            if connection.sock is None:
                try:
                    connection.connect()
                except OSError:
                    self._counts["refused"] += 1
                    self._stopping.wait(0.05)
                    continue
            try:
                connection.request(method, path, json.dumps(body) if body else None, self._headers)
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException):
                self._counts["broken"] += 1
                connection.close()
                continue
            kept[host] = connection
            if response.status >= 400:
                self._counts["5xx" if response.status >= 500 else "4xx"] += 1
                continue
            self._counts["answered"] += 1
            return json.loads(content)
        raise AssertionError("unreachable")

    def _call(self, number: int) -> dict[str, Any]:
        turns = [
            {
                "role": "Testing Agent",
                "content": f"It is about order-{number}.",
                "start_time": 0,
                "end_time": 2,
            },
            {"role": "Main Agent", "content": "It is on its way.", "start_time": 3, "end_time": 5},
        ]
        call = {"agent": self._agent_id, "call_id": f"call-{number}", "transcript_type": "cekura"}
        return call | {"transcript_json": turns}

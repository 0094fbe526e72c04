"""A whole installation for tests: a server, workers, a broker, a database and a judge, each of its own."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.marking_judge import MarkingJudge
from tests.own_services import Network, Postgres, Rabbit
from tests.server import Server, _env
from tests.waiting import PATIENCE, wait_until


class Worker:
    """`callgauge worker` as a process. `before` is put in front of the command (to run it elsewhere)."""

    def __init__(self, folder: Path, name: str, env: dict[str, str], before: tuple[str, ...] = ()) -> None:
        self._command = [
            *before,
            sys.executable,
            "-m",
            "callgauge.cli",
            "worker",
            "--data-dir",
            str(folder / "data"),
        ]
        self._env = env
        self._log = folder / f"{name}.log"
        self.process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, env=self._env, stdout=subprocess.PIPE, stderr=self._log.open("a"), text=True
        )

    def ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("worker "), f"the worker did not start: {line!r}; see {self._log}"

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_secs: float = 30.0) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout_secs * PATIENCE)


class ScaledOut:
    def __init__(
        self,
        folder: Path,
        *,
        answer_secs: float,
        concurrency: int = 32,
        queues: str = "classic",
        network: Network | None = None,
        database: Postgres | None = None,
        **env: str,
    ) -> None:
        self._folder = folder
        host = network.services if network else "127.0.0.1"
        self.database = database or Postgres(network.database if network else host)
        self.broker = Rabbit(folder, host)
        self.judge = MarkingJudge(answer_secs, host)
        self._options = {
            "CALLGAUGE_JUDGE_CONCURRENCY": str(concurrency),
            "CALLGAUGE_BROKER_QUEUES": queues,
            **env,
        }
        self.workers: list[Worker] = []

    def __enter__(self) -> ScaledOut:
        self.database.start()
        self.broker.start()
        self.judge.start()
        (self._folder / "data").mkdir()
        self.env = {
            "CALLGAUGE_DATABASE_URL": self.database.url,
            "CALLGAUGE_BROKER_URL": self.broker.url,
            "CALLGAUGE_JUDGE": "openai:marking",
            "CALLGAUGE_JUDGE_BASE_URL": self.judge.url,
            **self._options,
        }
        self.server = Server(self._folder / "data", **self.env)
        self.server.start()
        self.server.key = self._make_key("Support")
        return self

    def _make_key(self, project: str) -> str:
        command = [sys.executable, "-m", "callgauge.cli", "key", "create", "--project", project, "--json"]
        made = subprocess.run(
            [*command, "--data-dir", str(self._folder / "data")],
            env=_env(self.env),
            capture_output=True,
            text=True,
            check=True,
        )
        return str(json.loads(made.stdout)["api_key"])

    def add_worker(self, before: tuple[str, ...] = (), **env: str) -> Worker:
        worker = Worker(self._folder, f"worker-{len(self.workers)}", _env(self.env | env), before)
        worker.start()
        self.workers.append(worker)
        return worker

    def __exit__(self, *args: object) -> None:
        for worker in self.workers:
            if worker.process is not None and worker.process.poll() is None:
                worker.kill()
        self.server.__exit__()
        self.judge.stop()
        self.broker.stop()
        self.database.remove()

    def rows(self, query: str) -> list[Any]:
        with psycopg.connect(self.database.url) as connection:
            return connection.execute(query).fetchall()

    def observe(self, agent_id: int, number: int, key: str | None = None) -> int:
        turns = [
            {
                "role": "Testing Agent",
                "content": f"It is about order-{number}.",
                "start_time": 0,
                "end_time": 2,
            },
            {"role": "Main Agent", "content": "Your order is on its way.", "start_time": 3, "end_time": 5},
        ]
        body = {
            "agent": agent_id,
            "call_id": f"call-{number}",
            "transcript_type": "cekura",
            "transcript_json": turns,
        }
        return int(self.server.post("/observability/v1/observe/", body)["id"])

    def set_up(
        self, calls: int, metrics: int, predefined: Sequence[str] = (), *, at_once: int = 100_000
    ) -> int:
        """An agent with calls, copies of one, then metrics: nothing is evaluated yet. `predefined` are codes
        of metrics that come with Callgauge."""
        agent_id = int(self.server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"])
        first = self.observe(agent_id, 0)
        for start in range(1, calls, at_once):
            self._copy(first, start, min(start + at_once, calls))
        for number in range(metrics):
            body = {
                "name": f"M{number}",
                "type": "llm_judge",
                "eval_type": "binary",
                "description": f"question-{number}?",
            }
            self.server.post("/test_framework/v1/metrics/", body)
        if predefined:
            codes = {"metric_codes": list(predefined)}
            self.server.post("/test_framework/v1/predefined-metrics/copy/", codes)
        return agent_id

    def _copy(self, first: int, start: int, end: int) -> None:
        with psycopg.connect(self.database.url) as connection:
            for table, key in (("store_calllog", "id"), ("store_callpayload", "call_id")):
                names = [
                    name
                    for (name,) in connection.execute(
                        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
                    )
                ]
                values = [_copied(name, key) for name in names]
                columns = ", ".join(f'"{name}"' for name in names)
                connection.execute(
                    f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} FROM {table}, "  # type: ignore[arg-type]
                    f"generate_series({start}, {end - 1}) AS n WHERE {key} = {first}"
                )
            connection.execute("SELECT setval('store_calllog_id_seq', (SELECT max(id) FROM store_calllog))")

    def rerun_all(self, agent_id: int) -> int:
        body = {"agent_id": agent_id, "call_logs": "all"}
        answer = self.server.post("/observability/v1/call-logs/rerun_evaluation/", body)
        return len(answer)

    def wait_done(self, within_secs: float) -> None:
        wait_until(
            lambda: self.rows("SELECT count(*) FROM store_rerun WHERE state <> 'done'") == [(0,)],
            within_secs=within_secs,
            what="the end of all reruns",
        )

    def tenant(self, project: str) -> ScaledOut:
        """The same installation with the key of another project."""
        other = copy.copy(self)
        other.server = copy.copy(self.server)
        other.server.key = self._make_key(project)
        return other

    def _broker(self) -> Any:
        from callgauge.worker.broker import Broker  # needs settings, which benchmarks do without

        uid = self.rows("SELECT uid FROM store_installation")[0][0]
        return Broker.at(self.broker.url, uid)

    def purge(self) -> int:
        """Throw away every message that no worker has taken."""
        broker = self._broker()
        with broker.app.connection_for_write() as connection, connection.channel() as channel:
            return sum(channel.queue_purge(name) or 0 for name in broker.queues.values())

    def send(self, chunk_ids: Sequence[int], *, installation: str | None) -> None:
        """Messages made by hand; `installation`: as another installation would send them."""
        from callgauge.store.models import Priority
        from callgauge.worker.broker import TASK

        broker = self._broker()
        queue = broker.queues[Priority.BULK]
        for chunk_id in chunk_ids:
            args = [installation or broker.installation, chunk_id]
            broker.app.send_task(TASK, args=args, queue=queue, routing_key=queue)

    def stored_twice(self) -> int:
        results = Counter(self.rows("SELECT call_id, version_id, rerun_id FROM store_metricresult"))
        return sum(count > 1 for count in results.values())

    def answered(self) -> set[tuple[str, str]]:
        answers = self.rows("SELECT answer FROM store_judgecall WHERE state = 'done'")
        found = set()
        for (answer,) in answers:
            order, question = json.loads(answer)["explanation"][0].split()
            found.add((order, question))
        return found


def _copied(column: str, key: str) -> str:
    if column == key:
        return f'"{column}" + n'
    if column == "call_id":
        return "'call-' || n"
    if column in {"turns", "transcript", "raw"}:
        return f"replace(\"{column}\", 'order-0.', 'order-' || n || '.')"
    if column == "content_hash":
        return "md5(n::text) || md5(n::text)"
    return f'"{column}"'

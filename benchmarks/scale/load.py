"""Half an hour of everything at once: calls come in, people read, reruns go on, metrics change."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.scale.watching import Watch
from tests.scaled_out import ScaledOut

JUDGED = 4
RULES = ("95104e97", "797328f3", "97619dca")
WORKERS = 2
CALLS_PER_SEC = 3.0
READERS = 4
READ_PAUSE_SECS = 0.25
SMALL_EVERY_SECS, SMALL = 60.0, 200
LARGE_EVERY_SECS, LARGE = 300.0, 2_000
QUEUE_EVERY_SECS = 2.0
PARTS = 6
SEED = 20261126
CALLS = "/observability/v1/call-logs/"
METRICS = "/test_framework/v1/metrics/"


def mixed(folder: Path, calls: int, secs: float) -> None:
    """--secs of mixed load on --calls calls: memory, open files, queue, how long reads take"""
    with ScaledOut(folder, answer_secs=0.5, concurrency=32) as installation:
        agent_id = installation.set_up(calls, JUDGED, RULES)
        running = [installation.add_worker() for _ in range(WORKERS)]
        for worker in running:
            worker.ready()
        first, last = installation.rows("SELECT min(id), max(id) FROM store_calllog")[0]
        load = Load(installation, agent_id, range(first, last + 1), secs)
        pids = {f"worker {n + 1}": worker.pid for n, worker in enumerate(running)}
        with Watch(pids | {"server": installation.server.pid}) as watch:
            load.run()
        print(*watch.lines(PARTS), sep="\n")
        load.report()
        start = time.perf_counter()
        installation.wait_done(within_secs=600)
        print(f"all work done {time.perf_counter() - start:.1f} s after the last request")
        lost = set(load.taken) - {i for (i,) in installation.rows("SELECT id FROM store_calllog")}
        undecided = installation.rows(
            f"SELECT count(*) FROM store_calllog WHERE id > {last} AND success IS NULL"
        )
        print(
            f"calls answered with 201: {len(load.taken)}, not stored: {len(lost)}, without a verdict: "
            f"{undecided[0][0]}; results twice: {installation.stored_twice()}"
        )


class Load:
    def __init__(self, installation: ScaledOut, agent_id: int, calls: range, secs: float) -> None:
        self.taken: list[int] = []
        self._installation = installation
        self._agent_id = agent_id
        self._calls = calls
        self._secs = secs
        self._start = 0.0
        self._reads: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._queue: list[int] = []
        self._failures: list[str] = []
        self._reruns = 0

    def run(self) -> None:
        jobs: list[Callable[[], None]] = [
            self._observe,
            self._rerun_small,
            self._change_and_rerun,
            self._look,
        ]
        jobs += [lambda seed=n: self._read(random.Random(SEED + seed)) for n in range(READERS)]  # type: ignore[misc]
        threads = [threading.Thread(target=job) for job in jobs]
        self._start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def report(self) -> None:
        everything = sorted(took for reads in self._reads.values() for _, took in reads)
        print(f"reads: {len(everything)}, {_spread(everything)}")
        for path, reads in sorted(self._reads.items()):
            print(f"  {path}: {len(reads)}, {_spread(sorted(took for _, took in reads))}")
        by_part = [
            sorted(t for r in self._reads.values() for at, t in r if self._part(at) == n)
            for n in range(PARTS)
        ]
        print(f"p99 by part of the time: {' '.join(f'{1000 * _at(part, 0.99):.0f}' for part in by_part)} ms")
        edges = [len(self._queue) * n // PARTS for n in range(PARTS + 1)]
        chunks = [statistics.mean(self._queue[a:b]) for a, b in itertools.pairwise(edges)]
        print(
            f"chunks waiting or under way: mean {' '.join(f'{n:.1f}' for n in chunks)}, "
            f"most {max(self._queue)}"
        )
        print(
            f"reruns asked for: {self._reruns}; failures: {len(self._failures)} {self._failures[:5]}",
            flush=True,
        )

    def _part(self, at: float) -> int:
        return min(PARTS - 1, int(PARTS * at / self._secs))

    def _every(self, secs: float, act: Callable[[int], None]) -> None:
        number = 0
        while (due := number * secs) < self._secs:
            time.sleep(max(0.0, self._start + due - time.perf_counter()))
            try:
                act(number)
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self._failures.append(repr(error)[:200])
            number += 1

    def _observe(self) -> None:
        self._every(
            1 / CALLS_PER_SEC,
            lambda n: self.taken.append(self._installation.observe(self._agent_id, 1_000_000 + n)),
        )

    def _rerun(self, count: int, seed: int) -> None:
        chosen = random.Random(SEED + seed).sample(self._calls, count)
        body = {"agent_id": self._agent_id, "call_logs": chosen}
        self._installation.server.post(f"{CALLS}rerun_evaluation/", body)
        self._reruns += 1

    def _rerun_small(self) -> None:
        self._every(SMALL_EVERY_SECS, lambda n: self._rerun(SMALL, n))

    def _change_and_rerun(self) -> None:
        """A new version of a metric, then a rerun with it."""

        def change(number: int) -> None:
            metric = self._installation.rows("SELECT min(id) FROM store_metric")[0][0]
            question = {"description": f"question-{number}?"}
            status, _ = self._installation.server.request("PATCH", f"{METRICS}{metric}/", question)
            assert status == 200, status
            self._rerun(LARGE, 1_000 + number)

        self._every(LARGE_EVERY_SECS, change)

    def _look(self) -> None:
        query = "SELECT count(*) FROM store_chunk WHERE state <> 'done'"
        self._every(QUEUE_EVERY_SECS, lambda _: self._queue.append(self._installation.rows(query)[0][0]))

    def _read(self, rng: random.Random) -> None:
        address = urlsplit(self._installation.server.url)
        kept = http.client.HTTPConnection(address.netloc, timeout=60)
        self._every(READ_PAUSE_SECS, lambda _: self._read_one(kept, rng))
        kept.close()

    def _read_one(self, kept: http.client.HTTPConnection, rng: random.Random) -> None:
        name, path = rng.choice(
            (
                ("calls", f"{CALLS}?page_size=20"),
                (
                    "calls of an agent",
                    f"{CALLS}?agent_id={self._agent_id}&page_size=20&page={rng.randint(2, 50)}",
                ),
                ("calls that failed", f"{CALLS}?success=false&page_size=20"),
                ("a call", f"{CALLS}{rng.choice(self._calls)}/"),
                ("metrics", METRICS),
                ("agents", "/test_framework/v2/aiagents/"),
            )
        )
        start = time.perf_counter()
        kept.request("GET", path, headers={"X-CEKURA-API-KEY": self._installation.server.key})
        response = kept.getresponse()
        body: Any = response.read()
        took = time.perf_counter() - start
        assert response.status == 200, f"{path}: {response.status} {body[:200]!r}"
        json.loads(body)
        self._reads[name].append((start - self._start, took))


def _spread(ordered: list[float]) -> str:
    return ", ".join(f"p{round(100 * q)} {1000 * _at(ordered, q):.0f}" for q in (0.5, 0.95, 0.99)) + (
        f", at most {1000 * ordered[-1]:.0f} ms" if ordered else ""
    )


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

"""A rerun of 100,000 calls, beside smaller ones, and what it does to everybody else."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

import psycopg

from benchmarks.scale.watching import Watch, cpu_of_family
from tests.scaled_out import ScaledOut, Worker

JUDGED = 4
RULES = ("95104e97", "797328f3", "5f02a2cd", "3b5f3a07", "97619dca", "8df263b8")
"""Predefined, without a judge: tool calls, latency, interruptions, silence, talk ratio, words a minute."""
WORKERS = 2
SMALLER = (1_000, 10_000)
AT_ONCE = 10_000
LIVE_PER_SEC, LIVE_SECS = 20, 60
SECOND_CALLS, SECOND_RUNS = 100, 3
POLL_SECS = 0.05
HOUR_SECS = 3600.0


def rerun(folder: Path, calls: int) -> None:
    """1,000, 10,000 and then --calls calls x 10 metrics: cost of a call, memory, everybody else"""
    with ScaledOut(folder, answer_secs=0.05, concurrency=32) as installation:
        second = installation.tenant("Second")
        small = second.set_up(SECOND_CALLS, JUDGED)
        running = [installation.add_worker() for _ in range(WORKERS)]
        for worker in running:
            worker.ready()
        alone = second_alone(second, small)
        for size in SMALLER:
            _whole(installation, size, running)
        _whole(installation, calls, running, second=(second, small, alone))


def _whole(
    installation: ScaledOut,
    calls: int,
    running: list[Worker],
    second: tuple[ScaledOut, int, float] | None = None,
) -> None:
    tenant = installation.tenant(f"Calls {calls}")
    agent_id = tenant.set_up(calls, JUDGED, RULES, at_once=AT_ONCE)
    pids = {f"worker {n + 1}": worker.pid for n, worker in enumerate(running)}
    pids |= {"server": installation.server.pid}
    database = installation.database.pid
    before, stored_before = sum(map(cpu_of_family, pids.values())), cpu_of_family(database)
    with Watch(pids) as watch:
        start = time.perf_counter()
        post = threading.Thread(target=tenant.rerun_all, args=(agent_id,))
        post.start()
        planned = _wait(installation, agent_id, "planned_at IS NOT NULL") - start
        if second is not None:
            _beside(installation, tenant, agent_id, second)
        ended = _wait(installation, agent_id, "state = 'done'")
        post.join()
    secs = ended - start
    cpu = sum(map(cpu_of_family, pids.values())) - before
    evaluations = calls * (JUDGED + len(RULES))
    print(
        f"{calls} calls: {secs:.0f} s, {evaluations / secs:.0f} evaluations/s, planned in {planned:.1f} s, "
        f"{1000 * cpu / calls:.2f} ms CPU a call in server and workers, "
        f"{1000 * (cpu_of_family(database) - stored_before) / calls:.2f} ms in PostgreSQL; "
        f"{_outcome(installation, agent_id)}"
    )
    print(*watch.lines(), sep="\n", flush=True)


def _beside(
    installation: ScaledOut, tenant: ScaledOut, agent_id: int, second: tuple[ScaledOut, int, float]
) -> None:
    """Somebody else's rerun, and live calls of the tenant whose large rerun goes on."""
    other, small, alone = second
    time.sleep(10)  # until it is well under way
    second_beside(other, small, alone)
    waits = sorted(live(installation, tenant, agent_id, per_sec=LIVE_PER_SEC, secs=LIVE_SECS))
    done = installation.rows(f"SELECT state = 'done' FROM store_rerun WHERE {_large(agent_id)}")
    print(
        f"live calls at {LIVE_PER_SEC}/s for {LIVE_SECS} s: {len(waits)} evaluated, "
        f"p50 {statistics.median(waits):.2f} s, p95 {waits[int(0.95 * len(waits))]:.2f} s, "
        f"at most {waits[-1]:.2f} s; large rerun over: {done[0][0]}",
        flush=True,
    )


def second_alone(second: ScaledOut, agent_id: int) -> float:
    """The median of a few reruns of another tenant's calls while nobody else has work; seconds."""
    alone = [rerun_secs(second, agent_id) for _ in range(SECOND_RUNS)]
    print(f"another tenant's {SECOND_CALLS} calls, alone: {_listed(alone)} s", flush=True)
    return statistics.median(alone)


def second_beside(second: ScaledOut, agent_id: int, alone: float) -> None:
    beside = [rerun_secs(second, agent_id) for _ in range(SECOND_RUNS)]
    print(
        f"another tenant's {SECOND_CALLS} calls, beside a large rerun: {_listed(beside)} s = "
        f"{statistics.median(beside) / alone:.2f}x of alone (medians)",
        flush=True,
    )


def rerun_secs(installation: ScaledOut, agent_id: int, *, poll_secs: float = POLL_SECS) -> float:
    query = (
        f"SELECT count(*) FROM store_rerun WHERE state <> 'done' AND agent_id = {agent_id} AND kind = 'rerun'"
    )
    with psycopg.connect(installation.database.url, autocommit=True) as connection:
        start = time.perf_counter()
        installation.rerun_all(agent_id)
        while connection.execute(query).fetchall() != [(0,)]:
            time.sleep(poll_secs)
        return time.perf_counter() - start


def live(
    installation: ScaledOut, tenant: ScaledOut, agent_id: int, *, per_sec: int, secs: int
) -> list[float]:
    """Seconds from a call's commit to its verdict, by the database's clock."""
    first = installation.rows("SELECT coalesce(max(id), 0) FROM store_rerun")[0][0]
    threads = []
    start = time.perf_counter()
    for number in range(per_sec * secs):
        thread = threading.Thread(target=tenant.observe, args=(agent_id, 1_000_000 + number))
        thread.start()
        threads.append(thread)
        time.sleep(max(0.0, start + (number + 1) / per_sec - time.perf_counter()))
    for thread in threads:
        thread.join()
    found = f"FROM store_rerun WHERE kind = 'live' AND id > {first}"
    while installation.rows(f"SELECT count(*) {found} AND state <> 'done'") != [(0,)]:
        time.sleep(POLL_SECS)
    return [
        float(wait)
        for (wait,) in installation.rows(f"SELECT extract(epoch FROM finished_at - created_at) {found}")
    ]


def _large(agent_id: int) -> str:
    return f"kind = 'rerun' AND agent_id = {agent_id}"


def _wait(installation: ScaledOut, agent_id: int, condition: str) -> float:
    query = f"SELECT count(*) FROM store_rerun WHERE {_large(agent_id)} AND {condition}"
    end = time.perf_counter() + 3 * HOUR_SECS
    while installation.rows(query) == [(0,)]:
        assert time.perf_counter() < end, "the rerun did not end"
        time.sleep(POLL_SECS)
    return time.perf_counter()


def _outcome(installation: ScaledOut, agent_id: int) -> str:
    total, scored, skipped, failed, settled = installation.rows(
        f"SELECT total, scored, skipped, failed, settled_calls FROM store_rerun WHERE {_large(agent_id)}"
    )[0]
    twice = installation.rows(
        "SELECT count(*) FROM (SELECT 1 FROM store_metricresult GROUP BY call_id, version_id, rerun_id "
        "HAVING count(*) > 1) AS found"
    )[0][0]
    return (
        f"{total} results: {scored} scored, {skipped} skipped, {failed} failed, "
        f"{settled} calls settled, {twice} twice"
    )


def _listed(secs: list[float]) -> str:
    return " ".join(f"{each:.1f}" for each in secs)

"""What more workers bring, what a large rerun does to everybody else, and what failures cost."""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.rerun.product import cpu_secs, peak_mb
from benchmarks.scale import bare, large, load, rolling
from tests.own_services import Network, Postgres, Rabbit
from tests.scaled_out import ScaledOut, Worker

METRICS = 4
SEED = 20261125
OPEN_RERUN = "state <> 'done' AND kind = 'rerun'"
POLL_SECS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run, calls in (
        ("bare", bare.beside_bare_loop, 100),
        ("workers", workers, 400),
        ("others", others, 4000),
        ("kills", kills, 5000),
        ("rolling", rolling.restarts, 3000),
        ("large", large.rerun, 100_000),
        ("load", load.mixed, 20_000),
    ):
        command = commands.add_parser(name, help=run.__doc__)
        command.add_argument("--calls", type=int, default=calls)
        command.set_defaults(run=run)
        if run is others:
            command.add_argument("--in-flight", type=int, default=32, help="requests of a worker at a time")
        if run is load.mixed:
            command.add_argument("--secs", type=float, default=1800.0)
    options = vars(parser.parse_args())
    run = options.pop("run")
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), **options)


def workers(folder: Path, calls: int) -> None:
    """one worker and two: time, CPU for each evaluation, memory; with a judge of 1 s and of 0 s"""
    for answer_secs in (1.0, 0.0):
        walls = []
        for count in (1, 2):
            place = folder / f"{answer_secs}-{count}"
            place.mkdir()
            with ScaledOut(place, answer_secs=answer_secs, concurrency=32) as installation:
                agent_id = installation.set_up(calls, METRICS)
                running = _start(installation, count)
                before = _cpu(installation, running)
                start = time.perf_counter()
                installation.rerun_all(agent_id)
                installation.wait_done(within_secs=3600)
                walls.append(time.perf_counter() - start)
                cpu_ms = 1000 * (_cpu(installation, running) - before) / (calls * METRICS)
                peak = max(peak_mb(worker.pid) for worker in running)
                print(
                    f"judge {answer_secs:.0f} s, {count} worker(s): {walls[-1]:.1f} s, {cpu_ms:.2f} ms CPU "
                    f"for each evaluation (server and workers), peak {peak:.0f} MB a worker, "
                    f"{len(installation.judge.asked)} requests",
                    flush=True,
                )
        print(f"judge {answer_secs:.0f} s: two workers do {walls[0] / walls[1]:.2f}x of one\n", flush=True)


def others(folder: Path, calls: int, in_flight: int) -> None:
    """while a large rerun goes on: live calls at 20 a second, and a second tenant's rerun of 100 calls"""
    with ScaledOut(folder, answer_secs=1.0, concurrency=in_flight) as installation:
        large_id = installation.set_up(calls, METRICS)
        second = installation.tenant("Second")
        small = second.set_up(large.SECOND_CALLS, METRICS)
        _start(installation, 2)
        alone = large.second_alone(second, small)
        installation.rerun_all(large_id)
        time.sleep(5)
        large.second_beside(second, small, alone)
        waits = large.live(installation, installation, large_id, per_sec=20, secs=30)
        print(
            f"live calls, {len(waits)} at 20/s: p50 {statistics.median(waits):.2f} s, "
            f"p95 {sorted(waits)[int(0.95 * len(waits))]:.2f} s until evaluated"
        )
        unfinished = installation.rows(f"SELECT count(*) FROM store_rerun WHERE {OPEN_RERUN}")
        print(f"large rerun still under way: {bool(unfinished[0][0])}")


def kills(folder: Path, calls: int) -> None:
    """twenty kills of workers, failures of broker, database and network: what is lost, what is paid twice"""
    rng = random.Random(SEED)
    with ExitStack() as stack:
        network = Network()
        stack.callback(network.remove)
        installation = stack.enter_context(
            ScaledOut(folder, answer_secs=0.1, concurrency=32, network=network)
        )
        agent_id = installation.set_up(calls, METRICS)
        running = [installation.add_worker(before=network.before), installation.add_worker()]
        for worker in running:
            worker.ready()
        installation.rerun_all(agent_id)
        repeated: set[tuple[str, str]] = set()
        recovery: list[float] = []
        failures: dict[int, Callable[[], None]] = {
            5: lambda: _restart(installation.broker),
            10: lambda: _restart(installation.database),
            15: lambda: _cut_for(network, 20.0),
        }
        for number in range(20):
            _progress(installation, rng.randint(50, 300))
            if installation.rows(f"SELECT count(*) FROM store_rerun WHERE {OPEN_RERUN}") == [(0,)]:
                print(f"the rerun ended before kill {number + 1}: --calls is too small")
                break
            victim = rng.choice(running)
            victim.kill()
            time.sleep(0.5)  # what the other worker had under way is stored by now
            asked, answered = len(installation.judge.asked), installation.answered()
            start = time.perf_counter()
            victim.start()
            victim.ready()
            _progress(installation, 1)
            recovery.append(time.perf_counter() - start)
            print(f"kill {number + 1}: progress after {recovery[-1]:.1f} s, {asked} asked", flush=True)
            repeated |= answered & set(installation.judge.asked[asked:])
            failures.get(number, lambda: None)()
        installation.wait_done(within_secs=1800)
        rerun = installation.rows(
            "SELECT total, scored, failed, settled_calls FROM store_rerun WHERE kind = 'rerun'"
        )
        undecided = installation.rows("SELECT count(*) FROM store_calllog WHERE success IS NULL")
        asked = len(installation.judge.asked)
        print(
            f"total, scored, failed, settled: {rerun}; undecided {undecided}; stored twice "
            f"{installation.stored_twice()}; answers asked again: {len(repeated)}; asked {asked} times "
            f"for {calls * METRICS} questions; progress after a kill: at most {max(recovery):.1f} s"
        )


def _start(installation: ScaledOut, count: int) -> list[Worker]:
    running = [installation.add_worker() for _ in range(count)]
    for worker in running:
        worker.ready()
    return running


def _cpu(installation: ScaledOut, running: list[Worker]) -> float:
    return cpu_secs(installation.server.pid) + sum(cpu_secs(worker.pid) for worker in running)


def _progress(installation: ScaledOut, at_least: int) -> None:
    wanted = len(installation.judge.asked) + at_least
    deadline = time.monotonic() + 120
    while len(installation.judge.asked) < wanted and time.monotonic() < deadline:
        time.sleep(POLL_SECS)


def _restart(service: Rabbit | Postgres) -> None:
    service.stop()
    service.start()


def _cut_for(network: Network, secs: float) -> None:
    network.cut()
    time.sleep(secs)
    network.mend()


if __name__ == "__main__":
    main()

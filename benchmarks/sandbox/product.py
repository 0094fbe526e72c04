"""Python metrics through the whole product: rows in, executor, sandbox, results and verdicts on disk.

`python -m benchmarks.sandbox.product` makes a fresh data folder, takes in calls of 60 turns, reruns them with
Python metrics and no judge, and says how many evaluations a second were stored.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.sandbox.__main__ import MONTY_SCRIPT, SCRIPT, TURNS, Measured, call, cpu_secs, one, timed
from callgauge.sandbox import BACKENDS, open_sandbox

BUILT_IN = ("95104e97", "797328f3", "5f02a2cd", "3b5f3a07", "97619dca", "8df263b8")
"""Tool calls, latency, interruptions, silence, talk ratio, words a minute."""
THREADS = 3
"""Of the four scripts that run at once on two cores, one is kept for live calls."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--metrics", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=32, help="CALLGAUGE_JUDGE_CONCURRENCY")
    parser.add_argument("--kind", choices=["python", "built-in"], default="python")
    parser.add_argument("--sandbox", choices=sorted(BACKENDS), default="cpython", help="CALLGAUGE_SANDBOX")
    parser.add_argument("--only-product", action="store_true", help="not the sandbox alone, before and after")
    parser.add_argument("--profile", metavar="FILE", help="write a profile of the event loop's thread")
    options = parser.parse_args()
    if options.only_product:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder) / "data", options)
        return
    before = alone(options.calls, options.sandbox)
    with tempfile.TemporaryDirectory() as folder:
        rate, cpu_ms = measure(Path(folder) / "data", options)
    after = alone(options.calls, options.sandbox)
    bare, bare_ms = (before.rate + after.rate) / 2, (before.cpu_ms + after.cpu_ms) / 2
    print(
        f"the sandbox alone, before and after: {before.rate:.0f} and {after.rate:.0f}/s, {bare_ms:.2f} ms "
        f"CPU each; the product has {rate / bare:.2f} of its rate at {cpu_ms / bare_ms:.2f} times its CPU"
    )


def alone(count: int, backend: str) -> Measured:
    """The same script and call without the product, from as many threads as the product uses for a rerun."""
    data = call()
    with open_sandbox(backend) as sandbox:
        return timed(lambda: one(sandbox, data), count, THREADS)


def measure(folder: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Evaluations per second of the clock, and milliseconds of CPU of each."""
    from callgauge.cli import bootstrap

    os.environ["CALLGAUGE_LOG_LEVEL"] = "error"
    bootstrap.start(folder)

    from callgauge.flow.keys import create_key
    from callgauge.flow.rerun import Selection, request_rerun
    from callgauge.store.models import Agent, MetricResult, Rerun
    from callgauge.worker.executor import Executor

    key, _ = create_key(organization="bench", project="bench", name="")
    project = key.project
    assert project is not None
    agent = Agent.objects.create(project=project, name="Bench", assistant_id="bench")
    _make_metrics(project, options)
    _take_in(key, agent, range(-1, 0))
    executor = Executor("bench:1", lambda: None, concurrency=options.concurrency, sandbox=options.sandbox)
    if options.profile:
        _profile(executor, options.profile)
    executor.start()

    def measured() -> int:
        rerun = request_rerun(key, agent, Selection()).rerun
        while Rerun.objects.values_list("state", flat=True).get(pk=rerun.pk) != "done":
            time.sleep(0.05)
        return rerun.pk

    measured()  # opens the sandbox, which attacks itself first: half a second of CPU, once
    _take_in(key, agent, range(options.calls))
    cpu, began = cpu_secs(), time.perf_counter()
    rerun_id = measured()
    wall, cpu = time.perf_counter() - began, cpu_secs() - cpu
    executor.stop()
    outcomes = ("scored",) if options.kind == "python" else ("scored", "skipped")
    done = MetricResult.objects.filter(rerun=rerun_id, outcome__in=outcomes).count()
    assert done == options.calls * options.metrics, (done, "were measured")
    print(
        f"{options.calls} calls of {TURNS} turns x {options.metrics} {options.kind} metrics"
        f"{f' in {options.sandbox}' if options.kind == 'python' else ''}: "
        f"{done / wall:.0f} evaluations/s, {wall:.1f} s, {cpu / done * 1e3:.2f} ms CPU each; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    return done / wall, cpu / done * 1e3


def _make_metrics(project: object, options: argparse.Namespace) -> None:
    from callgauge.engine.predefined import PREDEFINED
    from callgauge.flow.metrics import MetricChange, create_metric
    from callgauge.flow.metrics_predefined import copy_predefined

    if options.kind == "built-in":
        chosen = [one for one in PREDEFINED if one.code in BUILT_IN[: options.metrics]]
        assert len(chosen) == options.metrics, f"at most {len(BUILT_IN)}"
        copy_predefined(project, chosen)  # type: ignore[arg-type]
        return
    for number in range(options.metrics):
        frozen = {
            "name": f"Words {number}",
            "kind": "custom_code",
            "eval_type": "numeric",
            "custom_code": SCRIPT if options.sandbox == "cpython" else MONTY_SCRIPT,
        }
        create_metric(project, MetricChange(frozen=frozen))  # type: ignore[arg-type]


def _take_in(key: object, agent: object, numbers: range) -> None:
    """As rows, without the web: what is measured is the evaluation."""
    import json

    from django.db import transaction
    from django.utils import timezone

    from callgauge.domain.calls import stable_hash
    from callgauge.store.models import CallLog, CallPayload

    data = call()
    with transaction.atomic():
        for number in numbers:
            row = CallLog.objects.create(
                project_id=agent.project_id,  # type: ignore[attr-defined]
                agent=agent,
                call_id=f"bench-{number}",
                timestamp=timezone.now(),
                duration_secs=data["call_duration"],
                content_hash=stable_hash("bench", number),
            )
            CallPayload.objects.create(call=row, turns=json.dumps(data["transcript_json"]))


def _profile(executor: object, path: str) -> None:
    import cProfile

    run = executor._run  # type: ignore[attr-defined]
    profile = cProfile.Profile()

    def profiled() -> None:
        profile.runcall(run)
        profile.dump_stats(path)

    executor._thread._target = profiled  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()

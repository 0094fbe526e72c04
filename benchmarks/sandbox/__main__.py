"""Runs one metric script over one 60-turn call, again and again: bare, and on every backend."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgauge.sandbox import BACKENDS, Sandbox, SandboxUnavailable, ScriptOk, open_sandbox

TURNS = 60

SCRIPT = r"""
from collections import Counter
from statistics import median

turns = [t for t in data["transcript_json"] if t["role"] == "Main Agent"]
words = Counter(w for t in turns for w in re.findall(r"\w+", t["content"].lower()))
gaps = [b["start_time"] - a["end_time"] for a, b in zip(data["transcript_json"], data["transcript_json"][1:])]
_result = len(words)
_explanation = [f"{word}: {count}" for word, count in words.most_common(3)]
_extra = {"median_gap": median(gaps), "numbers": re.findall(r"\d{4,}", data["transcript"])}
"""

# Monty has no `statistics`.
MONTY_SCRIPT = SCRIPT.replace(
    "from statistics import median\n", "def median(xs):\n    return sorted(xs)[len(xs) // 2]\n"
)


def call() -> dict[str, Any]:
    turns = []
    for i in range(TURNS):
        start = i * 5.0
        role = "Main Agent" if i % 2 == 0 else "Testing Agent"
        text = (
            f"Turn {i}: I would like to check booking {i * 7919} for two people on day {i % 28 + 1}, please."
        )
        clock = f"{int(start) // 60:02d}:{int(start) % 60:02d}"
        turns.append(
            {"role": role, "content": text, "time": clock, "start_time": start, "end_time": start + 4.2}
        )
    transcript = "\n".join(f"[{t['time']}] {t['role']}: {t['content']}" for t in turns)
    return {"transcript": transcript, "transcript_json": turns, "call_duration": TURNS * 5.0, "metadata": {}}


@dataclass(frozen=True)
class Measured:
    rate: float
    """Evaluations per second of the clock."""
    median_ms: float
    p95_ms: float
    cpu_ms: float
    """CPU of one evaluation, in this process and all below it: what a busy machine changes least."""


def timed(run: Callable[[], None], count: int, threads: int) -> Measured:
    took_ms: list[float] = []

    def work() -> None:
        for _ in range(count // threads):
            started = time.perf_counter()
            run()
            took_ms.append((time.perf_counter() - started) * 1e3)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    cpu, started = cpu_secs(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    wall, cpu = time.perf_counter() - started, cpu_secs() - cpu
    cuts = statistics.quantiles(took_ms, n=20)
    return Measured(len(took_ms) / wall, cuts[9], cuts[18], cpu / len(took_ms) * 1e3)


def cpu_secs() -> float:
    """Of this process, its children, and the children that those have reaped."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.getpid() == int(fields[1]):
            ticks += sum(int(field) for field in fields[11:15])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def bare(data_json: str) -> None:
    names = {"data": json.loads(data_json), "json": json, "re": __import__("re")}
    exec(compile(SCRIPT, "<metric>", "exec"), names)
    assert names["_result"]


def line(name: str, threads: int, found: Measured, bare_cpu_ms: float) -> None:
    print(
        f"{name:<9} {threads:>7} {found.rate:>7.0f} {found.median_ms:>9.2f} {found.p95_ms:>7.2f} "
        f"{found.cpu_ms:>7.2f} {found.cpu_ms / bare_cpu_ms:>7.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600, help="evaluations per row")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2, 4, 8])
    options = parser.parse_args()
    data = call()
    data_json = json.dumps(data)
    print(f"{TURNS} turns, {len(data_json)} bytes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<9} {'threads':>7} {'per s':>7} {'median ms':>9} {'p95 ms':>7} {'CPU ms':>7} {'x bare':>7}")
    alone = timed(lambda: bare(data_json), options.count, 1)
    line("bare exec", 1, alone, alone.cpu_ms)
    for name in BACKENDS:
        try:
            sandbox = open_sandbox(name)
        except SandboxUnavailable as error:
            print(f"{name:<9} {error}")
            continue
        with sandbox:
            for threads in options.threads:
                found = timed(lambda: one(sandbox, data), options.count, threads)  # noqa: B023
                line(name, threads, found, alone.cpu_ms)


def one(sandbox: Sandbox, data: dict[str, Any]) -> None:
    outcome = sandbox.run(SCRIPT if sandbox.backend == "cpython" else MONTY_SCRIPT, data)
    assert isinstance(outcome, ScriptOk), outcome


if __name__ == "__main__":
    main()

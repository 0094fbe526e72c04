"""`python -m benchmarks.rerun.peers`: the product beside public evaluation packages; see the README."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.rerun import product
from benchmarks.rerun.__main__ import CALLS, LATENCY_MS, METRICS, bare_loop, requests_so_far, sent_bodies

PHOENIX = ("arize-phoenix-evals==3.9.4", "openai>=2")
PEERS = {
    # langchain-community 0.4 lacks a module that ragas 0.4 imports.
    "ragas": (
        "ragas==0.4.3",
        "langchain-community<0.4",
        "langchain-core<1",
        "langchain-openai<1",
        "openai>=2",
    ),
    "phoenix-evals": PHOENIX,
    "phoenix-as-it-comes": PHOENIX,  # with its own brake on
}
SILENT = {"RAGAS_DO_NOT_TRACK": "true"}
"""Otherwise ragas reports each evaluation to its makers, and waits for that."""
PROGRAMS = Path(__file__).with_name("peer_programs.py")
MEASURED = CALLS * METRICS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun.peers")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS), help="names, comma-separated")
    parser.add_argument("--environments", type=Path, help="keep the peers' environments here")
    options = parser.parse_args()
    names = options.peers.split(",")
    with tempfile.TemporaryDirectory() as folder:
        pythons = {name: _environment(options.environments or Path(folder), name) for name in names}
        _compare(Path(folder), pythons, options.runs)


def _environment(folder: Path, name: str) -> Path:
    python = folder / f"env-{name}" / "bin" / "python"
    if not python.exists():
        print(f"installing {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *PEERS[name],
        ]
        subprocess.run(install, check=True)
    return python


def _compare(folder: Path, pythons: dict[str, Path], runs: int) -> None:
    judge = product.start_judge(LATENCY_MS)
    server = product.start_server(folder, judge.url)
    try:
        agent_id = product.add_calls(server, CALLS)
        product.add_metrics(server, METRICS)
        product.rerun_all(server, agent_id)  # warm
        bodies = sent_bodies(judge.url, server, agent_id)
        file = folder / "work.json"
        rules = [f"Rule {number}: {product.RULE}" for number in range(METRICS)]
        texts = [_text(number) for number in range(CALLS)]
        file.write_text(json.dumps({"calls": texts, "rules": rules, "in_flight": product.IN_FLIGHT}))
        for _ in range(runs):
            before, cpu = requests_so_far(judge.url), product.cpu_secs(server.pid)
            wall = product.rerun_all(server, agent_id)
            cpu = product.cpu_secs(server.pid) - cpu
            _print("product", wall, cpu, requests_so_far(judge.url) - before)
            wall, cpu = asyncio.run(bare_loop(f"{judge.url}/v1/chat/completions", bodies))
            _print("bare loop", wall, cpu, len(bodies))
            for name, python in pythons.items():
                before = requests_so_far(judge.url)
                taken = _run_peer(name, python, judge.url, file)
                assert taken["sound"] == MEASURED, taken
                asked = requests_so_far(judge.url) - before - int(taken["warm_up"])
                _print(name, taken["wall_secs"], taken["cpu_secs"], asked)
    finally:
        server.stop()
        judge.stop()


def _run_peer(name: str, python: Path, judge_url: str, file: Path) -> dict[str, Any]:
    command = [str(python), str(PROGRAMS), name, judge_url, str(file)]
    done = subprocess.run(command, env=os.environ | SILENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    taken: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return taken


def _text(number: int) -> str:
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in product.turns(number))


def _print(name: str, wall_secs: float, cpu_secs: float, requests: int) -> None:
    each = 1000 * cpu_secs / MEASURED
    print(f"{name:19s} {wall_secs:6.2f} s  {each:6.2f} ms CPU/evaluation  {requests:4d} requests", flush=True)


if __name__ == "__main__":
    main()

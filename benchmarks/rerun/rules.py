"""`python -m benchmarks.rerun.rules`: metrics without a judge, stored, beside mlflow; see the README."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rerun import product
from tests.server import Server

CALLS, PEER_CALLS = 2_000, 20
CODES = ("797328f3", "eb4fb9dd", "95104e97")
"""Latency, Interruption Score, Tool Call Success."""
PEER = "mlflow==3.17.2"
PROGRAM = Path(__file__).with_name("mlflow_program.py")
SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun.rules")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--environment", type=Path, help="keep mlflow's environment here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(options.environment or Path(folder) / "env")
        _compare(Path(folder), python, options.runs)


def _environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        print("installing mlflow", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, PEER], check=True)
    return python


def _compare(folder: Path, python: Path, runs: int) -> None:
    for number in range(runs):
        _measure_product(folder / f"product-{number}")
        done = subprocess.run(
            [str(python), str(PROGRAM), str(folder / f"mlflow-{number}"), str(PEER_CALLS)],
            env=os.environ | SILENT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        taken = json.loads(done.stdout.splitlines()[-1])
        _print("mlflow", PEER_CALLS * len(CODES), taken["wall_secs"], taken["cpu_secs"])


def _measure_product(folder: Path) -> None:
    """On a server of its own: a second rerun would find that nothing has changed, and measure nothing."""
    (folder / "data").mkdir(parents=True)
    server = Server(folder / "data")
    server.start()
    try:
        server.make_key()
        agent_id = product.add_calls(server, CALLS)
        server.post("/test_framework/v1/predefined-metrics/copy/", {"metric_codes": list(CODES)})
        cpu = product.cpu_secs(server.pid)
        wall = product.rerun_all(server, agent_id)
        cpu = product.cpu_secs(server.pid) - cpu
        ((stored,),) = server.rows(
            "SELECT count(*) FROM store_metricresult WHERE rerun_id = (SELECT max(id) FROM store_rerun)"
        )
        assert stored == CALLS * len(CODES), stored
        _print("product", stored, wall, cpu)
    finally:
        server.stop()


def _print(name: str, count: int, wall_secs: float, cpu_secs: float) -> None:
    each = 1000 * cpu_secs / count
    print(f"{name:8s} {count / wall_secs:7.0f} evaluations/s, stored  {each:6.2f} ms CPU each", flush=True)


if __name__ == "__main__":
    main()

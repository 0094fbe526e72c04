"""`python -m benchmarks.sandbox.peers`: code metrics through the product, stored, beside mlflow's."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MLFLOW = "mlflow==3.17.2"
SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
PROGRAM = Path(__file__).resolve().with_name("mlflow_program.py")
PRODUCT = [sys.executable, "-m", "benchmarks.sandbox.product"]
OURS = {
    "built-in metrics": ("--metrics", "6", "--kind", "built-in"),
    "Python metrics in a process each": ("--metrics", "1"),
    "Python metrics in monty": ("--metrics", "1", "--sandbox", "monty"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox.peers", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--mlflow-calls", type=int, default=30)
    parser.add_argument("--environment", type=Path, help="keep mlflow's environment here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = _environment((options.environment or Path(folder) / "env").absolute())
        for _ in range(options.runs):
            peer = _mlflow(python, options.mlflow_calls)
            for name, choice in OURS.items():
                rate = _product(name, options.calls, choice)
                print(f"{name}: {rate:.0f}/s, {rate / peer:.0f}x mlflow", flush=True)


def _environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", MLFLOW]
        subprocess.run(command, check=True)
    return python


def _mlflow(python: Path, calls: int) -> float:
    command = [str(python), str(PROGRAM), str(calls)]
    with tempfile.TemporaryDirectory() as folder:  # it leaves traces where it is started
        done = subprocess.run(
            command, env=os.environ | SILENT, cwd=folder, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    taken = json.loads(done.stdout.splitlines()[-1])
    rate = float(taken["evaluations"]) / float(taken["wall_secs"])
    each = 1000 * taken["cpu_secs"] / taken["evaluations"]
    print(f"mlflow: {taken['evaluations']} evaluations, {rate:.1f}/s, {each:.1f} ms CPU each", flush=True)
    return rate


def _product(name: str, calls: int, choice: tuple[str, ...]) -> float:
    command = [*PRODUCT, "--calls", str(calls), "--only-product", *choice]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (name, done.stderr)
    print(done.stdout.strip(), flush=True)
    found = re.search(r"(\d+) evaluations/s", done.stdout)
    assert found is not None
    return float(found[1])


if __name__ == "__main__":
    main()

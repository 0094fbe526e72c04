"""Three scorers in plain code with mlflow on SQLite. Runs in an environment of its own, without Callgauge.

`python mlflow_program.py FOLDER CALLS` prints wall and CPU seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
from mlflow.genai.scorers import scorer

TEXT = "We would like a table for the evening, and one of us cannot eat nuts. " * 40


@scorer
def long_enough(outputs: str) -> bool:
    return len(outputs) > 100


@scorer
def words(outputs: str) -> int:
    return len(outputs.split())


@scorer
def names_the_table(outputs: str) -> bool:
    return "table" in outputs


def run(calls: int) -> dict[str, float]:
    data: list[dict[str, Any]] = [
        {"inputs": {"call": str(number)}, "outputs": f"{TEXT}({number})"} for number in range(calls)
    ]
    start, cpu = time.perf_counter(), time.process_time()
    result = mlflow.genai.evaluate(data=data, scorers=[long_enough, words, names_the_table])
    taken = {"wall_secs": time.perf_counter() - start, "cpu_secs": time.process_time() - cpu}
    assert result.metrics["long_enough/mean"] == 1.0, result.metrics
    return taken


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.sqlite3")
    mlflow.set_experiment("rules")
    run(2)  # warm
    print(json.dumps(run(int(sys.argv[2]))))

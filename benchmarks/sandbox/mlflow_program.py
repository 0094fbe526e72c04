"""Code metrics with mlflow, stored in SQLite. Runs in an environment of its own, without Callgauge.

`python mlflow_program.py CALLS` prints evaluations, wall and CPU seconds as JSON.
"""

import json
import re
import sys
import tempfile
import time

import mlflow
from mlflow.genai import evaluate, scorer

WARM_UP = 4


@scorer
def words(outputs):
    return len(re.findall(r"[a-z']+", outputs.lower()))


@scorer
def thanks(outputs):
    return bool(re.search(r"thank", outputs, re.IGNORECASE))


def rows(count):
    text = "Thank you for your call, the table by the window is kept for you this evening. "
    return [{"inputs": {"call": number}, "outputs": text * 60 + str(number)} for number in range(count)]


def main():
    calls = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("bench")
        evaluate(data=rows(WARM_UP), scorers=[words, thanks])
        began, cpu = time.perf_counter(), time.process_time()
        evaluate(data=rows(calls), scorers=[words, thanks])
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"evaluations": 2 * calls, "wall_secs": wall, "cpu_secs": cpu}))


if __name__ == "__main__":
    main()

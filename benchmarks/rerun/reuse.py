"""`python -m benchmarks.rerun.reuse`: what a rerun with reuse=current asks, and how long it takes."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.rerun import product
from benchmarks.rerun.__main__ import LATENCY_MS, requests_so_far

RERUNS = "/callgauge/v1/reruns"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun.reuse")
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--metrics", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        judge = product.start_judge(LATENCY_MS)
        server = product.start_server(Path(folder), judge.url)
        try:
            agent_id = product.add_calls(server, options.calls)
            product.add_metrics(server, options.metrics)
            product.rerun_all(server, agent_id)
            _measure(server, judge.url, agent_id, "nothing changed")
            _change_metric(server)
            _measure(server, judge.url, agent_id, "one metric changed")
            _change_rubric(server)
            _measure(server, judge.url, agent_id, "the rubric changed")
        finally:
            server.stop()
            judge.stop()


def _measure(server: Any, judge_url: str, agent_id: int, what: str) -> None:
    body = {"agent_id": agent_id, "call_logs": "all", "reuse": "current"}
    planned = _post(server, f"{RERUNS}/plan/", body)
    before, start = requests_so_far(judge_url), time.perf_counter()
    _post(server, f"{RERUNS}/", body)
    product.wait_done(server)
    wall = time.perf_counter() - start
    asked = requests_so_far(judge_url) - before
    owed = server.rows("SELECT count(*) FROM store_calllog WHERE pending_rerun_id IS NOT NULL")[0][0]
    print(
        f"{what:20s} planned {planned['judge_requests']:5d}  asked {asked:5d}  {wall:6.2f} s  "
        f"calls still owed a verdict: {owed}",
        flush=True,
    )


def _post(server: Any, path: str, body: dict[str, Any]) -> Any:
    return server.post(path, body)


def _first_metric(server: Any) -> int:
    return int(server.rows("SELECT min(id) FROM store_metric")[0][0])


def _change_metric(server: Any) -> None:
    path = f"/test_framework/v1/metrics/{_first_metric(server)}/"
    request = urllib.request.Request(
        server.url + path,
        method="PATCH",
        data=json.dumps({"description": f"Changed: {product.RULE}"}).encode(),
        headers={"X-CEKURA-API-KEY": server.key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def _change_rubric(server: Any) -> None:
    project_id = server.rows("SELECT id FROM store_project")[0][0]
    condition = {"field": "score", "op": "eq", "value": True}
    rule = {
        "metric_id": _first_metric(server),
        "conditions": {"operator": "and", "conditions": [condition]},
    }
    request = urllib.request.Request(
        f"{server.url}/user/v1/projects/{project_id}/",
        method="PATCH",
        data=json.dumps({"rubric_config": {"rules": [rule]}}).encode(),
        headers={"X-CEKURA-API-KEY": server.key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


if __name__ == "__main__":
    main()

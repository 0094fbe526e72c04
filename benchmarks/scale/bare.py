"""A small rerun through servers, broker and workers, beside a bare loop that sends the same requests."""

from __future__ import annotations

import asyncio
import os
import statistics
from pathlib import Path

from benchmarks.rerun import product
from benchmarks.rerun.__main__ import LATENCY_MS, bare_loop, requests_so_far, sent_bodies
from benchmarks.scale.large import rerun_secs
from tests.scaled_out import ScaledOut

METRICS = 5
WARM_UPS, RUNS = 2, 7
POLL_SECS = 0.005


def beside_bare_loop(folder: Path, calls: int) -> None:
    """--calls calls x 5 judge metrics, one worker and two, 64 requests in flight, beside a bare loop"""
    judge = product.start_judge(LATENCY_MS)
    bodies: list[bytes] = []
    try:
        for count in (1, 2):
            place = folder / str(count)
            place.mkdir()
            settings = {"CALLGAUGE_JUDGE": "openai:fake", "CALLGAUGE_JUDGE_BASE_URL": f"{judge.url}/v1"}
            slots = product.concurrency(product.IN_FLIGHT // count)
            with ScaledOut(place, answer_secs=0.0, concurrency=slots, **settings) as installation:
                bodies = _measure(installation, judge.url, calls, count, bodies)
    finally:
        judge.stop()


def _measure(
    installation: ScaledOut, judge_url: str, calls: int, count: int, bodies: list[bytes]
) -> list[bytes]:
    server = installation.server
    agent_id = int(server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"])
    for number in range(calls):
        body = {"agent": agent_id, "call_id": f"call-{number}", "transcript_type": "cekura"}
        server.post("/observability/v1/observe/", body | {"transcript_json": product.turns(number)})
    product.add_metrics(server, METRICS)
    running = [installation.add_worker() for _ in range(count)]
    for worker in running:
        worker.ready()
    if not bodies:  # they are the same the second time
        os.environ["CALLGAUGE_DATABASE_URL"] = installation.database.url
        bodies = sent_bodies(judge_url, server, agent_id)
    for _ in range(WARM_UPS):
        rerun_secs(installation, agent_id, poll_secs=POLL_SECS)
    ratios = []
    for _ in range(RUNS):
        before = requests_so_far(judge_url)
        wall = rerun_secs(installation, agent_id, poll_secs=POLL_SECS)
        asked = requests_so_far(judge_url) - before
        bare, _ = asyncio.run(bare_loop(f"{judge_url}/v1/chat/completions", bodies))
        ratios.append(wall / bare)
        print(f"{count} worker(s) {wall:5.2f} s, {asked} requests, bare loop {bare:5.2f} s: {ratios[-1]:.2f}")
    print(f"{count} worker(s), median: {statistics.median(ratios):.2f} of the bare loop", flush=True)
    return bodies

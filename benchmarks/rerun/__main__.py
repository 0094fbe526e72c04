"""`python -m benchmarks.rerun`: see the README beside this file."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.rerun import product

CALLS, METRICS, LATENCY_MS = 100, 5, 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--grow", action="store_true", help="100, 1,000 and 10,000 calls")
    parser.add_argument("--stream", type=int, metavar="CALLS", help='first byte and memory of "all"')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.stream:
            from benchmarks.rerun.stream import measure_stream

            measure_stream(Path(folder), options.stream)
        elif options.grow:
            grow(Path(folder))
        else:
            beside_bare_loop(Path(folder), options.runs)


def beside_bare_loop(folder: Path, runs: int) -> None:
    judge = product.start_judge(LATENCY_MS)
    server = product.start_server(folder, judge.url)
    try:
        agent_id = product.add_calls(server, CALLS)
        product.add_metrics(server, METRICS)
        product.rerun_all(server, agent_id)  # warm
        bodies = sent_bodies(judge.url, server, agent_id)
        rows: list[tuple[float, float, float, float, int]] = []
        for _ in range(runs):
            before = requests_so_far(judge.url)
            cpu = product.cpu_secs(server.pid)
            wall = product.rerun_all(server, agent_id)
            cpu = product.cpu_secs(server.pid) - cpu
            asked = requests_so_far(judge.url) - before
            bare_wall, bare_cpu = asyncio.run(bare_loop(f"{judge.url}/v1/chat/completions", bodies))
            rows.append((wall, cpu, bare_wall, bare_cpu, asked))
            print(
                f"product {wall:6.2f} s  {1000 * cpu / (CALLS * METRICS):5.2f} ms CPU/evaluation"
                f"  {asked} requests"
                f"   bare loop {bare_wall:5.2f} s  {1000 * bare_cpu / (CALLS * METRICS):5.2f} ms"
                f"   ratio {wall / bare_wall:4.2f}"
            )
        print(
            f"median: ratio {statistics.median(r[0] / r[2] for r in rows):.2f}, "
            f"{statistics.median(1000 * r[1] / (CALLS * METRICS) for r in rows):.2f} ms CPU per evaluation, "
            f"requests {sorted({r[4] for r in rows})}"
        )
    finally:
        server.stop()
        judge.stop()


def grow(folder: Path) -> None:
    judge = product.start_judge(LATENCY_MS)
    server = product.start_server(folder, judge.url)
    try:
        agents = {count: product.add_calls(server, 100) for count in (100, 1_000, 10_000)}
        for count, agent_id in agents.items():
            product.copy_calls(server, agent_id, count - 100)
        product.add_metrics(server, METRICS)
        print("calls   wall s   ms CPU/evaluation   peak MB")
        for count, agent_id in agents.items():
            product.reset_peak(server.pid)
            cpu = product.cpu_secs(server.pid)
            wall = product.rerun_all(server, agent_id)
            cpu = product.cpu_secs(server.pid) - cpu
            each = 1000 * cpu / (count * METRICS)
            print(f"{count:6d}  {wall:7.2f}   {each:17.2f}   {product.peak_mb(server.pid):7.0f}")
    finally:
        server.stop()
        judge.stop()


def requests_so_far(judge_url: str) -> int:
    with urllib.request.urlopen(f"{judge_url}/stats") as response:
        stats: dict[str, Any] = json.load(response)
    return int(stats["requests"])


def sent_bodies(judge_url: str, server: Any, agent_id: int) -> list[bytes]:
    """The requests that the product sends, built by the product's own code."""
    os.environ["CALLGAUGE_DATA_DIR"] = str(server.data_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = "callgauge.config.settings"
    import django

    django.setup()
    from callgauge.engine.judged import build_request
    from callgauge.flow.work import load_specs, read_call
    from callgauge.store.models import CallLog, Metric

    calls = CallLog.objects.filter(agent_id=agent_id).select_related("payload", "agent")
    specs = load_specs(Metric.objects.order_by("id").values_list("current_version_id", flat=True))
    bodies = []
    for call in map(read_call, calls):
        for spec in specs:
            request = build_request(call, spec)
            schema = {"name": request.schema_name, "schema": request.schema, "strict": True}
            body = {
                "model": "fake",
                "messages": [{"role": message.role, "content": message.text} for message in request.messages],
                "response_format": {"type": "json_schema", "json_schema": schema},
            }
            bodies.append(json.dumps(body).encode())
    return bodies


async def bare_loop(url: str, bodies: list[bytes]) -> tuple[float, float]:
    slots = asyncio.Semaphore(product.IN_FLIGHT)
    answers: list[Any] = []

    async def ask(session: aiohttp.ClientSession, body: bytes) -> None:
        async with (
            slots,
            session.post(url, data=body, headers={"Content-Type": "application/json"}) as response,
        ):
            answers.append(await response.json())

    start, cpu = time.perf_counter(), time.process_time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask(session, body) for body in bodies))
    assert len(answers) == len(bodies)
    return time.perf_counter() - start, time.process_time() - cpu


if __name__ == "__main__":
    main()

"""`python -m benchmarks.serve.ingest`: calls taken in a second, beside the least that could take them.

The clients live in this process and send bytes made beforehand; the server is `callgauge serve` as it comes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.rerun import product
from tests.server import Server

BARE = Path(__file__).with_name("bare_server.py")


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    url: str
    key: str
    pid: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve.ingest")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=1_000, help="per round and server")
    parser.add_argument(
        "--clients", type=int, default=16, help="connections, each sends one call after another"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _product(Path(folder)) as ours, _bare(folder) as bare:
        for target in (bare, ours):
            _measure(target, -1, options.calls // 5, options.clients)  # warm
        for number in range(options.rounds):
            for target in (bare, ours):
                print(_measure(target, number, options.calls, options.clients), flush=True)


@contextmanager
def _product(folder: Path) -> Iterator[Target]:
    (folder / "data").mkdir()
    with Server(folder / "data") as server:
        server.make_key()
        server.post("/test_framework/v2/aiagents/", {"name": "Agent"})
        yield Target("callgauge", server.url, server.key, server.pid)


@contextmanager
def _bare(folder: str) -> Iterator[Target]:
    process = subprocess.Popen([sys.executable, str(BARE), folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Target("bare", process.stdout.readline().strip(), "", process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _measure(target: Target, number: int, calls: int, clients: int) -> str:
    requests = [_request(target, f"{number}-{call}") for call in range(calls)]
    cpu, began = product.cpu_secs(target.pid), time.perf_counter()
    times = sorted(asyncio.run(_send_all(target, requests, clients)))
    wall = time.perf_counter() - began
    cpu = product.cpu_secs(target.pid) - cpu
    median_ms, most_ms = 1000 * statistics.median(times), 1000 * times[calls * 99 // 100]
    return (
        f"{target.name:10s} {calls / wall:6.0f} calls/s  {1000 * cpu / calls:6.2f} ms CPU each  "
        f"median {median_ms:6.1f} ms  99 % under {most_ms:6.1f} ms"
    )


def _request(target: Target, call_id: str) -> bytes:
    call = {"agent": 1, "call_id": call_id, "transcript_type": "cekura", "transcript_json": product.turns(1)}
    body = json.dumps(call).encode()
    head = (
        f"POST /observability/v1/observe/ HTTP/1.1\r\nHost: {urlsplit(target.url).netloc}\r\n"
        f"X-CEKURA-API-KEY: {target.key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send_all(target: Target, requests: list[bytes], clients: int) -> list[float]:
    """Seconds that each answer took."""
    waiting, times = iter(requests), []

    async def client() -> None:
        url = urlsplit(target.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        for request in waiting:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(None, 1)[0])
            answer = await reader.readexactly(length)
            assert head.startswith(b"HTTP/1.1 201"), (head, answer[:200])
            times.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


if __name__ == "__main__":
    main()

"""`python -m benchmarks.serve.many`: many slow connections, and many requests at once; see the README."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.rerun import product
from tests.server import Server

ANSWER_SECS = 400.0
HEAD = "POST /observability/v1/observe/ HTTP/1.1\r\nHost: {host}\r\nX-Slow: " + "a" * 300


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve.many")
    parser.add_argument("--slow", type=int, default=1_000, help="connections that send a byte a second")
    parser.add_argument("--secs", type=int, default=60, help="how long they go on")
    parser.add_argument("--requests", type=int, default=10_000, help="requests at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data")
        server.data_dir.mkdir()
        with server:
            server.make_key()
            server.post("/test_framework/v2/aiagents/", {"name": "Agent"})
            server.post("/observability/v1/observe/", _call("first"))
            asyncio.run(_slow(server, options.slow, options.secs))
            asyncio.run(_at_once(server, options.requests))
            asyncio.run(_at_once(server, options.requests // 10, posts=True))
            stored = server.get("/observability/v1/call-logs/?page_size=1")["count"]
            print(f"calls stored: {stored}, memory of the server {_memory_mb(server.pid):.0f} MB")


def _call(call_id: str) -> dict[str, object]:
    turns = product.turns(1)
    return {"agent": 1, "call_id": call_id, "transcript_type": "cekura", "transcript_json": turns}


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def _slow(server: Server, connections: int, secs: int) -> None:
    """How long an ordinary request waits beside them, and how many of them are closed by the end."""
    url = urlsplit(server.url)
    head = HEAD.format(host=url.netloc).encode()
    slow = [await asyncio.open_connection(url.hostname, url.port) for _ in range(connections)]
    waits: list[float] = []
    faults: Counter[str] = Counter()
    open_ones = list(slow)
    for second in range(secs):
        began = time.perf_counter()
        for reader, writer in list(open_ones):
            if reader.at_eof() or writer.is_closing():
                open_ones.remove((reader, writer))
            else:
                writer.write(head[second : second + 1])
        status, took = await _ask(server, _get(server))
        if status == "200":
            waits.append(took)
        else:
            faults[status] += 1
        await asyncio.sleep(max(0.0, began + 1 - time.perf_counter()))
    for _, writer in slow:
        writer.close()
    took_ms = (
        [round(1000 * wait) for wait in (statistics.median(waits), max(waits))] if waits else "no answer"
    )
    print(
        f"beside {connections} connections that send a byte a second, for {secs} s: an ordinary request took "
        f"(median, most, ms) {took_ms}; not answered: {dict(faults) or 'none'}; "
        f"{connections - len(open_ones)} of them were closed",
        flush=True,
    )


async def _at_once(server: Server, requests: int, *, posts: bool = False) -> None:
    began = time.perf_counter()
    answers = await asyncio.gather(
        *(_ask(server, _post(server, number) if posts else _get(server)) for number in range(requests))
    )
    wall = time.perf_counter() - began
    times = sorted(took for _, took in answers)
    print(
        f"{requests} {'POST observe' if posts else 'GET detail'} at once: "
        f"{dict(Counter(status for status, _ in answers))} in {wall:.1f} s, {requests / wall:.0f} a second; "
        f"median {statistics.median(times):.1f} s, 99 % under {times[len(times) * 99 // 100]:.1f} s",
        flush=True,
    )


def _get(server: Server) -> bytes:
    return _request(server, "GET", "/observability/v1/call-logs/1/", b"")


def _post(server: Server, number: int) -> bytes:
    return _request(
        server, "POST", "/observability/v1/observe/", json.dumps(_call(f"call-{number}")).encode()
    )


def _request(server: Server, method: str, path: str, body: bytes) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\nConnection: close\r\n"
        f"X-CEKURA-API-KEY: {server.key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _ask(server: Server, request: bytes) -> tuple[str, float]:
    """The status, or the name of what went wrong; and how long it took from before the connection."""
    url, began = urlsplit(server.url), time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_SECS):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                writer.write(request)
                answer = await reader.read()
            finally:
                writer.close()
        status = answer[9:12].decode() if answer else "closed"
    except (OSError, TimeoutError) as error:
        status = type(error).__name__
    return status, time.perf_counter() - began


if __name__ == "__main__":
    main()

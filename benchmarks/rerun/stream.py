"""How soon "all" begins to answer, and what it costs in memory, at 20,000 or 1,000,000 calls."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.rerun import product

ENOUGH_BYTES = 300_000_000
"""Read at most this much: a million calls are 8 GB, and what matters shows before."""


def measure_stream(folder: Path, count: int) -> None:
    judge = product.start_judge(50)
    server = product.start_server(folder, judge.url)
    try:
        agent_id = product.add_calls(server, 1)
        product.copy_calls(server, agent_id, count - 1)
        product.reset_peak(server.pid)
        start = time.perf_counter()
        host = urlsplit(server.url).netloc
        connection = http.client.HTTPConnection(host, timeout=600)
        body = json.dumps({"agent_id": agent_id, "call_logs": "all"})
        headers = {"X-CEKURA-API-KEY": server.key, "Content-Type": "application/json"}
        connection.request("POST", "/observability/v1/call-logs/rerun_evaluation", body, headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        first = response.read(1)
        first_byte = time.perf_counter() - start
        first_item = _until_item(response)
        first_call = time.perf_counter() - start
        total = len(first) + len(first_item)
        calls = first_item.count(b'"call_id"')
        while total < ENOUGH_BYTES and (piece := response.read(1 << 20)):
            total += len(piece)
            calls += piece.count(b'"critical_categories"')
        wall = time.perf_counter() - start
        whole = total < ENOUGH_BYTES
        connection.close()
        print(
            f"{count} calls: first byte {first_byte:.2f} s, first call {first_call:.2f} s, "
            f"{calls} calls, {'all of them' if whole else 'then hung up'}, in {wall:.1f} s, "
            f"{total / 1e6:.0f} MB sent, "
            f"peak memory {product.peak_mb(server.pid):.0f} MB"
        )
        assert not whole or calls >= count - 1
    finally:
        server.stop()
        judge.stop()


def _until_item(response: http.client.HTTPResponse) -> bytes:
    seen = b""
    while b"}" not in seen:
        seen += response.read(4096)
    return seen

"""CPU per judge call: the adapter beside a bare aiohttp loop and two SDKs, in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BARE = {
    "callgauge openai": "bare aiohttp",
    "callgauge anthropic": "bare aiohttp, anthropic's API",
    "callgauge gemini": "bare aiohttp",
}
"""Each adapter, and the loop that it is held against."""
SDKS = {"openai SDK": "openai", "anthropic SDK": "anthropic"}
MAX_CPU_MS = 0.5
MAX_RATIO = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=3, help="the median is shown")
    parser.add_argument("--no-sdks", action="store_true", help="only what is installed here")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="judge-sdks-") as folder:
        sdk_python = None if given.no_sdks else install_sdks(Path(folder))
        for in_flight in given.in_flight:
            rows = run_all(given, in_flight, sdk_python)
            show(rows, given, in_flight)


def install_sdks(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-qq", *SDKS.values()], check=True)
    listed = subprocess.run(
        [python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True
    ).stdout
    print("SDKs:", ", ".join(line for line in listed.split() if line.split("==")[0] in SDKS.values()))
    return python


def run_all(given: Any, in_flight: int, sdk_python: str | None) -> dict[str, list[dict[str, float]]]:
    """Clients take turns, so that a slow minute of the machine hits all of them."""
    clients = [*dict.fromkeys([*BARE.values(), *BARE]), *(SDKS if sdk_python else ())]
    rows: dict[str, list[dict[str, float]]] = {client: [] for client in clients}
    for _ in range(given.rounds):
        for client in clients:
            with server(given.latency_ms) as url:
                rows[client].append(run_one(client, url, given.calls, in_flight, sdk_python))
    return rows


def run_one(client: str, url: str, calls: int, in_flight: int, sdk_python: str | None) -> dict[str, float]:
    if client in SDKS:
        assert sdk_python is not None
        command = [sdk_python, str(HERE / "sdk_clients.py")]
    else:
        command = [sys.executable, "-m", "benchmarks.judge.own_clients"]
    done = subprocess.run(
        [*command, client, url, str(calls), str(in_flight)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


@contextmanager
def server(latency_ms: float) -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "callgauge.cli",
        "fake-judge",
        "--port",
        "0",
        "--latency-ms",
        str(latency_ms),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def show(rows: dict[str, list[dict[str, float]]], given: Any, in_flight: int) -> None:
    print(
        f"\n{given.calls} calls, 2,000-token prompt, {given.latency_ms:g} ms server, {in_flight} in flight, "
        f"median of {given.rounds}; {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    cpu = {
        client: statistics.median(row["cpu_ms_per_call"] for row in found) for client, found in rows.items()
    }
    wall = {client: statistics.median(row["wall_secs"] for row in found) for client, found in rows.items()}
    for client in rows:
        print(f"  {client:32} {cpu[client]:6.2f} ms CPU per call   {wall[client]:6.2f} s")
    for client, bare in BARE.items():
        ratio = cpu[client] / cpu[bare]
        good = cpu[client] <= MAX_CPU_MS and ratio <= MAX_RATIO
        print(f"  {client} / {bare} = {ratio:.2f} (at most {MAX_RATIO}): {'ok' if good else 'MISSED'}")


if __name__ == "__main__":
    main()

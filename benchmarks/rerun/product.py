"""The product as a process, set up for measuring: calls, metrics, a rerun, and its CPU and memory."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.server import Server

IN_FLIGHT = 64
TICKS = os.sysconf("SC_CLK_TCK")
POLL_SECS = 0.01
COPIES_AT_ONCE = 10_000
TEXT = """
We would like a table for the evening, and one of us cannot eat nuts, so please let the kitchen know.
Certainly, I have noted that for the kitchen and kept the table by the window for you.
"""
WORDS = TEXT.split()
RULE = "the agent confirms the wish before it ends the call."


@dataclass(frozen=True, slots=True)
class Judge:
    process: subprocess.Popen[str]
    url: str

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def start_judge(latency_ms: int) -> Judge:
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
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    url = next(word for word in line.split() if word.startswith("http://"))
    return Judge(process, url.rstrip("/"))


def start_server(folder: Path, judge_url: str) -> Server:
    data_dir = folder / "data"
    data_dir.mkdir()
    server = Server(
        data_dir,
        CALLGAUGE_JUDGE="openai:fake",
        CALLGAUGE_JUDGE_BASE_URL=f"{judge_url}/v1",
        CALLGAUGE_JUDGE_CONCURRENCY=str(concurrency(IN_FLIGHT)),
    )
    server.start()
    server.make_key()
    return server


def concurrency(in_flight: int) -> int:
    """The setting with which a rerun has so many: one slot in four is kept for live calls."""
    return next(one for one in itertools.count(in_flight) if one - one // 4 == in_flight)


def turns(number: int) -> list[dict[str, object]]:
    """About 20 turns and 700 tokens; no two calls are alike."""
    rows: list[dict[str, object]] = []
    for turn in range(20):
        start = (number * 7 + turn * 11) % len(WORDS)
        text = " ".join(WORDS[(start + i) % len(WORDS)] for i in range(26))
        role = "Main Agent" if turn % 2 else "Testing Agent"
        rows.append(
            {
                "role": role,
                "content": f"{text} ({number})",
                "start_time": turn * 6.0,
                "end_time": turn * 6.0 + 5.0,
            }
        )
    return rows


def add_calls(server: Server, count: int) -> int:
    """By `callgauge import`; before there are metrics, so that nothing is evaluated yet."""
    agent_id: int = server.post("/test_framework/v2/aiagents/", {"name": f"Agent {count}"})["id"]
    file = server.data_dir.parent / f"calls-{agent_id}.jsonl"
    with file.open("w") as out:
        for number in range(count):
            row = {
                "call_id": f"{agent_id}-{number}",
                "transcript_type": "cekura",
                "transcript_json": turns(number),
            }
            out.write(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "callgauge.cli", "import", str(file), "--agent", str(agent_id)]
    done = subprocess.run(
        [*command, "--data-dir", str(server.data_dir)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    wait_done(server)
    return agent_id


def add_metrics(server: Server, count: int) -> None:
    for number in range(count):
        server.post(
            "/test_framework/v1/metrics/",
            {
                "name": f"Metric {number}",
                "type": "llm_judge",
                "eval_type": "binary",
                "description": f"Rule {number}: {RULE}",
            },
        )


def rerun_all(server: Server, agent_id: int) -> float:
    """Seconds from the POST to the last stored result."""
    start = time.perf_counter()
    server.post("/observability/v1/call-logs/rerun_evaluation/", {"agent_id": agent_id, "call_logs": "all"})
    wait_done(server)
    return time.perf_counter() - start


def wait_done(server: Server) -> None:
    while server.rows("SELECT 1 FROM store_rerun WHERE state NOT IN ('done', 'cancelled') LIMIT 1"):
        time.sleep(POLL_SECS)


def cpu_secs(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """The largest resident size so far (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def copy_calls(server: Server, agent_id: int, copies: int) -> None:
    """Copies of an agent's first call, by the database itself: taking calls in is not what is measured."""
    connection = sqlite3.connect(server.data_dir / "callgauge.sqlite3", timeout=60)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(store_calllog)") if row[1] != "id"]
    values = ["c.call_id || '-' || n.i" if name == "call_id" else f"c.{name}" for name in columns]
    values = ["1" if value == "c.success" else value for value in values]
    payload = [r[1] for r in connection.execute("PRAGMA table_info(store_callpayload)") if r[1] != "call_id"]
    (first,) = connection.execute("SELECT id FROM store_calllog WHERE agent_id = ?", (agent_id,)).fetchone()
    for start in range(0, copies, COPIES_AT_ONCE):
        end = min(start + COPIES_AT_ONCE, copies)
        numbers = f"WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end})"
        with connection:
            (last,) = connection.execute("SELECT max(id) FROM store_calllog").fetchone()
            connection.execute(
                f"{numbers} INSERT INTO store_calllog ({', '.join(columns)}) "
                f"SELECT {', '.join(values)} FROM n, store_calllog c WHERE c.id = {first}"
            )
            connection.execute(
                f"INSERT INTO store_callpayload (call_id, {', '.join(payload)}) "
                f"SELECT l.id, {', '.join('p.' + name for name in payload)} "
                f"FROM store_calllog l, store_callpayload p WHERE l.id > {last} AND p.call_id = {first}"
            )
    connection.close()

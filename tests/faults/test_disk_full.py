"""A disk that fills up under a running server: refused in words, read all the while, well again by itself."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.marking_judge import MarkingJudge
from tests.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

OBSERVE = "/observability/v1/observe/"
CALLS = "/observability/v1/call-logs/?page_size=1"
DISK_MB = 24


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_MB) as place:
        yield place


@contextmanager
def small_disk(place: Path, size_mb: int) -> Iterator[Path]:
    """A file system of its own."""
    place.mkdir(exist_ok=True)
    mounted = mount(["-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)])
    if mounted is not None:
        pytest.skip(f"no file system can be mounted here: {mounted}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def mount(words: list[str]) -> str | None:
    try:
        ended = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no mount"
    return ended.stderr.strip() if ended.returncode else None


def make_call(number: int, agent: int) -> dict[str, Any]:
    turns = [
        {
            "role": "Main Agent",
            "content": f"order-{number} " * 300,
            "start_time": second,
            "end_time": second + 1,
        }
        for second in range(8)
    ]
    return {"agent": agent, "call_id": f"c{number}", "transcript_type": "cekura", "transcript_json": turns}


def fill(server: Server, agent: int, first: int) -> tuple[int, int]:
    """Send calls until one is refused: how many were taken, and the status of the refusal."""
    for number in range(first, first + 5_000):
        status, answer = server.request("POST", OBSERVE, make_call(number, agent))
        if status != 201:
            assert "disk is full" in answer["detail"], answer
            return number - first, status
    raise AssertionError("the disk never filled up")


def _header(server: Server, agent: int) -> str | None:
    request = urllib.request.Request(
        server.url + OBSERVE, data=b"{}", method="POST", headers={"X-CEKURA-API-KEY": server.key}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    return refused.value.headers["Retry-After"]


@pytest.mark.parametrize("reserve_mb", ["4", "0"])
def test_nothing_accepted_is_lost_and_it_recovers_by_itself(disk: Path, reserve_mb: str) -> None:
    """With a reserve, and with none: then the database itself has no room left."""
    judge = MarkingJudge(0.02)
    judge.start()
    server = Server(
        disk / "data",
        CALLGAUGE_DISK_RESERVE_MB=reserve_mb,
        CALLGAUGE_JUDGE="openai:marking",
        CALLGAUGE_JUDGE_BASE_URL=judge.url,
    )
    server.data_dir.mkdir()
    try:
        with server:
            server.make_key()
            agent = server.post("/test_framework/v2/aiagents/", {"name": "Agent"})["id"]
            metric = {"name": "Polite", "description": "question-1?", "type": "llm_judge", "agent": agent}
            server.post("/test_framework/v1/metrics/", {**metric, "eval_type": "binary_qualitative"})
            taken, status = fill(server, agent, 0)
            assert taken > 50
            assert status == 507
            assert server.get(CALLS)["count"] == taken
            assert server.request("GET", "/readyz")[0] == 200
            if reserve_mb != "0":
                assert _header(server, agent) == "60"
                assert "full" in server.get("/readyz")["status"]
            mount(["-o", "remount,size=96m", str(disk)])
            wait_until(lambda: server.request("POST", OBSERVE, make_call(9_000, agent))[0] == 201)
            wait_until(
                lambda: server.rows("SELECT count(*) FROM store_rerun WHERE state != 'done'") == [(0,)],
                within_secs=120,
            )
            assert server.get(CALLS)["count"] == taken + 1
            results = server.rows("SELECT outcome, count(*) FROM store_metricresult GROUP BY outcome")
            assert results == [("scored", taken + 1)]
            orders = [order for order, _ in judge.asked]
            assert len(orders) == len(set(orders)), "a question was paid twice"
        assert server.rows("PRAGMA integrity_check") == [("ok",)]
    finally:
        judge.stop()

"""A fresh server beside the shipped fake judge, with a tenant in it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server import Server, callgauge


@contextmanager
def fresh_server(folder: Path, **env: str) -> Iterator[Server]:
    """The judge is a fake that says so: its answers fit what is asked and mean nothing."""
    command = [sys.executable, "-m", "callgauge.cli", "fake-judge", "--port", "0", "--latency-ms", "0"]
    judge = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert judge.stdout is not None
        url = judge.stdout.readline().strip().rstrip("/")
        data_dir = folder / "data"
        data_dir.mkdir()
        settings = {"CALLGAUGE_JUDGE": "openai:fake", "CALLGAUGE_JUDGE_BASE_URL": f"{url}/v1", **env}
        settings.setdefault("CALLGAUGE_RERUN_RATE", "off")
        with Server(data_dir, **settings) as server:
            yield server
    finally:
        judge.terminate()
        judge.wait()


def organization_key(server: Server) -> str:
    made = callgauge(server.data_dir, "key", "create", "--whole-organization", "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["api_key"])


def recording() -> bytes:
    """A second of silence, in stereo."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(4 * 8_000))
    return content.getvalue()


TURNS: list[dict[str, Any]] = [
    {"role": "Main Agent", "content": "Bella Vista, good evening.", "start_time": 0.4, "end_time": 1.9},
    {"role": "Testing Agent", "content": "A table for two on Friday.", "start_time": 2.3, "end_time": 4.0},
    {"role": "Main Agent", "content": "Friday at seven, for two?", "start_time": 4.6, "end_time": 6.2},
    {"role": "Testing Agent", "content": "Yes, please.", "start_time": 6.9, "end_time": 7.5},
]
DESCRIPTION = (
    "You take bookings for the restaurant Bella Vista. Ask for the day, the time and the number of people, "
    "repeat what was agreed, and say goodbye."
)

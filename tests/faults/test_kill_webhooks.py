"""kill -9 while calls are decided and webhooks are sent: each call is told of, under one id."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_kill import observe
from tests.receiver import Answer, Got, Receiver
from tests.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

CALLS_PER_ROUND = 12
KILLS = 6
SEED = 20261125


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", CALLGAUGE_OUTBOUND_NETWORKS="127.0.0.1/32")
    (tmp_path / "data").mkdir()
    with server:
        server.make_key()
        yield server


def test_no_kill_loses_a_webhook_and_a_repeated_one_keeps_its_id(server: Server) -> None:
    rng = random.Random(SEED)
    release = threading.Event()
    with Receiver() as receiver:
        project = server.get("/user/v1/projects/")[0]["id"]
        settings = {
            "webhook_url": receiver.url,
            "webhook_secret": "s3cret-of-the-test",
            "notify_call_log_webhook_success": True,
        }
        status, answer = server.request("PATCH", f"/user/v1/projects/{project}/", settings)
        assert status == 200, answer
        agent_id = server.post("/test_framework/v2/aiagents/", {"name": "Orders"})["id"]
        calls: list[int] = []
        for number in range(KILLS):
            before = len(receiver.got)
            held = before + rng.randint(1, CALLS_PER_ROUND - 4)

            def answer_until(got: Got, held: int = held) -> Answer:
                """From some request on, the answer comes only when the sender is dead."""
                return Answer(until=release if len(receiver.got) >= held else None)

            receiver.answer = answer_until
            for _ in range(CALLS_PER_ROUND):
                calls.append(observe(server, agent_id, len(calls)))
            wait_until(lambda held=held: len(receiver.got) >= held, what=f"requests before kill {number}")
            server.kill()
            release.set()
            receiver.answer = lambda got: Answer()
            server.start()
            release.clear()
        wait_until(
            lambda: (
                server.rows("SELECT count(*) FROM store_webhookdelivery WHERE state = 'completed'")
                == [(len(calls),)]
            ),
            within_secs=60,
            what="every delivery",
        )
    ids: dict[int, set[str]] = defaultdict(set)
    for got in receiver.got:
        ids[json.loads(got.body)["data"]["id"]].add(got.headers["webhook-id"])
    assert set(ids) == set(calls)
    assert {len(found) for found in ids.values()} == {1}
    assert len(receiver.got) > len(calls), "the kills hit requests that were under way, which came again"
    dump = (server.data_dir / "callgauge.sqlite3").read_bytes()
    assert b"s3cret-of-the-test" not in dump

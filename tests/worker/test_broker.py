"""The broker's own part, on the servers that are here: RabbitMQ with both kinds of queues, and Redis."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from callgauge.store.models import Priority
from callgauge.worker.broker import DELIVERY_LIMIT, Broker
from tests.own_services import need
from tests.waiting import wait_until

pytestmark = pytest.mark.services

RABBIT = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
START_SECS = 60.0


def _answers(url: str) -> bool:
    at = urlsplit(url)
    try:
        with socket.create_connection((at.hostname, at.port or 0), timeout=2.0):
            return True
    except OSError:
        return False


@dataclass
class Bench:
    """A broker with queues of this test's own, and workers on it."""

    url: str
    kind: str
    broker: Broker
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def worker(self, what: str) -> tuple[subprocess.Popen[str], list[int]]:
        """With what it says that it was handed."""
        command = [sys.executable, "-m", "tests.worker.broker_worker"]
        process = subprocess.Popen(
            [*command, self.url, self.broker.installation, self.kind, what],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "callgauge.config.settings"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        handed: list[int] = []
        threading.Thread(target=_read, args=(process, handed), daemon=True).start()
        return process, handed

    def channel(self) -> Any:
        return self.broker.app.connection_for_write().channel()

    def remove(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        with self.broker.app.connection_for_write() as connection, connection.channel() as channel:
            for name in self.broker.queues.values():
                channel.queue_delete(name)
            channel.exchange_delete(f"callgauge.{self.broker.installation}")


def _read(process: subprocess.Popen[str], handed: list[int]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("chunk "):  # Celery says things too
            handed.append(int(line.split()[1]))


def _bench(url: str, kind: str, what: str) -> Iterator[Bench]:
    need(_answers(url), what)
    bench = Bench(url, kind, Broker.at(url, f"test{secrets.token_hex(6)}", kind))
    try:
        yield bench
    finally:
        bench.remove()


@pytest.fixture(params=["classic", "quorum"])
def rabbit(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from _bench(RABBIT, request.param, "RabbitMQ")


@pytest.fixture
def quorum() -> Iterator[Bench]:
    yield from _bench(RABBIT, "quorum", "RabbitMQ")


@pytest.fixture
def redis() -> Iterator[Bench]:
    yield from _bench(REDIS, "quorum", "Redis")  # the setting means nothing there, and does no harm


def _handed(handed: list[int], wanted: set[int]) -> None:
    wait_until(lambda: wanted <= set(handed), within_secs=START_SECS, what=f"chunks {wanted}")


def test_a_killed_workers_message_goes_to_the_next_and_what_is_done_does_not_come_back(rabbit: Bench) -> None:
    for chunk_id, priority in enumerate(Priority, start=1):
        rabbit.broker.send(priority, chunk_id)
    assert [rabbit.broker.waiting(priority) for priority in Priority] == [1, 1, 1]
    everything = set(range(1, len(Priority) + 1))
    holder, held = rabbit.worker("hold")
    _handed(held, everything)
    assert [rabbit.broker.waiting(priority) for priority in Priority] == [0, 0, 0]
    holder.kill()
    holder.wait()
    ender, ended = rabbit.worker("end")
    _handed(ended, everything)
    # A worker that stops in peace has acknowledged what it ended.
    ender.terminate()
    ender.wait(START_SECS)
    assert sorted(ended) == sorted(everything)
    assert [rabbit.broker.waiting(priority) for priority in Priority] == [0, 0, 0]


def test_the_setting_makes_quorum_queues(quorum: Bench) -> None:
    from amqp.exceptions import PreconditionFailed

    quorum.broker.waiting(Priority.BULK)
    name = quorum.broker.queues[Priority.BULK]
    with quorum.channel() as channel, pytest.raises(PreconditionFailed, match="x-queue-type"):
        channel.queue_declare(name, durable=True, auto_delete=False, arguments={"x-queue-type": "classic"})


def test_a_message_given_back_too_often_is_gone_and_counts_as_lost(quorum: Bench) -> None:
    quorum.broker.waiting(Priority.BULK)
    quorum.broker.send(Priority.BULK, 1)
    name = quorum.broker.queues[Priority.BULK]
    given_back = 0
    with quorum.channel() as channel:
        while given_back <= DELIVERY_LIMIT:
            found: list[Any] = []

            def there(into: list[Any] = found) -> bool:
                message = channel.basic_get(name)
                if message is not None:
                    into.append(message)
                return bool(into)

            wait_until(there, what=f"delivery {given_back + 1}")
            channel.basic_reject(found[0].delivery_tag, requeue=True)
            given_back += 1
        wait_until(lambda: channel.queue_declare(name, passive=True).message_count == 0, what="its end")
        assert channel.basic_get(name) is None
    assert quorum.broker.waiting(Priority.BULK) == 0  # so the dispatcher sends the chunk again


def test_redis_carries_chunks_and_says_what_waits(redis: Bench) -> None:
    assert [redis.broker.waiting(priority) for priority in Priority] == [0, 0, 0]
    for chunk_id, priority in enumerate(Priority, start=1):
        redis.broker.send(priority, chunk_id)
    assert [redis.broker.waiting(priority) for priority in Priority] == [1, 1, 1]
    ender, ended = redis.worker("end")
    _handed(ended, {1, 2, 3})
    ender.terminate()
    ender.wait(START_SECS)
    assert sorted(ended) == [1, 2, 3]
    assert [redis.broker.waiting(priority) for priority in Priority] == [0, 0, 0]


def test_redis_keeps_a_killed_workers_message_to_itself_and_it_is_sent_again(redis: Bench) -> None:
    redis.broker.send(Priority.BULK, 7)
    holder, held = redis.worker("hold")
    _handed(held, {7})
    holder.kill()
    holder.wait()
    assert redis.broker.waiting(Priority.BULK) == 0  # as the dispatcher sees it: lost
    redis.broker.send(Priority.BULK, 7)
    _, ended = redis.worker("end")
    _handed(ended, {7})

"""Celery as the carrier of chunks: three durable queues, and one task that hands a chunk to the executor.

A message is acknowledged when its chunk has ended. What the broker does with the messages of a worker that
died decides nothing: the ledger does.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import Celery, signals
from celery.exceptions import Reject
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError as BrokerUnavailable

from callgauge.store.models import Priority

__all__ = ["Broker", "BrokerUnavailable"]

TASK = "callgauge.chunk"
WAITING_THREADS = 128
"""Each waits for a chunk that the event loop works on; flow.dispatch says how many there can be."""
CONNECT_SECS = 5.0
DELIVERY_LIMIT = 20
"""After so many deliveries that were given back, a quorum queue drops a message, and the dispatcher sends the
chunk again. RabbitMQ 4 has this limit by itself, older ones have none."""

WorkOn = Callable[[int], "concurrent.futures.Future[bool]"]


@dataclass(frozen=True, slots=True)
class Broker:
    app: Celery
    queues: dict[Priority, str]
    """Their names carry the installation's id: two installations on one broker never take each other's."""
    installation: str

    @classmethod
    def at(cls, url: str, installation: str, queue_kind: str = "classic") -> Broker:
        """Nothing is connected yet."""
        app = Celery("callgauge", broker=url, set_as_current=False, fixups=[])
        names = {priority: f"callgauge.{installation}.{priority.name.lower()}" for priority in Priority}
        exchange = Exchange(f"callgauge.{installation}", type="direct", durable=True)
        quorum = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
        kind = quorum if queue_kind == "quorum" and not url.startswith("redis") else {}
        app.conf.update(
            task_queues=[
                Queue(name, exchange, routing_key=name, durable=True, queue_arguments=dict(kind))
                for name in names.values()
            ],
            task_create_missing_queues=False,
            task_default_queue=names[Priority.NORMAL],
            task_acks_late=True,
            task_ignore_result=True,
            worker_prefetch_multiplier=1,
            worker_enable_remote_control=False,
            worker_hijack_root_logger=False,
            worker_redirect_stdouts=False,
            worker_send_task_events=False,
            worker_cancel_long_running_tasks_on_connection_loss=False,
            broker_connection_retry_on_startup=True,
            broker_connection_timeout=CONNECT_SECS,
            broker_heartbeat=10,
            broker_transport_options={} if url.startswith("redis") else {"confirm_publish": True},
        )
        return cls(app, names, installation)

    def send(self, priority: Priority, chunk_id: int) -> None:
        """Returns once the broker has confirmed it. Raises BrokerUnavailable."""
        queue = self.queues[priority]
        self.app.send_task(
            TASK, args=[self.installation, chunk_id], queue=queue, routing_key=queue, retry=False
        )

    def waiting(self, priority: Priority) -> int:
        """Messages that no worker has taken. Raises BrokerUnavailable."""
        with self.app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_SECS)
            with connection.channel() as channel:
                queue = next(one for one in self.app.conf.task_queues if one.name == self.queues[priority])
                bound = queue(channel)
                bound.declare()
                # Not passive: on Redis an empty queue does not exist.
                return int(bound.queue_declare().message_count)

    def worker(self, work_on: WorkOn, *, on_stop: Callable[[], None], hostname: str, log_level: str) -> Any:
        """Celery's worker for all three queues; its `start` blocks until it is told to stop. It then waits
        for its tasks, and they end when the executor does: `on_stop` stops it."""
        installation = self.installation

        def stop(**_: object) -> None:
            threading.Thread(target=on_stop, name="callgauge-stop").start()

        signals.worker_shutting_down.connect(stop, weak=False)

        @self.app.task(name=TASK)  # type: ignore[untyped-decorator]
        def chunk(sent_by: str, chunk_id: int) -> None:
            if sent_by != installation:
                return
            try:
                looked_at = work_on(chunk_id).result()
            except (concurrent.futures.CancelledError, RuntimeError):
                looked_at = False  # the executor ended while this was asked of it
            if not looked_at:
                raise Reject("this worker is stopping", requeue=True)

        return self.app.Worker(
            pool="threads",
            concurrency=WAITING_THREADS,
            queues=list(self.queues.values()),
            hostname=hostname,
            loglevel="warning" if log_level == "info" else log_level,
            optimization="fair",
            without_gossip=True,
            without_mingle=True,
            quiet=True,
        )

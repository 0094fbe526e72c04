"""Sends chunks to the broker. Every process has one of these; the one that holds the duty does it."""

from __future__ import annotations

import logging
import threading
import time

from django.db import DatabaseError, connection

from callgauge.flow import dispatch, ledger, wake
from callgauge.store.models import Priority
from callgauge.worker.broker import Broker, BrokerUnavailable

log = logging.getLogger(__name__)

DUTY = "dispatch"
TICK_SECS = 0.25
"""How often it looks; work made in this process announces itself."""
RENEW_SECS = 3.0
SWEEP_SECS = 1.0
LOST_SECS = 5.0
BACK_OFF_SECS = 2.0


class Dispatcher:
    """Runs in a thread of its own from `start` to `stop`."""

    def __init__(self, broker: Broker, owner: str, tenant_chunks: int) -> None:
        self._broker = broker
        self._owner = owner
        self._tenant_chunks = tenant_chunks
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callgauge-dispatcher", daemon=True)
        self._due: dict[str, float] = {}
        self._mine = False
        self._workers = 0

    def start(self) -> None:
        wake.listen(self._on_work)
        self._thread.start()

    def stop(self) -> None:
        wake.unlisten(self._on_work)
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _on_work(self, more_than_calls: bool) -> None:
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause_secs = TICK_SECS
                try:
                    self._tick()
                except (DatabaseError, BrokerUnavailable, OSError) as error:
                    log.warning("work cannot be sent to the broker, trying again: %s", type(error).__name__)
                    connection.close()
                    pause_secs = BACK_OFF_SECS
                except Exception as error:
                    log.error("the dispatcher failed, trying again: %s", type(error).__name__, exc_info=error)
                    pause_secs = BACK_OFF_SECS
                if pause_secs == TICK_SECS:
                    self._wake.wait(pause_secs)
                    self._wake.clear()
                else:
                    self._stopping.wait(pause_secs)
            self._give_up_duty()
        finally:
            connection.close()

    def _give_up_duty(self) -> None:
        try:
            if self._mine:
                dispatch.drop_duty(DUTY, self._owner)
        except DatabaseError:
            log.info("the duty of dispatching waits for its lease")

    def _tick(self) -> None:
        connection.close_if_unusable_or_obsolete()
        if self._is_due("renew", RENEW_SECS):
            self._mine = dispatch.take_duty(DUTY, self._owner)
            self._workers = dispatch.count_workers() if self._mine else 0
        if not self._mine:
            return
        if self._is_due("sweep", SWEEP_SECS):
            ledger.free_expired()
        for priority in Priority:
            self._send(priority)
        if self._is_due("lost", LOST_SECS):
            self._look_for_lost()

    def _send(self, priority: Priority) -> None:
        sent: list[int] = []
        try:
            for chunk_id in dispatch.next_to_send(priority, self._workers, self._tenant_chunks):
                self._broker.send(priority, chunk_id)
                sent.append(chunk_id)
        finally:
            if sent:
                dispatch.mark_sent(sent)

    def _look_for_lost(self) -> None:
        for priority in Priority:
            if self._broker.waiting(priority) == 0:
                found = dispatch.send_lost_again(priority)
                if found:
                    log.warning("%s messages were lost by the broker and are sent again", found)

    def _is_due(self, what: str, every_secs: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every_secs
        return True

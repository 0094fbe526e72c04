"""The one thread that writes: everything that waits is committed together, then everyone is told.

A commit costs a disk flush. Sixty-four judge answers in one transaction cost the same flush as one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from callgauge.flow import ledger, tally
from callgauge.flow.settle import hold_calls
from callgauge.store.refusals import FULL, READ_ONLY, refusal_of
from callgauge.store.turns import write_turn
from callgauge.telemetry.metrics import WRITE_RETRIES
from callgauge.worker.jobs import Jobs

log = logging.getLogger(__name__)

REST = 4
"""After a batch the writer rests this many times as long as writing it took, while little is waiting: a batch
of one costs almost what one of ten does, because each is a dozen statements, whatever is in them."""
MAX_REST_SECS = 0.03
"""Bounds what the rest adds to an answer. Whatever comes after a longer pause is written at once."""
ENOUGH = 12
"""With so many waiting, more would save little, and questions to a judge would wait for it."""
LOOK_SECS = 0.005
"""How often the writer looks, while it rests, whether enough are waiting."""

OUTAGE_SECS = 300.0
"""How long the database may be away before what waits to be written is given up: a restart takes seconds,
and what waits was paid for."""
RETRY_SECS = (0.1, 0.5, 1.0, 2.0)
"""Pauses between tries; the last repeats."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Operation(Generic[Item, Result]):
    """A kind of write that takes many items at once and gives one result for each."""

    name: str
    run: Callable[[Sequence[Item]], Sequence[Result]]
    call_of: Callable[[Item], int] | None = None
    """The call that an item changes. All calls of a transaction are locked before its first statement, in
    one order: two workers on the same calls would else wait for each other, or both set what is current."""
    chunk_of: Callable[[Item], int] | None = None
    """The chunk that must be held for it; locked after the calls, in one order too."""
    keeps_its_place: bool = False
    """It undoes what another kind has done: what came before it is done before it, what came after, after."""


@dataclass(slots=True)
class _Job:
    operation: Operation[Any, Any]
    item: Any
    done: asyncio.Future[Any]


_Outcome = tuple[_Job, Any, Exception | None]


class Writer:
    """Give it an operation and an item and await the result, which comes after the commit."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: Jobs[_Job] = Jobs()
        self._stopping = threading.Event()
        self._rested_at = 0.0
        self._thread = threading.Thread(target=self._work, name="callgauge-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end. With the database away, what is queued is tried once more."""
        self._stopping.set()
        self._jobs.end()
        self._thread.join()

    def post(self, operation: Operation[Item, Result], item: Item, priority: int) -> None:
        """Have it written without waiting; what comes of it is nobody's business."""
        done = self._loop.create_future()
        done.add_done_callback(_heard)
        self._jobs.put(_Job(operation, item, done), priority)

    async def write(self, operation: Operation[Item, Result], item: Item, priority: int) -> Result:
        """`priority`: that of the chunk or the place it is written for."""
        job = _Job(operation, item, self._loop.create_future())
        self._jobs.put(job, priority)
        result: Result = await job.done
        return result

    def _work(self) -> None:
        try:
            while (jobs := self._next_batch()) is not None:
                self._commit(jobs)
        finally:
            connection.close()

    def _next_batch(self) -> list[_Job] | None:
        if not self._jobs.wait():
            return None
        self._rest()
        return self._jobs.take()

    def _rest(self) -> None:
        while len(self._jobs) < ENOUGH and (left := self._rested_at - time.monotonic()) > 0:
            if self._stopping.wait(min(left, LOOK_SECS)):
                return

    def _commit(self, jobs: list[_Job]) -> None:
        """All in one transaction; when that fails, one by one, so that a bad item fails alone."""
        began = time.monotonic()
        try:
            outcomes = self._run_through_outages(jobs)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it belongs to whoever awaits it
            if len(jobs) == 1:
                outcomes = [(jobs[0], None, error)]
            else:
                outcomes = []
                for job in jobs:
                    outcomes.extend(self._run_alone(job))
        ended = time.monotonic()
        self._rested_at = ended + min(REST * (ended - began), MAX_REST_SECS)
        self._loop.call_soon_threadsafe(_tell, outcomes)

    def _run_through_outages(self, jobs: list[_Job]) -> list[_Outcome]:
        deadline = time.monotonic() + OUTAGE_SECS
        for attempt in itertools.count():
            try:
                return self._run(jobs)
            except (DatabaseError, InterfaceError) as error:
                # Room is made on a full disk sooner or later: what was paid for waits for that.
                waits = refusal_of(error) in (FULL, READ_ONLY)
                if not waits and not isinstance(error, OperationalError | InterfaceError):
                    raise
                pause_secs = RETRY_SECS[min(attempt, len(RETRY_SECS) - 1)]
                too_late = time.monotonic() + pause_secs > deadline and not waits
                if self._stopping.is_set() or too_late:
                    raise
                WRITE_RETRIES.inc()
                log.warning("the database cannot be written, trying again: %s", type(error).__name__)
                connection.close()
                self._stopping.wait(pause_secs)
        raise AssertionError("unreachable")

    def _run_alone(self, job: _Job) -> list[_Outcome]:
        try:
            return self._run([job])
        except Exception as error:  # noqa: BLE001 -- see above
            return [(job, None, error)]

    @staticmethod
    def _run(jobs: list[_Job]) -> list[_Outcome]:
        groups = _in_groups(jobs)
        connection.close_if_unusable_or_obsolete()
        outcomes: list[_Outcome] = []
        calls = {job.operation.call_of(job.item) for job in jobs if job.operation.call_of is not None}
        chunks = {job.operation.chunk_of(job.item) for job in jobs if job.operation.chunk_of is not None}
        with write_turn(), transaction.atomic():
            hold_calls(calls)
            ledger.hold(chunks)
            with tally.gathered():
                for group in groups:
                    results = group[0].operation.run([job.item for job in group])
                    outcomes.extend((job, result, None) for job, result in zip(group, results, strict=True))
        return outcomes


def _in_groups(jobs: Sequence[_Job]) -> list[list[_Job]]:
    """Jobs of one kind together, wherever they stand; past one that keeps its place, none is moved."""
    groups: dict[tuple[int, str], list[_Job]] = {}
    era, kept = 0, False
    for job in jobs:
        if job.operation.keeps_its_place != kept:
            era, kept = era + 1, not kept
        groups.setdefault((era, job.operation.name), []).append(job)
    return list(groups.values())


def _heard(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _tell(outcomes: list[_Outcome]) -> None:
    for job, result, error in outcomes:
        if job.done.done():
            continue  # whoever waited was cancelled
        if error is not None:
            job.done.set_exception(error)
        else:
            job.done.set_result(result)

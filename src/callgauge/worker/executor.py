"""The executor: one event loop that works through several chunks at once.

Judge calls are awaited, rows are written by the writer thread, reads go to a few threads of their own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import partial

from django.db import DatabaseError

from callgauge.domain.judging import Judge
from callgauge.engine.evaluate import MAX_REASKS
from callgauge.flow import disk, health, ledger, wake
from callgauge.store.models import Chunk, Priority
from callgauge.worker.asking import Asking
from callgauge.worker.batches import LOOK_SECS, Batches
from callgauge.worker.beside import Beside
from callgauge.worker.chunks import ChunkWork
from callgauge.worker.database import DatabaseThread
from callgauge.worker.evaluating import LeaseLost
from callgauge.worker.exporting import Exports
from callgauge.worker.holds import Holds
from callgauge.worker.judges import Judges
from callgauge.worker.labs import Labs
from callgauge.worker.loop import moment, run_loop
from callgauge.worker.previewing import Previews
from callgauge.worker.recordings import DEFAULT_OPTIONS, RecordingOptions, Recordings
from callgauge.worker.retention import Retention
from callgauge.worker.scripts import AUTO, Scripts
from callgauge.worker.sending import DEFAULT_WEBHOOKS, WebhookOptions, Webhooks
from callgauge.worker.watching import watched_chunk
from callgauge.worker.writer import Writer
from callgauge.worker.writing import Writings

log = logging.getLogger(__name__)

POLL_SECS = 1.0
"""How often the executor looks by itself; work made in this process announces itself."""
RENEW_SECS = 5.0
"""A quarter of a lease: three renewals may fail before it runs out."""
STUCK_SECS = 60.0
"""Nothing that the event loop does by itself takes a second; after this it does not come back."""
BACK_OFF_SECS = 2.0
"""Pause after a chunk failed for a reason of its own (a bug, the database away)."""
LIVE_CHUNKS = 64
"""Live calls are chunks of one call each: many at once keep the judge busy."""
HAND_BACK_SECS = 600.0
"""A chunk that takes longer hands the calls that it has not begun back as a new chunk: brokers take a message
away from whoever holds it for half an hour."""
STOP_GRACE_SECS = 8.0
"""Below the 10 s after which container engines kill."""


class Executor:
    """Runs in a thread of its own from `start` to `stop`."""

    def __init__(
        self,
        owner: str,
        open_judges: Callable[[], Judges | Judge | None],
        *,
        concurrency: int,
        fail_interrupted: bool = False,
        reasks: int = MAX_REASKS,
        sandbox: str = AUTO,
        batch_least: int | None = None,
        batch_look_secs: float = LOOK_SECS,
        memory_mb: int = 64,
        recordings: RecordingOptions = DEFAULT_OPTIONS,
        webhooks: WebhookOptions = DEFAULT_WEBHOOKS,
        looks_for_work: bool = True,
        only_recordings: bool = False,
        hand_back_secs: float = HAND_BACK_SECS,
    ) -> None:
        """A judge alone is the only one there is: no metric can choose another. `batch_least`: judge
        evaluations from which on a rerun is asked through the provider's batch API; None: never.
        `memory_mb`: stored size of the calls that are loaded at the same time.
        `looks_for_work`: False where a broker brings the chunks, see `work_on`. `only_recordings`: it fetches
        recordings, looks into them and redacts them, and does nothing else."""
        self._looks_for_work = looks_for_work and not only_recordings
        self._only_recordings = only_recordings
        self._hand_back_secs = hand_back_secs
        self._owner = owner
        self._open_judges = open_judges
        self._reasks = reasks
        self._concurrency = concurrency
        self._fail_interrupted = fail_interrupted
        self._sandbox = sandbox
        self._batch_least = batch_least
        self._batch_look_secs = batch_look_secs
        self._memory_mb = memory_mb
        self._bulk_chunks = 4 + concurrency // 8
        self._recording_options = recordings
        self._webhook_options = webhooks
        self._thread = threading.Thread(target=self._run, name="callgauge-executor", daemon=True)
        self._ready = threading.Event()
        self._fault: Exception | None = None
        self._beat = time.monotonic()
        self._looked = -POLL_SECS
        """When it last looked for chunks whose lease ran out."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._chunks: dict[int, tuple[Chunk, asyncio.Task[None]]] = {}

    def start(self) -> None:
        """Raises RuntimeError where the executor could not begin."""
        self._thread.start()
        self._ready.wait()
        if self._fault is not None:
            raise RuntimeError("The executor could not start.") from self._fault
        health.watch(self._owner, self.fault)

    def fault(self) -> str:
        """Why it does no work, in a few words; the empty text where it does."""
        if not self._thread.is_alive():
            return "the executor ended; see the log, and start the server again"
        if time.monotonic() - self._beat > STUCK_SECS:
            return f"the executor has not moved for {STUCK_SECS:.0f} seconds"
        return ""

    def stop(self) -> None:
        """Let judge requests under way end, store what they gave, hand every chunk back."""
        health.unwatch(self._owner)
        if self._thread.ident is None:
            return  # stopped before it was started
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def work_on(self, chunk_id: int) -> concurrent.futures.Future[bool]:
        """Take a chunk if it is free, and work through it. The future ends when the chunk is done or somebody
        else's; its value is False where this executor is stopping and did not look at it."""
        assert self._loop is not None, "start it first"
        return asyncio.run_coroutine_threadsafe(self._work_on(chunk_id), self._loop)

    def _run(self) -> None:
        try:
            run_loop(self._main())
        except Exception as error:
            log.error("the executor ended: %s", type(error).__name__, exc_info=error)
            if not self._ready.is_set():
                self._fault = error  # that of its start; of a later one, `fault` tells
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._steered = asyncio.Event()
        self._capped: set[int] = set()
        self._leasing = DatabaseThread("lease")  # its own: nothing delays a lease or a live call's claim
        self._writer = Writer(self._loop)
        self._writer.start()
        opened = self._open_judges()
        self._judges = opened if opened is None or isinstance(opened, Judges) else Judges(opened)
        if self._judges is not None:
            self._judges.start()
        self._make_parts()
        self._batches.start()
        self._beside.start()
        wake.listen(self._on_work)
        self._ready.set()
        steady = [asyncio.create_task(self._keep_leases()), asyncio.create_task(self._let_go_of_stopped())]
        try:
            await self._claim_until_stopped()
        finally:
            wake.unlisten(self._on_work)
            await self._let_end()
            for task in steady:
                task.cancel()
            await self._hand_back()
            await self._close()

    def _make_parts(self) -> None:
        """What works through chunks, and what is done beside them."""
        self._asking = None if self._judges is None else self._asking_of(self._judges)
        self._scripts = Scripts(self._sandbox, in_flight=self._concurrency)
        self._batches = Batches(
            self._owner,
            self._judges,
            least=self._batch_least,
            fail_interrupted=self._fail_interrupted,
            look_secs=self._batch_look_secs,
        )
        self._recordings = Recordings(self._owner, self._recording_options)
        self._work_of = ChunkWork(
            self._owner,
            self._writer,
            self._asking,
            self._scripts,
            self._recordings,
            self._batches,
            in_flight=self._concurrency,
            memory_mb=self._memory_mb,
            hand_back_secs=self._hand_back_secs,
        )
        self._beside = Beside([self._recordings], []) if self._only_recordings else self._all_beside()

    def _asking_of(self, judges: Judges) -> Asking:
        return Asking(
            judges,
            self._writer,
            in_flight=self._concurrency,
            reasks=self._reasks,
            fail_interrupted=self._fail_interrupted,
            on_cap=self._on_cap,
        )

    async def _close(self) -> None:
        """The writer after all that may still have something to write."""
        await self._beside.stop()
        await self._scripts.stop()
        self._writer.stop()
        if self._judges is not None:
            await self._judges.close()
        await self._work_of.close()
        await self._leasing.close()

    def _all_beside(self) -> Beside:
        return Beside(
            [
                Previews(self._owner, self._asking, self._scripts, self._recordings),
                Labs(self._owner, self._asking, self._scripts, self._recordings),
                Writings(self._owner, self._asking, fail_interrupted=self._fail_interrupted),
                Exports(self._owner),
                Webhooks(self._owner, self._webhook_options),
                self._recordings,
            ],
            [Retention(), Holds()],
        )

    async def _let_end(self) -> None:
        """What is under way at a provider was paid for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._batches.stop(STOP_GRACE_SECS))
            if self._asking is not None:
                group.create_task(self._asking.stop(STOP_GRACE_SECS))

    def _on_work(self, more_than_calls: bool) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all if more_than_calls else self._wake.set)

    def _wake_all(self) -> None:
        self._wake.set()
        self._steered.set()
        self._beside.wake()

    def _on_cap(self, rerun_id: int) -> None:
        self._capped.add(rerun_id)
        self._steered.set()

    async def _claim_until_stopped(self) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        if not self._looks_for_work:
            await stopping
        while not self._stopping.is_set():
            self._wake.clear()
            claimed = await self._claim()
            for chunk in claimed:
                self._begin(chunk)
            if not claimed:
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait({woken, stopping}, timeout=POLL_SECS, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
        stopping.cancel()

    async def _work_on(self, chunk_id: int) -> bool:
        if self._stopping.is_set():
            return False
        if chunk_id in self._chunks:
            return True  # the message was doubled
        claim = partial(ledger.claim_these, waits=True)
        for chunk in await self._leasing.run(claim, self._owner, [chunk_id]):
            await asyncio.wait({self._begin(chunk)})
        return True

    def _begin(self, chunk: Chunk) -> asyncio.Task[None]:
        task = asyncio.create_task(self._work(chunk))
        self._chunks[chunk.pk] = (chunk, task)
        task.add_done_callback(partial(self._chunk_ended, chunk.pk))
        return task

    def _chunk_ended(self, chunk_id: int, task: asyncio.Task[None]) -> None:
        if chunk_id in self._chunks and self._chunks[chunk_id][1] is task:
            del self._chunks[chunk_id]
        self._wake.set()

    async def _claim(self) -> list[Chunk]:
        if disk.is_full():
            return []  # what is under way is stored in the reserve; new work would use it up
        mine = [chunk.priority for chunk, _ in self._chunks.values()]
        # Each has room of its own: neither a rerun nor chosen metrics on many calls keep live calls out.
        room = {
            Priority.INTERACTIVE: LIVE_CHUNKS,
            Priority.NORMAL: self._bulk_chunks,
            Priority.BULK: self._bulk_chunks,
        }
        at_work = list(self._chunks)
        expired = time.monotonic() - self._looked >= POLL_SECS
        if expired:
            self._looked = time.monotonic()
        claimed: list[Chunk] = []
        try:
            for priority, most in room.items():
                limit = most - mine.count(priority)
                claimed += await self._leasing.run(
                    partial(ledger.claim, also_expired=expired), self._owner, [priority], limit, at_work
                )
        except Exception as error:  # noqa: BLE001 -- the executor outlives whatever is wrong with the database
            log.warning("cannot look for work, trying again: %s", type(error).__name__)
        return claimed

    async def _keep_leases(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(RENEW_SECS)
            mine = list(self._chunks)
            if not mine:
                continue
            try:
                kept = await self._leasing.run(ledger.renew, self._owner, mine)
            except Exception as error:  # noqa: BLE001 -- leases must go on being renewed whatever it was
                log.warning("cannot renew leases, trying again: %s", type(error).__name__)
                continue
            for chunk_id in set(mine) - kept:
                if chunk_id in self._chunks:
                    self._chunks[chunk_id][1].cancel()

    async def _let_go_of_stopped(self) -> None:
        """Chunks whose rerun is paused or cancelled, or at its money cap, are handed back unfinished."""
        while True:
            await moment(self._steered, POLL_SECS)
            self._steered.clear()
            capped, self._capped = self._capped, set()
            mine = {pk for pk, (chunk, _) in self._chunks.items() if chunk.rerun_id in capped}
            try:
                if self._chunks:
                    mine |= await self._leasing.run(ledger.stopped, self._owner, list(self._chunks))
                if mine:
                    await self._let_go(mine)
            except Exception as error:  # noqa: BLE001 -- steering must go on whatever it was
                log.warning("cannot look for paused reruns, trying again: %s", type(error).__name__)

    async def _let_go(self, chunk_ids: Collection[int]) -> None:
        tasks = [self._chunks[chunk_id][1] for chunk_id in chunk_ids if chunk_id in self._chunks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._leasing.run(ledger.release, self._owner, list(chunk_ids))

    async def _hand_back(self) -> None:
        mine = list(self._chunks)
        tasks = [task for _, task in self._chunks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if mine:
            try:
                await self._leasing.run(ledger.release, self._owner, mine)
            except DatabaseError as error:
                log.warning(
                    "chunks were not handed back; they wait for their lease: %s", type(error).__name__
                )

    # --- one chunk -----------------------------------------------------------------------------------

    async def _work(self, chunk: Chunk) -> None:
        try:
            with watched_chunk(chunk):
                await self._work_of.do(chunk)
        except (LeaseLost, ledger.LeaseLost):
            log.info("chunk %s was taken over", chunk.pk)
        except Exception as error:
            log.error("chunk %s failed: %s", chunk.pk, type(error).__name__, exc_info=error)
            await asyncio.sleep(BACK_OFF_SECS)
            await self._release_after_failure(chunk)

    async def _release_after_failure(self, chunk: Chunk) -> None:
        try:
            await self._leasing.run(_release_counting, self._owner, chunk.pk)
        except DatabaseError as error:
            log.warning("chunk %s waits for its lease: %s", chunk.pk, type(error).__name__)


def _release_counting(owner: str, chunk_id: int) -> None:
    ledger.release(owner, [chunk_id], counts=True)

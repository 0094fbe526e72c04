"""One chunk, from its calls to its end: planned, or measured call by call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from callgauge.domain.metrics import MetricSpec
from callgauge.flow import control, ledger, work
from callgauge.flow.planning import plan_page
from callgauge.flow.work import CallWork
from callgauge.store.models import Chunk, ChunkKind
from callgauge.worker.asking import Asking
from callgauge.worker.batches import Batches
from callgauge.worker.database import DatabaseThread
from callgauge.worker.evaluating import CallEvaluation, LeaseLost
from callgauge.worker.loading import Loading
from callgauge.worker.operations import FINISH, Finishing
from callgauge.worker.recordings import Recordings
from callgauge.worker.scripts import Scripts
from callgauge.worker.slots import Place, Slots
from callgauge.worker.writer import Writer

PLAN_PAGE = 10_000


class ChunkWork:
    """What every chunk of an executor shares: its writer, judges, scripts and recordings."""

    def __init__(
        self,
        owner: str,
        writer: Writer,
        asking: Asking | None,
        scripts: Scripts,
        recordings: Recordings,
        batches: Batches,
        *,
        in_flight: int,
        memory_mb: int,
        hand_back_secs: float,
    ) -> None:
        self._owner = owner
        self._writer = writer
        self._asking = asking
        self._scripts = scripts
        self._recordings = recordings
        self._batches = batches
        self._hand_back_secs = hand_back_secs
        # Threads apart, so that planning a large rerun never delays a live call.
        self._loading, self._planning = DatabaseThread("load"), DatabaseThread("plan")
        self._bulk_loading = DatabaseThread("load-bulk")
        # A call holds its slot for as long as its questions wait for theirs. A large rerun is kept to half of
        # the slots, enough to keep the judge busy: a small one need not wait until whole calls have ended.
        calls = max(32, 2 * in_flight)
        self._calls = Slots(calls, for_bulk=calls // 2)
        self._calls_of = Loading(self._loading, self._bulk_loading, self._calls, memory_mb)
        self._specs: dict[tuple[int, ...], Sequence[MetricSpec]] = {}

    async def do(self, chunk: Chunk) -> None:
        """Raises LeaseLost of this package or of the ledger where another owner has the chunk by now."""
        if chunk.kind == ChunkKind.PLAN:
            await self._plan(chunk)
        else:
            await self._evaluate(chunk)

    async def close(self) -> None:
        await self._loading.close()
        await self._bulk_loading.close()
        await self._planning.close()

    async def _plan(self, chunk: Chunk) -> None:
        if chunk.attempts > ledger.MAX_PLAN_ATTEMPTS:
            await self._planning.run(control.pause_planning, self._owner, chunk.pk)
            return
        while not await self._planning.run(plan_page, self._owner, chunk.pk, PLAN_PAGE):
            pass

    async def _evaluate(self, chunk: Chunk) -> None:
        specs = await self._specs_of(chunk)
        rest: list[int] = []
        left_as_is = ledger.NOTHING_LEFT
        if chunk.attempts > ledger.MAX_ATTEMPTS:
            for missing in await self._loading.run(work.load_missing, chunk, specs):
                await self._evaluation(chunk, missing).give_up()
        elif await self._batches.take(chunk, specs):
            return
        else:
            rest, left_as_is = await self._evaluate_calls(chunk, specs)
        ending = Finishing(self._owner, chunk.pk, tuple(rest), left_as_is)
        if not await self._writer.write(FINISH, ending, chunk.priority):
            raise LeaseLost

    async def _evaluate_calls(
        self, chunk: Chunk, specs: Sequence[MetricSpec]
    ) -> tuple[list[int], ledger.LeftAsIs]:
        """The ids of calls that were not begun, because the chunk has taken too long, and how many results
        were left as they are, are returned."""
        left_as_is = ledger.NOTHING_LEFT
        hand_back_at = time.monotonic() + self._hand_back_secs
        begun, rest = False, list[int]()
        place = Place.of(chunk)

        async def evaluate(call_work: CallWork) -> None:
            nonlocal begun, left_as_is
            async with self._calls.take(place):
                if not begun or time.monotonic() < hand_back_at:
                    begun = True  # one at least, or a chunk could be handed back for ever
                    evaluation = self._evaluation(chunk, call_work)
                    await evaluation.run()
                    left_as_is += evaluation.left_as_is
                else:
                    rest.append(call_work.call.id)

        try:
            async with asyncio.TaskGroup() as group:
                async for part in self._calls_of.parts(chunk, specs, place):
                    for call_work, size in part:
                        self._calls_of.leave_after(group.create_task(evaluate(call_work)), size, place)
        except BaseExceptionGroup as failures:
            raise _plainest(failures) from failures
        return rest, left_as_is

    def _evaluation(self, chunk: Chunk, call_work: CallWork) -> CallEvaluation:
        return CallEvaluation(
            self._owner, chunk, call_work, self._writer, self._asking, self._scripts, self._recordings
        )

    async def _specs_of(self, chunk: Chunk) -> Sequence[MetricSpec]:
        """Versions never change, so they are read once."""
        key = tuple(chunk.rerun.metric_version_ids)
        if key not in self._specs:
            if len(self._specs) > 256:
                self._specs.clear()
            self._specs[key] = await self._loading.run(work.load_specs, key)
        return self._specs[key]


def _plainest(failures: BaseExceptionGroup) -> BaseException:
    """A lost lease explains every other failure of the chunk."""
    lost = failures.subgroup(LeaseLost)
    found: BaseException = lost if lost is not None else failures
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found

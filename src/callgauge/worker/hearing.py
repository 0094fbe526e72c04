"""The analysis of a call's recording, for its metrics: stored, or measured now, once for all who ask."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from callgauge.audio import Analysis, read_analysis
from callgauge.audio.work import Unheard, measure
from callgauge.domain.calls import Call
from callgauge.domain.outcomes import Failed, FailureCode, Skipped
from callgauge.engine.heard import NO_RECORDING, Hearing
from callgauge.flow.recordings import analyses
from callgauge.flow.recordings.analyses import Clues, Standing
from callgauge.flow.recordings.files import StoreError
from callgauge.worker.database import DatabaseThread
from callgauge.worker.local_file import LocalFile
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.slots import Place

log = logging.getLogger(__name__)

TRANSIENT = frozenset({"analysis_crashed", "analysis_timeout", "out_of_memory"})
"""Faults of this attempt, not of the file: they are not kept, and a rerun tries again."""
MEASURE_SECS = 1_800.0
"""A six-hour call takes 4 minutes on a core of its own."""


class Hearings:
    """For one event loop."""

    def __init__(self, processes: AudioProcesses, database: DatabaseThread) -> None:
        self._processes = processes
        self._database = database
        self._under_way: dict[str, asyncio.Task[dict[str, Any] | Unheard]] = {}

    async def of(self, call: Call, place: Place) -> Hearing:
        """`place`: whose work it is, and how urgent."""
        clues = analyses.clues_of(call)
        found = await self.standing(call, clues)
        try:
            return await self._stands(call.id, found, clues, place)
        except FileNotFoundError:
            # It may have been measured, redacted and dropped since.
            found = await self.standing(call, clues)
            return found.analysis or _unusable("Its file is not in the store any more.")

    async def _stands(self, call_id: int, found: Standing, clues: Clues, place: Place) -> Hearing:
        if found.analysis is not None:
            return found.analysis
        if found.place is None or found.fault:
            return not_here(found)
        return await self._measured(call_id, found, clues, place)

    async def standing(self, call: Call, clues: Clues | None = None) -> Standing:
        found: Standing = await self._database.run(
            analyses.standing, call.id, clues or analyses.clues_of(call)
        )
        return found

    async def _measured(self, call_id: int, found: Standing, clues: Clues, place: Place) -> Analysis | Failed:
        try:
            measured = await self._once(found, clues, place)
        except StoreError as error:
            words = f"The storage of recordings does not answer: {error}."
            return Failed(FailureCode.RECORDING_UNAVAILABLE, (words,), retryable=True)
        assert found.place is not None
        if not isinstance(measured, Unheard):
            await self._database.run(analyses.store_analysis, call_id, found.place, found.key, measured)
            return read_analysis(measured)
        if measured.code in TRANSIENT:
            return Failed(FailureCode.AUDIO_FAILED, (measured.words,), retryable=True)
        await self._database.run(analyses.store_fault, found.place, measured.code, measured.words)
        return _unusable(measured.words)

    async def _once(self, found: Standing, clues: Clues, place: Place) -> dict[str, Any] | Unheard:
        """Two reruns of the same call wait for one measurement."""
        task = self._under_way.get(found.key)
        if task is None:
            task = asyncio.create_task(self._measure(found, clues, place))
            self._under_way[found.key] = task
            task.add_done_callback(lambda done: self._ended(found.key, done))
        return await asyncio.shield(task)

    def _ended(self, key: str, task: asyncio.Task[dict[str, Any] | Unheard]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be there any more

    async def _measure(self, found: Standing, clues: Clues, place: Place) -> dict[str, Any] | Unheard:
        assert found.place is not None
        async with LocalFile(found.place) as path:
            return await self._processes.run(
                measure,
                path,
                found.agent_channel,
                clues.agent_times,
                clues.agent_share,
                place=place,
                timeout_secs=MEASURE_SECS,
            )

    async def stop(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)


def not_here(found: Standing) -> Skipped | Failed:
    """The outcome of whatever needs a recording that stands so: without a file, or with one at fault."""
    if found.state == "none":
        return NO_RECORDING
    if found.state == "waiting":
        words = found.fault_words or "It is not fetched yet."
        return Failed(
            FailureCode.RECORDING_UNAVAILABLE, ("The recording is not here.", words), retryable=True
        )
    if found.place is None:
        said = ("The recording is not here.", found.fault_words)
        return Failed(FailureCode.RECORDING_UNAVAILABLE, said)
    return _unusable(found.fault_words)


def _unusable(words: str) -> Failed:
    return Failed(FailureCode.RECORDING_UNUSABLE, ("The recording cannot be measured.", words))

"""Recordings in the executor: fetched, looked into, and measured when a metric asks for it.

What is done is stored, and whatever was under way when a process died is done again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError

from callgauge.audio.work import Unheard, look
from callgauge.domain.calls import Call
from callgauge.domain.options import Options
from callgauge.engine.heard import Hearing
from callgauge.engine.transcription import Transcribe
from callgauge.flow.recordings import due, late
from callgauge.flow.recordings.analyses import Standing
from callgauge.flow.recordings.due import ToFetch, ToLookInto
from callgauge.flow.speech_settings import speech_settings
from callgauge.judge.speech import SpeechSettings, open_speech
from callgauge.outbound import Limits, Network, Outbound
from callgauge.store.models import Priority
from callgauge.worker.database import DatabaseThread
from callgauge.worker.fetching import NotFetched, fetch
from callgauge.worker.hearing import Hearings
from callgauge.worker.local_file import LocalFile
from callgauge.worker.loop import moment
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.redacting import Redactions
from callgauge.worker.slots import Place
from callgauge.worker.sounds import Sounds
from callgauge.worker.transcribing import Transcriptions

log = logging.getLogger(__name__)

POLL_SECS = 2.0
FETCHES = 8
"""Recordings on their way at once."""
SWEEP_SECS = 1800.0
LOOKING = Place(Priority.NORMAL, 0)
LOOK_SECS = 300.0
"""A five-hour mp3 takes 60 s on a slow core."""


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """The settings of that name."""

    processes: int = 0
    memory_mb: int = 2048
    max_mb: int = 512
    fetch_secs: int = 120
    longest_heard_secs: int = 900
    networks: tuple[Network, ...] = ()
    speech: SpeechSettings | None = None
    """Who writes recordings down; None: nobody."""
    ahead: bool = True
    """Whether recordings are fetched, looked into and redacted before anybody asks for them."""

    @classmethod
    def of(cls, options: Options) -> RecordingOptions:
        """Raises JudgeSettingError."""
        return cls(
            options.audio_processes,
            options.audio_memory_mb,
            options.recording_max_mb,
            options.recording_fetch_secs,
            options.judge_audio_secs,
            options.outbound_networks,
            speech_settings(options),
        )


DEFAULT_OPTIONS = RecordingOptions()


class Recordings:
    """Runs beside the chunks of an executor from `start` to `stop`."""

    def __init__(self, owner: str, options: RecordingOptions) -> None:
        self._options = options
        self._processes = AudioProcesses(options.processes, options.memory_mb)
        self._database = DatabaseThread("recordings")
        self._reading = DatabaseThread("hearing")
        self._hearings = Hearings(self._processes, self._reading)
        self.sounds = Sounds(
            self._processes, self._standing, self.hearing, longest_secs=float(options.longest_heard_secs)
        )
        self._redactions = Redactions(self._processes, self._database, self._hearings)
        self._transcriptions = (
            None
            if options.speech is None
            else Transcriptions(
                owner, open_speech(options.speech), self.hearing, self._processes, self._reading
            )
        )
        self._outbound = Outbound(options.networks)
        self._fetching: dict[int, asyncio.Task[None]] = {}
        self._claiming = asyncio.Lock()
        """Between a claim and its place among those under way: who asks meanwhile would fetch it again."""
        self._wake = asyncio.Event()
        self._looking: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        if not self._options.ahead:
            return
        self._begin(self._look_for_work())
        self._begin(self._redactions.run())
        self._begin(self._sweep())

    def wake(self) -> None:
        self._wake.set()
        self._redactions.wake()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._processes.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hearings.stop()
        await self.sounds.stop()
        if self._transcriptions is not None:
            await self._transcriptions.stop()
        await self._outbound.close()
        await self._database.close()
        await self._reading.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_for_work(self) -> None:
        while True:
            self._wake.clear()
            try:
                busy = await self._start_looking()
                busy = await self._start_fetching() or busy
                await self._measure_late()
            except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
                log.warning("cannot look for recordings, trying again: %s", type(error).__name__)
                busy = False
            if not busy:
                await moment(self._wake, POLL_SECS)

    async def _measure_late(self) -> None:
        """A call that cannot be planned is left out, and holds up none of the others."""
        for call_id in await self._database.run(late.due):
            try:
                await self._database.run(late.measure, call_id)
            except (OperationalError, InterfaceError) as error:
                log.warning("call %s is to be measured, trying again: %s", call_id, type(error).__name__)
            except Exception as error:
                log.error("call %s: %s once it could be heard", call_id, type(error).__name__, exc_info=error)
                await self._database.run(late.give_up, call_id)

    # --- looking into files --------------------------------------------------------------------------

    async def _start_looking(self) -> bool:
        """Whether there was one; no more at once than there are processes."""
        if len(self._looking) >= self._processes.count:
            return False
        found = await self._database.run(due.claim_unseen)
        if found is None:
            return False
        self._looking.add(found.file_id)
        self._begin(self._look_into(found)).add_done_callback(partial(self._looked, found.file_id))
        return True

    def _looked(self, file_id: int, task: asyncio.Task[None]) -> None:
        self._looking.discard(file_id)
        self._wake.set()

    async def _look_into(self, found: ToLookInto) -> None:
        try:
            async with LocalFile(found.place) as path:
                seen = await self._processes.run(look, path, place=LOOKING, timeout_secs=LOOK_SECS)
            if isinstance(seen, Unheard):
                await self._database.run(due.unreadable, found.file_id, seen.code, seen.words)
            else:
                await self._database.run(partial(due.seen, found.file_id, **seen))
        except FileNotFoundError:
            words = "The recording's file is not in the store any more."
            await self._database.run(due.unreadable, found.file_id, "missing_file", words)
        except asyncio.CancelledError:
            await self._database.run(due.look_later, found.file_id, 0.0)
            raise
        except Exception as error:  # noqa: BLE001 -- one recording must not end the others
            log.error("recording file %s: %s", found.file_id, type(error).__name__)
            await self._database.run(due.look_later, found.file_id, POLL_SECS)

    # --- fetching ------------------------------------------------------------------------------------

    async def hearing(self, call: Call, place: Place) -> Hearing:
        """The analysis of a call's recording, fetched and measured first where it has to be."""
        await self._fetch_now(call.id)
        return await self._hearings.of(call, place)

    async def _standing(self, call: Call) -> Standing:
        await self._fetch_now(call.id)
        return await self._hearings.standing(call)

    def transcriber(self, call: Call, place: Place) -> Transcribe | None:
        """What gives the words that are heard in a call's recording; None where nobody writes them down."""
        return None if self._transcriptions is None else partial(self._transcriptions.of, call, place)

    async def _fetch_now(self, call_id: int) -> None:
        """A recording that still waits is fetched before its time: a live call's metrics ask for it."""
        try:
            await self._fetch_at_once(call_id)
        except Exception as error:  # noqa: BLE001 -- what is wrong with it shows in its row
            log.warning("recording of call %s: %s", call_id, type(error).__name__)

    async def _fetch_at_once(self, call_id: int) -> None:
        async with self._claiming:
            if call_id not in self._fetching:
                found = await self._database.run(due.claim_fetch, call_id)
                if found is None:
                    return
                self._start_fetch(found)
        await asyncio.shield(self._fetching[call_id])

    async def _start_fetching(self) -> bool:
        """Whether there was one that is due."""
        if len(self._fetching) >= FETCHES:
            return False
        async with self._claiming:
            found = await self._database.run(due.claim_fetch)
            if found is None:
                return False
            self._start_fetch(found)
        return True

    def _start_fetch(self, found: ToFetch) -> None:
        task = self._begin(self._fetch(found))
        self._fetching[found.call_id] = task
        task.add_done_callback(partial(self._fetched, found.call_id))

    def _fetched(self, call_id: int, task: asyncio.Task[None]) -> None:
        self._fetching.pop(call_id, None)
        self._wake.set()

    async def _fetch(self, found: ToFetch) -> None:
        limits = Limits(self._options.max_mb << 20, float(self._options.fetch_secs))
        try:
            async with fetch(self._outbound, found.url, limits) as incoming:
                await self._database.run(due.fetched, found, incoming)
        except NotFetched as error:
            await self._database.run(
                partial(due.not_fetched, found, error.code, error.words, retryable=error.retryable)
            )
        except Exception as error:  # noqa: BLE001 -- the storage, the database, a fault of ours: tried again
            log.warning("recording of call %s: %s", found.call_id, type(error).__name__)
            words = f"The recording could not be stored: {type(error).__name__}."
            await self._database.run(partial(due.not_fetched, found, "storage", words, retryable=True))

    # --- sweeping ------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            try:
                await self._database.run(due.sweep)
            except Exception as error:  # noqa: BLE001 -- the next one may go well
                log.warning("cannot sweep up after recordings: %s", type(error).__name__)
            await asyncio.sleep(SWEEP_SECS)

"""Makes the copies of recordings in which personal data cannot be heard, one at a time.

The original is measured first, because it may be dropped. A process that dies leaves the recording due.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from callgauge.audio.work import Unheard, redact
from callgauge.domain.outcomes import Failed
from callgauge.flow.recordings import redacting
from callgauge.flow.recordings.files import StoreError
from callgauge.flow.recordings.intake import Incoming, copied, writing_path
from callgauge.flow.recordings.redacting import ToRedact
from callgauge.flow.work import read_calls
from callgauge.store.models import Priority
from callgauge.worker.database import DatabaseThread
from callgauge.worker.hearing import TRANSIENT, Hearings
from callgauge.worker.local_file import LocalFile
from callgauge.worker.loop import moment
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.slots import Place

log = logging.getLogger(__name__)

POLL_SECS = 2.0
REDACTING = Place(Priority.NORMAL, 0)
REDACT_SECS = 900.0
"""A six-hour mp3 is decoded and encoded in three minutes on a slow core."""


class Redactions:
    """For one event loop."""

    def __init__(self, processes: AudioProcesses, database: DatabaseThread, hearings: Hearings) -> None:
        self._processes = processes
        self._database = database
        self._hearings = hearings
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._wake.clear()
            try:
                found = await self._database.run(redacting.claim_redaction)
                if found is not None:
                    await self._redact(found)
                    continue
            except Exception as error:  # noqa: BLE001 -- it outlives whatever is wrong with the database
                log.warning("cannot look for recordings to redact, trying again: %s", type(error).__name__)
            await moment(self._wake, POLL_SECS)

    async def _redact(self, found: ToRedact) -> None:
        """Whatever goes wrong, the original is not played meanwhile."""
        try:
            if await self._measured(found) and await self._copied(found):
                return
        except (FileNotFoundError, StoreError) as error:
            log.warning(
                "recording of call %s cannot be redacted yet: %s", found.call_id, type(error).__name__
            )
        except Exception as error:  # noqa: BLE001 -- one recording must not end the others
            log.error("recording of call %s: %s", found.call_id, type(error).__name__)
        await self._database.run(redacting.redact_later, found)

    async def _measured(self, found: ToRedact) -> bool:
        """Whether all that can be measured of the original is stored."""
        if found.is_copy:
            return True
        calls = await self._database.run(read_calls, [found.call_id])
        call = calls.get(found.call_id)
        if call is None:
            return True  # nothing of the call can be read, by metrics neither
        heard = await self._hearings.of(call, REDACTING)
        return not (isinstance(heard, Failed) and heard.retryable)

    async def _copied(self, found: ToRedact) -> bool:
        if not found.spans:
            await self._database.run(redacting.withhold, found)
            return True
        with writing_path() as target:
            async with LocalFile(found.place) as path:
                fault = await self._processes.run(
                    redact, path, str(target), found.spans, place=REDACTING, timeout_secs=REDACT_SECS
                )
            if isinstance(fault, Unheard):
                if fault.code in TRANSIENT:
                    return False
                await self._database.run(redacting.withhold, found, fault.code, fault.words)
                return True
            copy: Incoming = await asyncio.to_thread(copied, Path(target))
            await self._database.run(redacting.redacted, found, copy)
            return True

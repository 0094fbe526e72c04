"""Recordings written down by speech to text: stored, or heard now, once for all who ask."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from callgauge.audio import Analysis
from callgauge.audio.work import Unheard, cut_up
from callgauge.domain.calls import Call
from callgauge.domain.outcomes import Failed, FailureCode, Skipped
from callgauge.engine.heard import Hearing
from callgauge.engine.transcription import Said
from callgauge.engine.transcription.sides import AGENT, BOTH, CALLER
from callgauge.flow.recordings import analyses
from callgauge.flow.recordings.files import Place as FilePlace
from callgauge.flow.recordings.files import StoreError, incoming
from callgauge.flow.recordings.texts import (
    Lease,
    Piece,
    claim_dictation,
    end_dictation,
    keep_piece,
    known_pieces,
    renew_dictation,
)
from callgauge.judge.speech import Heard, SpeechError, SpeechToText
from callgauge.worker.claiming import RENEW_SECS
from callgauge.worker.database import DatabaseThread
from callgauge.worker.hearing import not_here
from callgauge.worker.local_file import LocalFile
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.slots import Place
from callgauge.worker.sounds import NOT_YET_HEARD

log = logging.getLogger(__name__)

CUT_SECS: Final = 600.0
"""A five-hour mp3 takes a minute on a slow core."""
AT_ONCE: Final = 8
"""Pieces that are being written down at the same time."""
LOOK_SECS: Final = 1.0
"""Between two looks at whether another worker is done with the same file."""


@dataclass(frozen=True, slots=True)
class _Text:
    """What is heard, by channel."""

    by_channel: dict[int, str]


class Transcriptions:
    """For one event loop."""

    def __init__(
        self,
        owner: str,
        speech: SpeechToText,
        hear: Callable[[Call, Place], Awaitable[Hearing]],
        processes: AudioProcesses,
        database: DatabaseThread,
    ) -> None:
        self._owner = owner
        self._speech = speech
        self._hear = hear
        self._processes = processes
        self._database = database
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[_Text | Failed]] = {}

    async def of(self, call: Call, place: Place) -> Said | Skipped | Failed:
        heard = await self._hear(call, place)
        if not isinstance(heard, Analysis):
            return heard
        found = await self._database.run(analyses.standing, call.id, analyses.clues_of(call))
        if found.audible is None:
            return NOT_YET_HEARD if found.place is not None else not_here(found)
        agent = heard.health.agent_channel
        text = await self._once(found.audible, agent is None, place)
        if isinstance(text, Failed):
            return text
        sides = {
            (BOTH if agent is None else AGENT if channel == agent else CALLER): words
            for channel, words in text.by_channel.items()
        }
        guessed = agent is not None and heard.health.agent_channel_source == "guessed"
        notes = ("Which channel is the agent's was guessed.",) if guessed else ()
        return Said(sides, "speech_to_text", self._speech.name, notes)

    async def _once(self, file: FilePlace, mixed: bool, place: Place) -> _Text | Failed:
        """Two reruns of the same call, and two calls with the same file, wait for one."""
        key = f"{file.path} {mixed}"
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._write_down(file, mixed, place))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    def _ended(self, key: str, task: asyncio.Task[_Text | Failed]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be there any more

    async def _write_down(self, file: FilePlace, mixed: bool, place: Place) -> _Text | Failed:
        """What is stored, or heard now by one worker; the others wait for what it keeps."""
        while True:
            known = await self._database.run(known_pieces, file, self._speech.name)
            if _is_all(known):
                return _joined(known)
            lease = await self._database.run(claim_dictation, file, self._speech.name, self._owner)
            if lease is not None:
                break
            await asyncio.sleep(LOOK_SECS)
        renewing = asyncio.create_task(self._renew(lease))
        try:
            # Whoever had it before may have kept more since the look.
            known = await self._database.run(known_pieces, file, self._speech.name)
            return _joined(known) if _is_all(known) else await self._hear_now(file, mixed, place, known)
        finally:
            renewing.cancel()
            await self._database.run(end_dictation, lease, self._owner)

    async def _renew(self, lease: Lease) -> None:
        """A lease that was lost all the same is not the end: two have it then, and one pays in vain."""
        while True:
            await asyncio.sleep(RENEW_SECS)
            try:
                await self._database.run(renew_dictation, lease, self._owner)
            except Exception as error:  # noqa: BLE001 -- the lease must go on being renewed whatever it was
                log.warning("cannot renew a lease, trying again: %s", type(error).__name__)

    async def _hear_now(
        self, file: FilePlace, mixed: bool, place: Place, known: Sequence[Piece]
    ) -> _Text | Failed:
        with tempfile.TemporaryDirectory(prefix="callgauge-pieces-", dir=incoming()) as folder:
            try:
                async with LocalFile(file) as path:
                    cut = await self._processes.run(
                        cut_up, path, folder, mixed, place=place, timeout_secs=CUT_SECS
                    )
            except FileNotFoundError:
                words = "Its file is not in the store any more."
                return Failed(FailureCode.RECORDING_UNUSABLE, ("The recording cannot be heard.", words))
            except StoreError as error:
                return Failed(FailureCode.RECORDING_UNAVAILABLE, (f"{error}.",), retryable=True)
            if isinstance(cut, Unheard):
                return Failed(FailureCode.AUDIO_FAILED, (cut.words,), retryable=cut.retryable)
            return await self._pieces(file, cut, {(one.channel, one.number): one for one in known})

    async def _pieces(
        self, file: FilePlace, cut: list[dict[str, Any]], known: dict[tuple[int, int], Piece]
    ) -> _Text | Failed:
        counts: dict[int, int] = {}
        wanted: list[tuple[tuple[int, int], dict[str, Any]]] = []
        for one in cut:
            number = counts.get(one["channel"], 0)
            counts[one["channel"]] = number + 1
            wanted.append(((one["channel"], number), one))
        left = [(key, one) for key, one in wanted if key not in known]
        results = await asyncio.gather(
            *(self._piece(file, key, one, len(cut)) for key, one in left), return_exceptions=True
        )
        for result in results:
            if isinstance(result, SpeechError):  # what the others gave is kept for the next time
                return Failed(FailureCode.SPEECH_TO_TEXT_FAILED, (str(result),), retryable=result.retryable)
            if isinstance(result, BaseException):
                raise result
            known[result.channel, result.number] = result
        return _joined([known[key] for key, _ in wanted])

    async def _piece(self, file: FilePlace, key: tuple[int, int], one: dict[str, Any], total: int) -> Piece:
        """Kept before anybody uses it. A quiet piece is not sent: models make words up."""
        heard = Heard("")
        if one["file"] is not None:
            async with self._room:
                sound = await asyncio.to_thread(Path(one["file"]).read_bytes)
                heard = await self._speech.hear(sound)
        piece = Piece(*key, one["start_secs"], heard.text, heard.language, total)
        await self._database.run(keep_piece, file, self._speech.name, piece)
        return piece

    async def stop(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._speech.close()


def _is_all(known: Sequence[Piece]) -> bool:
    return bool(known) and len(known) == known[0].total


def _joined(pieces: Sequence[Piece]) -> _Text:
    found: dict[int, list[str]] = {}
    for piece in pieces:
        found.setdefault(piece.channel, []).append(piece.text)
    return _Text({channel: "\n".join(texts) for channel, texts in found.items()})

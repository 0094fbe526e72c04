"""What a judge listens to: found in the recording of a call, cut when it is sent, and held no longer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from callgauge.audio import Analysis
from callgauge.audio.clip import BYTES_PER_SEC
from callgauge.audio.work import Unheard, cut, look
from callgauge.domain.calls import Call
from callgauge.domain.judging import JudgeCannotHear, Side, Sound
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Skipped, SkipReason
from callgauge.engine.heard import Hearing
from callgauge.engine.listening import Hear, Hearable, Stretch, sound_of, too_long
from callgauge.flow.recordings.analyses import NOT_MEASURED, Standing
from callgauge.flow.recordings.files import Place as StorePlace
from callgauge.flow.recordings.files import StoreError
from callgauge.worker.asking import Asking
from callgauge.worker.hearing import TRANSIENT, not_here
from callgauge.worker.local_file import LocalFile
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.room import Room
from callgauge.worker.slots import Place

SENT_BYTES = 128 * 1024 * 1024
"""What the sounds that are being sent may take of memory: each as it is, in base64, and in the request."""
COPIES = 5
KEPT_BYTES = 64 * 1024 * 1024
"""Clips kept for the call's next question: to cut one takes a second for one or two minutes."""
CUT_SECS = 300.0
LOOK_SECS = 300.0

NO_LISTENER = (
    "No judge that listens is set. Set CALLGAUGE_JUDGE_AUDIO_MODELS, for example gemini:gemini-2.5-flash or "
    "openai:gpt-audio; models of Anthropic take no sound."
)

NOT_YET_HEARD = Failed(
    FailureCode.RECORDING_UNAVAILABLE,
    ("Personal data can be heard in the recording; a copy without it is not made yet, or cannot be.",),
    retryable=True,
)


class Sounds:
    """For one event loop."""

    def __init__(
        self,
        processes: AudioProcesses,
        standing: Callable[[Call], Awaitable[Standing]],
        hearing: Callable[[Call, Place], Awaitable[Hearing]],
        *,
        longest_secs: float,
    ) -> None:
        """`standing` tells of a call's recording, fetched if it has to be; `hearing` has its analysis."""
        self._processes = processes
        self._standing = standing
        self._hearing = hearing
        self._longest_secs = longest_secs
        self._room = Room(SENT_BYTES)
        self._kept: OrderedDict[Sound, bytes] = OrderedDict()
        self._cutting: dict[Sound, asyncio.Task[bytes]] = {}

    async def find(self, call: Call, stretch: Stretch, place: Place) -> Hearable | Skipped | Failed:
        """Nothing is cut yet. `place`: whose work it is, and how urgent."""
        found = await self._standing(call)
        fault = found.fault if found.fault != NOT_MEASURED else ""
        if found.audible is None or fault:
            hidden = found.place is not None and not fault
            return NOT_YET_HEARD if hidden else not_here(found)
        duration = found.duration_secs
        if duration is None:
            looked = await self._look(found.audible, place)
            if isinstance(looked, Failed):
                return looked
            duration = looked
        agent_channel = None
        if stretch.side is not Side.BOTH:
            hearing = await self._hearing(call, place)
            if not isinstance(hearing, Analysis):
                return hearing
            agent_channel = hearing.health.agent_channel
        sound = sound_of(found.audible.sha256, duration, stretch, agent_channel)
        if not isinstance(sound, Sound):
            return sound
        if sound.secs > self._longest_secs:
            return too_long(sound.secs, self._longest_secs)
        return Hearable(sound, partial(self._opened, found.audible, place))

    @asynccontextmanager
    async def _opened(self, file: StorePlace, place: Place, sound: Sound) -> AsyncIterator[bytes]:
        size = self._room.capped(round(sound.secs * BYTES_PER_SEC) * COPIES, urgent=place.urgent)
        await self._room.enter(size, urgent=place.urgent)
        try:
            yield await self._bytes(file, place, sound)
        finally:
            self._room.leave(size, urgent=place.urgent)

    async def _bytes(self, file: StorePlace, place: Place, sound: Sound) -> bytes:
        """Two questions that come at once wait for one cut."""
        if sound in self._kept:
            self._kept.move_to_end(sound)
            return self._kept[sound]
        task = self._cutting.get(sound)
        if task is None:
            task = self._cutting[sound] = asyncio.create_task(self._cut(file, place, sound))
            task.add_done_callback(partial(self._ended, sound))
        return await asyncio.shield(task)

    def _ended(self, sound: Sound, task: asyncio.Task[bytes]) -> None:
        self._cutting.pop(sound, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._kept[sound] = task.result()
        while sum(map(len, self._kept.values())) > KEPT_BYTES:
            self._kept.popitem(last=False)

    async def _cut(self, file: StorePlace, place: Place, sound: Sound) -> bytes:
        try:
            async with LocalFile(file) as path:
                clip = await self._processes.run(
                    cut,
                    path,
                    sound.start_secs,
                    sound.end_secs,
                    sound.channel,
                    place=place,
                    timeout_secs=CUT_SECS,
                )
        except FileNotFoundError:
            raise JudgeCannotHear("The recording's file is not in the store any more.") from None
        except StoreError as error:
            words = f"The storage of recordings does not answer: {error}."
            raise JudgeCannotHear(words, retryable=True) from None
        if isinstance(clip, Unheard):
            words = f"The recording could not be cut for the judge. {clip.words}"
            raise JudgeCannotHear(words, retryable=clip.code in TRANSIENT)
        return clip

    async def _look(self, file: StorePlace, place: Place) -> float | Failed:
        """The length of a file that nobody has looked into yet."""
        try:
            async with LocalFile(file) as path:
                seen = await self._processes.run(look, path, place=place, timeout_secs=LOOK_SECS)
        except (FileNotFoundError, StoreError):
            words = "The recording cannot be had from its store now."
            return Failed(FailureCode.RECORDING_UNAVAILABLE, (words,), retryable=True)
        if not isinstance(seen, Unheard):
            return float(seen["duration_secs"])
        code = FailureCode.AUDIO_FAILED if seen.code in TRANSIENT else FailureCode.RECORDING_UNUSABLE
        return Failed(code, (seen.words,), retryable=seen.code in TRANSIENT)

    async def stop(self) -> None:
        for task in self._cutting.values():
            task.cancel()
        await asyncio.gather(*self._cutting.values(), return_exceptions=True)


def hear_for(asking: Asking | None, sounds: Sounds, call: Call, place: Place) -> Hear:
    """For the metrics of one call."""

    async def hear(spec: MetricSpec, stretch: Stretch) -> Hearable | Skipped | Failed:
        if asking is None or not asking.can_hear(spec):
            return Skipped(SkipReason.NO_AUDIO_JUDGE, (NO_LISTENER,))
        return await sounds.find(call, stretch, place)

    return hear

"""Questions whose judge listens: which part of the recording it gets, and how it is told about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from callgauge.audio import CLIP_CODEC
from callgauge.domain.calls import clock
from callgauge.domain.judging import JudgeRequest, Message, OpenSound, Side, Sound
from callgauge.domain.metrics import MetricKind, MetricSpec
from callgauge.domain.outcomes import Failed, Skipped, SkipReason
from callgauge.engine.dependencies import JUDGE, has_code_trigger
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.prompt_files import prompt

START, END, SIDE = "audio_start_time", "audio_end_time", "audio_side"
"""Keys of a metric's configuration."""
MIN_SECS: Final = 0.1
"""Less is no sound that anybody could judge."""

_VOICES: Final = {
    Side.BOTH: "both parties are heard on it, mixed into one channel",
    Side.AGENT: "only the Main Agent's channel is on it; while the Testing Agent speaks it is silent",
    Side.CALLER: "only the Testing Agent's channel is on it; while the Main Agent speaks it is silent",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a metric wants to be heard. Seconds from the start of the recording, from its end where they are
    less than 0; None for its start or end."""

    start_secs: float | None = None
    end_secs: float | None = None
    side: Side = Side.BOTH

    def within(self, duration_secs: float) -> tuple[float, float] | None:
        """As seconds from the start, to the millisecond; None where the recording has nothing there."""
        start = _from_start(self.start_secs or 0.0, duration_secs)
        end = duration_secs if self.end_secs is None else _from_start(self.end_secs, duration_secs)
        end = min(end, duration_secs)
        return (round(start, 3), round(end, 3)) if end - start >= MIN_SECS else None


@dataclass(frozen=True, slots=True)
class Hearable:
    """A sound that a judge can be given."""

    sound: Sound
    open: OpenSound


Hear = Callable[[MetricSpec, Stretch], Awaitable[Hearable | Skipped | Failed]]
"""Find the stretch of the call's recording that a metric's judge is to hear, or why it cannot."""

NOTHING_THERE: Final = "The recording has no sound in the part that the metric listens to."


def stretch_of(spec: MetricSpec) -> Stretch:
    """Raises BadConfiguration."""
    start, end = (_secs(spec.configuration.get(name), name) for name in (START, END))
    if start is not None and end is not None and (start < 0) == (end < 0) and start >= end:
        raise BadConfiguration(f"{END} in the metric's configuration must be after {START}.")
    side = spec.configuration.get(SIDE) or Side.BOTH
    if side not in set(Side):
        raise BadConfiguration(f"{SIDE} in the metric's configuration is one of {', '.join(Side)}.")
    return Stretch(start, end, Side(side))


def asks_to_listen(spec: MetricSpec) -> bool:
    """Whether the metric, or a script of it, may ask a judge to listen."""
    if spec.kind is MetricKind.LLM_JUDGE and spec.hears:
        return True
    scripts = [spec.custom_code] if spec.kind is MetricKind.CUSTOM_CODE else []
    scripts += [spec.trigger_code] if has_code_trigger(spec) else []
    return any(JUDGE in code and "audio" in code for code in scripts)


def with_sound(request: JudgeRequest, heard: Hearable) -> JudgeRequest:
    """The sound goes between what all questions about the call share and the question itself: so those that
    listen to the same stretch share it too."""
    *shared, question = request.messages
    return replace(request, messages=(*shared, _message(heard), question), open_sound=heard.open)


def sound_of(
    recording: str, duration_secs: float, stretch: Stretch, agent_channel: int | None
) -> Sound | Skipped:
    """The stretch of a recording with this hash and length. `agent_channel` is asked for one side alone;
    None where one channel has both: the judge then hears both, and is told so."""
    part = stretch.within(duration_secs)
    if part is None:
        return Skipped(SkipReason.NOT_APPLICABLE, (NOTHING_THERE,))
    is_whole = part == (0.0, round(duration_secs, 3))
    if stretch.side is Side.BOTH or agent_channel is None:
        return Sound(recording, None, *part, CLIP_CODEC, is_whole=is_whole)
    channel = agent_channel if stretch.side is Side.AGENT else 1 - agent_channel
    return Sound(recording, channel, *part, CLIP_CODEC, stretch.side, is_whole)


def heard_extra(heard: Hearable) -> dict[str, Any]:
    """For the `extra` of a result."""
    sound = heard.sound
    return {"heard": {"start": sound.start_secs, "end": sound.end_secs, "side": sound.side.value}}


def too_long(secs: float, longest_secs: float) -> Skipped:
    return Skipped(
        SkipReason.RECORDING_TOO_LONG,
        (
            f"The metric listens to {clock(secs)} minutes; at most {clock(longest_secs)} are sent to a judge "
            f"(CALLGAUGE_JUDGE_AUDIO_SECS).",
            f"Set {START} or {END} in the metric's configuration, for example {START}: -120 for the last two "
            "minutes.",
        ),
    )


def _message(heard: Hearable) -> Message:
    sound = heard.sound
    stretch = (
        f"all of it, {clock(sound.secs)} minutes"
        if sound.is_whole
        else f"the part from {clock(sound.start_secs)} to {clock(sound.end_secs)}, so that its first second "
        f"is {clock(sound.start_secs)} of the call"
    )
    text = prompt("sound").substitute(stretch=stretch, voices=_VOICES[sound.side]).strip()
    return Message("user", text, sound=sound)


def _from_start(secs: float, duration_secs: float) -> float:
    return max(0.0, duration_secs + secs) if secs < 0 else secs


def _secs(value: object, name: str) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e6:
        raise BadConfiguration(f"{name} in the metric's configuration must be a number of seconds.")
    return float(value)

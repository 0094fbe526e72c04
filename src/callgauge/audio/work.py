"""What a process of its own is asked to do with a file: plain values in and out."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .analysis import Span
from .errors import AudioError, NoSuchChannel

NICENESS = 5
"""Measuring sound is long and may wait: whoever asks the server something goes first."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Unheard:
    """Why a file could not be measured; the fields of `errors.AudioError`."""

    code: str
    words: str
    retryable: bool = False


def prepare(memory_mb: int) -> None:
    """At the start of a process: it ends with its parent, asks for little time, and has so much memory."""
    with suppress(OSError, AttributeError):  # not Linux: it ends when its queue is closed
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    most = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def measure(
    path: str, agent_channel: int | None, agent_times: Sequence[Span], agent_share: float | None
) -> dict[str, Any] | Unheard:
    """`Analysis.to_json` of a file; the rest as for `analyse`."""
    from .pipeline import analyse

    try:
        found = analyse(
            path, agent_channel=agent_channel, agent_times=agent_times or None, agent_share=agent_share
        )
    except NoSuchChannel:  # providers name the agent's channel for mono files too
        return measure(path, None, agent_times, agent_share)
    except AudioError as error:
        return _unheard(error)
    except MemoryError:
        return _OUT_OF_MEMORY
    return found.to_json()


def look(path: str) -> dict[str, Any] | Unheard:
    """`duration_secs`, `sample_rate`, `channels` and `zooms` of a file."""
    from .outline import outline

    try:
        found = outline(path)
    except AudioError as error:
        return _unheard(error)
    except MemoryError:
        return _OUT_OF_MEMORY
    return {
        "duration_secs": found.duration_secs,
        "sample_rate": found.sample_rate,
        "channels": found.channels,
        "zooms": list(found.zooms),
    }


def cut(path: str, start_secs: float, end_secs: float, channel: int | None) -> bytes | Unheard:
    """A stretch of a file as mp3."""
    from .clip import cut as cut_clip

    try:
        return cut_clip(path, start_secs, end_secs, channel=channel)
    except AudioError as error:
        return _unheard(error)
    except MemoryError:
        return _OUT_OF_MEMORY


def redact(path: str, target: str, spans: Sequence[Span]) -> Unheard | None:
    """Write a copy to `target` in which the spans cannot be heard."""
    from .bleep import bleep

    try:
        bleep(path, target, spans)
    except AudioError as error:
        return _unheard(error)
    except MemoryError:
        return _OUT_OF_MEMORY
    return None


def cut_up(path: str, folder: str, mixed: bool) -> list[dict[str, Any]] | Unheard:
    """As `pieces.cut`."""
    from .pieces import cut

    try:
        return cut(path, folder, mixed)
    except AudioError as error:
        return _unheard(error)
    except MemoryError:
        return _OUT_OF_MEMORY


_OUT_OF_MEMORY = Unheard("out_of_memory", "Measuring the recording took more than CALLGAUGE_AUDIO_MEMORY_MB.")


def _unheard(error: AudioError) -> Unheard:
    return Unheard(error.code, f"{error}.", error.retryable)

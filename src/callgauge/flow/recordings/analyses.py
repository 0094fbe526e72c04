"""The stored analysis of a call's recording: computed once for what it rests on, read by every rerun."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from callgauge.audio import ANALYSIS_VERSION, Analysis, read_analysis
from callgauge.domain.calls import Call, Role, stable_hash
from callgauge.flow.recordings.files import Place
from callgauge.store.models import CallLog, Recording, RecordingState

log = logging.getLogger(__name__)

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the recording of a call stands, for those who need its analysis."""

    state: str
    """none, waiting, failed or stored."""
    fault: str = ""
    fault_words: str = ""
    place: Place | None = None
    key: str = ""
    """Of the analysis, see `Recording.analysis_key`."""
    agent_channel: int | None = None
    duration_secs: float | None = None
    """None also where nobody has looked into the file yet."""
    analysis: Analysis | None = None
    """Where it is stored, and rests on the same things."""


@dataclass(frozen=True, slots=True)
class Clues:
    """What the transcript tells of the channels."""

    agent_times: Sequence[Span]
    agent_share: float | None
    """Of the words; None without words of both."""


def clues_of(call: Call) -> Clues:
    times = [
        (turn.start_secs, turn.end_secs)
        for turn in call.turns
        if turn.role is Role.AGENT
        and turn.start_secs is not None
        and turn.end_secs is not None
        and turn.end_secs > turn.start_secs
    ]
    words = {
        role: sum(len(turn.text.split()) for turn in call.turns if turn.role is role)
        for role in (Role.AGENT, Role.CALLER)
    }
    share = words[Role.AGENT] / sum(words.values()) if all(words.values()) else None
    return Clues(tuple(times), share)


def standing(call_id: int, clues: Clues) -> Standing:
    row = Recording.objects.select_related("file", "call").filter(pk=call_id, call__deleted_at=None).first()
    if row is None:
        return Standing("none")
    if row.state != RecordingState.STORED or row.file is None:
        return Standing(row.state, row.fault, row.fault_words)
    channel = _given_channel(row.call, row.file.channels)
    key = stable_hash(row.file.sha256, ANALYSIS_VERSION, channel, clues.agent_times, clues.agent_share)
    place = Place(row.file.project_id, row.file.sha256)
    if row.file.fault:
        return Standing("stored", row.file.fault, row.file.fault_words, place, key, channel)
    analysis = _read(row) if row.analysis_key == key else None
    return Standing(
        "stored",
        place=place,
        key=key,
        agent_channel=channel,
        duration_secs=row.file.duration_secs,
        analysis=analysis,
    )


def _given_channel(call: CallLog, channels: int | None) -> int | None:
    """A channel that the file does not have says nothing: providers send the index with mono files too."""
    given = None if call.testing_channel_index is None else 1 - call.testing_channel_index
    return None if given is None or (channels is not None and given >= channels) else given


def _read(row: Recording) -> Analysis | None:
    try:
        return read_analysis(orjson.loads(row.analysis))
    except (KeyError, TypeError, ValueError) as error:
        log.error("the analysis of call %s cannot be read: %s", row.pk, type(error).__name__)
        return None


def store_analysis(call_id: int, place: Place, key: str, analysis: Mapping[str, Any]) -> None:
    """Kept unless the call has another recording by now. The caller is in a transaction or needs none."""
    Recording.objects.filter(pk=call_id, file__sha256=place.sha256, file__project_id=place.project_id).update(
        analysis=orjson.dumps(analysis).decode(), analysis_key=key
    )


def store_fault(place: Place, code: str, words: str) -> None:
    """The file cannot be measured, whoever asks."""
    from callgauge.store.models import RecordingFile

    RecordingFile.objects.filter(project_id=place.project_id, sha256=place.sha256).update(
        fault=code, fault_words=words[:500]
    )

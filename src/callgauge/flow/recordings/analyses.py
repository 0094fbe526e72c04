"""The stored analysis of a call's recording: computed once for what it rests on, read by every rerun."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.db.models import Q

from callgauge.audio import ANALYSIS_VERSION, Analysis, read_analysis
from callgauge.domain.calls import Call, Role, stable_hash
from callgauge.flow.recordings.files import Place
from callgauge.flow.redaction import MEASURE
from callgauge.store.models import CallLog, Recording, RecordingFile, RecordingRedaction

log = logging.getLogger(__name__)

Span = tuple[float, float]

NOT_MEASURED = "not_kept"
"""A fault that keeps nobody from listening to the copy."""
NOT_KEPT = (
    "Only a copy without personal data was kept, which cannot be measured, and the recording was not "
    "measured before."
)


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
    audible: Place | None = None
    """What may be listened to: None while personal data can be heard in it."""


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
    row = (
        Recording.objects.select_related("file", "original", "call")
        .filter(pk=call_id, call__deleted_at=None)
        .first()
    )
    if row is None:
        return Standing("none")
    if _is_gone(row):
        analysis = _read(row) if row.analysis else None
        secs = None if row.file is None else row.file.duration_secs
        if analysis is None:
            return Standing("failed", NOT_MEASURED, NOT_KEPT, duration_secs=secs, audible=_audible(row))
        return Standing(
            "stored",
            fault_words=row.fault_words,
            analysis=analysis,
            duration_secs=secs,
            audible=_audible(row),
        )
    file = row.original or row.file
    if file is None:
        return Standing(row.state, row.fault, row.fault_words)
    channel = _given_channel(row.call, file.channels)
    key = stable_hash(file.sha256, ANALYSIS_VERSION, channel, clues.agent_times, clues.agent_share)
    place = Place(file.project_id, file.sha256)
    audible = _audible(row)
    if file.fault:
        return Standing("stored", file.fault, file.fault_words, place, key, channel, audible=audible)
    analysis = _read(row) if row.analysis_key == key else None
    return Standing(
        "stored",
        place=place,
        key=key,
        agent_channel=channel,
        duration_secs=file.duration_secs,
        analysis=analysis,
        audible=audible,
    )


def _audible(row: Recording) -> Place | None:
    """What a judge may listen to: what people may, or the original where metrics read that."""
    file = row.file
    if row.original is not None and settings.CALLGAUGE.redaction_originals == MEASURE:
        file = row.original if row.redaction != RecordingRedaction.AGAIN else file
    return None if file is None else Place(file.project_id, file.sha256)


def _is_gone(row: Recording) -> bool:
    """Whether only a copy is left, in which what was personal cannot be heard, nor be measured."""
    match row.redaction:
        case RecordingRedaction.AGAIN:
            return True
        case RecordingRedaction.DONE | RecordingRedaction.WITHHELD:
            return row.original_id is None
        case _:
            return False


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
    measured = Q(original__sha256=place.sha256, original__project_id=place.project_id) | Q(
        original=None, file__sha256=place.sha256, file__project_id=place.project_id
    )
    Recording.objects.filter(measured, pk=call_id).update(
        analysis=orjson.dumps(analysis).decode(), analysis_key=key
    )


def store_fault(place: Place, code: str, words: str) -> None:
    """The file cannot be measured, whoever asks."""
    RecordingFile.objects.filter(project_id=place.project_id, sha256=place.sha256).update(
        fault=code, fault_words=words[:500]
    )

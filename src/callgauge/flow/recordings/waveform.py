"""What a call's recording looks and sounds like, for those who show it: the wire's `waveform`, and pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from callgauge.domain.calls import Role
from callgauge.flow.recordings.links import signed_path
from callgauge.store.models import CallLog, Recording, RecordingState

MAX_POINTS = 2_000
"""Points of the finest zoom that goes along with a call; the address `waveform` has the finer ones."""


@dataclass(frozen=True, slots=True)
class RecordingView:
    """For a page: what there is to play and draw."""

    status: str
    """none, waiting (for the file, or for a look into it), ready, failed."""
    reason: str
    """Why it failed, in a sentence; else empty."""
    path: str
    """Signed, for an audio element; empty where there is no file."""
    waveform: dict[str, Any]
    """As on the wire, every zoom."""
    analysis: dict[str, Any] | None
    """`audio.Analysis.to_json`; None until a metric asked for it."""


def recording_view(call: CallLog) -> RecordingView:
    """In one query."""
    recording = Recording.objects.select_related("file").filter(pk=call.pk).first()
    waveform = _waveform(call, recording)
    if recording is None:
        return RecordingView("none", "", "", waveform, None)
    return RecordingView(
        status=waveform["status"],
        reason=waveform.get("reason", ""),
        path=signed_path(call.pk) if recording.file_id is not None else "",
        waveform=waveform,
        analysis=_analysis(recording),
    )


def waveform_of(call: CallLog, *, full: bool = False) -> bytes:
    """JSON, the wire's `waveform`: `status` and, once it is ready, `duration_secs`, `sample_rate`,
    `channels` (`index`, `role`) and `zooms` (`secs_per_point`, `peaks` from 0 to 1 for each channel)."""
    recording = Recording.objects.select_related("file").filter(pk=call.pk).first()
    found = _waveform(call, recording)
    if not full and "zooms" in found:
        short = [zoom for zoom in found["zooms"] if len(zoom["peaks"][0]) <= MAX_POINTS]
        found["zooms"] = short or found["zooms"][:1]
    return orjson.dumps(found)


def _waveform(call: CallLog, recording: Recording | None) -> dict[str, Any]:
    if recording is None:
        return {"status": "none"}
    if recording.state == RecordingState.FAILED:
        return {"status": "failed", "reason": recording.fault_words}
    file = recording.file
    if file is None:
        return {"status": "waiting"}
    if file.fault and not file.waveform:
        return {"status": "failed", "reason": file.fault_words}
    if not file.waveform:
        return {"status": "waiting"}
    agent = _agent_channel(call, recording)
    return {
        "status": "ready",
        "duration_secs": file.duration_secs,
        "sample_rate": file.sample_rate,
        "channels": [
            {"index": index, "role": _role(index, agent, file.channels or 0)}
            for index in range(file.channels or 0)
        ],
        "zooms": orjson.loads(file.waveform),
    }


def _role(index: int, agent: int | None, channels: int) -> str | None:
    if agent is None or channels != 2:
        return None
    return str(Role.AGENT if index == agent else Role.CALLER)


def _agent_channel(call: CallLog, recording: Recording) -> int | None:
    found = _analysis(recording)
    if found is not None:
        channel: int | None = found["health"]["agent_channel"]
        return channel
    return None if call.testing_channel_index is None else 1 - call.testing_channel_index


def _analysis(recording: Recording) -> dict[str, Any] | None:
    if not recording.analysis:
        return None
    found: dict[str, Any] = orjson.loads(recording.analysis)
    return found

"""The `data` that a Python metric reads: the call, its timings, and the other metrics' results."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any, Final

from callgauge.audio import Analysis
from callgauge.domain.calls import Call, Role, Turn, clock, transcript_text
from callgauge.domain.outcomes import Outcome, Scored
from callgauge.engine.built_in.latency import gaps
from callgauge.engine.variables import agent_description

OWN_KEYS: Final = frozenset(
    {
        "transcript",
        "transcript_json",
        "call_duration",
        "call_end_reason",
        "voice_recording",
        "agent_description",
        "date",
        "timestamp",
        "metadata",
        "dynamic_variables",
        "topic",
        "call_log_id",
        "tags",
        "recording_data",
        "Average Latency (in ms)",
        "latency_data",
        "explanation",
    }
)
"""The keys that tell of the call itself; every other key is a metric's name."""


def script_data(
    call: Call, results: Mapping[str, Outcome], analysis: Analysis | None = None
) -> dict[str, Any]:
    """`results` maps metric names to outcomes. A scored one stands under its name as True or False, the
    number or the label, any other as None; `data["explanation"]` has the sentences of each. A metric that
    is named like one of the call's own keys is found under `explanation` only.

    `analysis` is that of the recording; without it, latencies are those of the transcript's times.
    `call_duration` is in seconds, latencies in milliseconds, times in seconds from the start of the call."""
    answers = _latencies(call, analysis)
    own: dict[str, Any] = {
        "transcript": transcript_text(call.turns),
        "transcript_json": [_row(turn) for turn in call.turns],
        "call_duration": call.duration_secs,
        "call_end_reason": call.ended_reason,
        "voice_recording": call.recording_url,
        "agent_description": agent_description(call),
        "date": call.timestamp[:10],
        "timestamp": call.timestamp,
        "metadata": dict(call.metadata),
        "dynamic_variables": dict(call.dynamic_variables),
        "topic": call.topic,
        "call_log_id": call.id,
        "tags": list(call.tags),
        "recording_data": _recording_data(call, analysis),
        "Average Latency (in ms)": round(fmean(row["latency"] for row in answers), 1) if answers else None,
        "latency_data": answers,
        "explanation": {name: list(outcome.explanation) for name, outcome in results.items()},
    }
    values = {
        name: outcome.value.plain if isinstance(outcome, Scored) else None
        for name, outcome in results.items()
    }
    return {**values, **own}


def _row(turn: Turn) -> dict[str, Any]:
    row: dict[str, Any] = {
        "role": turn.role.value,
        "content": turn.text,
        "time": clock(turn.start_secs) if turn.start_secs is not None else None,
        "start_time": turn.start_secs,
        "end_time": turn.end_secs,
    }
    if turn.tool is not None:
        last = "arguments" if turn.role is Role.TOOL_CALL else "result"
        row["data"] = {"id": turn.tool.id, "name": turn.tool.name, last: getattr(turn.tool, last)}
    return row


def _latencies(call: Call, analysis: Analysis | None) -> list[dict[str, Any]]:
    """The agent's: `latency` in milliseconds, `start_time` in seconds."""
    if analysis is not None and "latencies" not in dict(analysis.health.refused):
        found = [(one.latency_ms, one.agent_start) for one in analysis.latencies]
    else:
        found = [(gap.latency_ms, gap.start_secs) for gap in gaps(call).measured]
    return [
        {"latency": latency_ms, "speaker": Role.AGENT.value, "start_time": start}
        for latency_ms, start in found
    ]


def _recording_data(call: Call, analysis: Analysis | None) -> dict[str, Any]:
    if analysis is None:
        return {
            "has_audio_data": False,
            "sample_rate": None,
            "shape": None,
            "separable_channels": False,
            "total_duration": call.duration_secs,
            "main_speaking": [],
            "testing_speaking": [],
        }
    health = analysis.health
    return {
        "has_audio_data": True,
        "sample_rate": health.sample_rate,
        "shape": [round(analysis.duration_secs * health.sample_rate), health.channels],
        "separable_channels": health.agent_channel is not None,
        "total_duration": analysis.duration_secs,
        "main_speaking": [[start, end] for start, end in analysis.speech_agent],
        "testing_speaking": [[start, end] for start, end in analysis.speech_caller],
    }

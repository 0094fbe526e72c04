"""The time axis of a call: who spoke when, overlaps, delays, silences and tool calls, drawn and in words.

From the recording where it was analysed, else from the transcript's times, which are coarser: it says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callgauge.domain.calls import Call, Role, Turn
from callgauge.engine.built_in.interruption_score import MAX_BACKCHANNEL_SECS, MIN_OVERLAP_SECS
from callgauge.engine.built_in.latency import gaps
from callgauge.flow.recordings.waveform import RecordingView
from callgauge.web import words

SIDES = {Role.AGENT: "agent", Role.CALLER: "caller"}
OVERLAP_WORDS = {
    "cut-in": "cut-in: the agent starts over the caller",
    "barge-in": "barge-in: the caller starts over the agent",
    "backchannel": "backchannel: a short word that leaves the floor where it was",
}
LONG_SILENCE_SECS = 3.0
"""Shorter ones are drawn, but not listed in words."""
UNSURE = 0.8
"""Below it an analysis gives its figures with a caveat (audio.analysis.SURE)."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Event:
    """Something on the axis that has a name."""

    kind: str
    """cut-in, barge-in, backchannel, latency, slow, silence, tool, tool-failed."""
    start: float
    end: float
    words: str
    turn: int | None = None
    """The turn that it stands at, for following it into the transcript."""


@dataclass(frozen=True, slots=True)
class Lanes:
    source: str
    """recording, transcript, or none where nothing has a time."""
    duration: float
    agent: Sequence[Span]
    caller: Sequence[Span]
    both: Sequence[Span]
    """Speech of whoever spoke, where one channel holds both."""
    events: Sequence[Event]
    peaks: Mapping[str, Any] | None
    """Of the recording, as `waveform` has them."""

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "duration": self.duration,
            "agent": self.agent,
            "caller": self.caller,
            "both": self.both,
            "events": [
                {"kind": e.kind, "start": e.start, "end": e.end, "words": e.words, "turn": e.turn}
                for e in self.events
            ],
            "peaks": self.peaks,
        }


@dataclass(frozen=True, slots=True)
class Health:
    """One line that says whether the figures are to be trusted."""

    good: bool
    words: str
    notes: Sequence[str] = ()


def lanes_of(call: Call, recording: RecordingView, slow_ms: float | None) -> Lanes:
    """`slow_ms` is where a rule says that an answer came too late; None where none says so."""
    wave = recording.waveform if recording.status == "ready" else None
    tools = _tools(call.turns)
    ends = [turn.end_secs or turn.start_secs or 0.0 for turn in call.turns]
    duration = max([call.duration_secs or 0.0, *ends, float(wave["duration_secs"]) if wave else 0.0])
    if recording.analysis is not None:
        found = _from_recording(recording.analysis, slow_ms)
        speech = recording.analysis["speech"]
        agent, caller = speech["agent"], speech["caller"]
        both, source = speech.get("both", []), "recording"
    else:
        agent, caller = _spans(call.turns, Role.AGENT), _spans(call.turns, Role.CALLER)
        found = _from_transcript(call, slow_ms)
        both, source = [], "transcript" if agent or caller or tools else "none"
    events = sorted([*found, *tools], key=lambda event: (event.start, event.end))
    events = [_placed(event, call.turns) for event in events]
    return Lanes(source, round(duration, 3), agent, caller, both, events, wave)


def _placed(event: Event, turns: Sequence[Turn]) -> Event:
    """With the turn that was being said when it ended."""
    if event.turn is not None:
        return event
    spoken = [
        (abs((turn.start_secs or 0.0) - event.end), index)
        for index, turn in enumerate(turns)
        if turn.start_secs is not None and turn.role in SIDES
    ]
    return Event(event.kind, event.start, event.end, event.words, min(spoken)[1] if spoken else None)


def _from_recording(analysis: Mapping[str, Any], slow_ms: float | None) -> list[Event]:
    events = [
        _latency(one["caller_end"], one["agent_start"], one["latency_ms"], slow_ms, one["confidence"])
        for one in analysis["latencies"]
    ]
    for one in analysis["interruptions"]:
        kind = "cut-in" if one["by"] == "agent" else "barge-in"
        secs = one["overlap_ms"] / 1000
        events.append(
            _overlap(kind, one["start"], one["start"] + secs, one["confidence"], one.get("stop_ms"))
        )
    events += [
        _overlap("backchannel", one["start"], one["end"], one["confidence"])
        for one in analysis["backchannels"]
    ]
    events += [_silence(start, end) for start, end in analysis["silences"]]
    return events


def _from_transcript(call: Call, slow_ms: float | None) -> list[Event]:
    events = [
        _latency(
            gap.start_secs - gap.latency_ms / 1000, gap.start_secs, gap.latency_ms, slow_ms, 1.0, gap.turn
        )
        for gap in gaps(call).measured
    ]
    timed = [
        (turn.start_secs, turn.end_secs, index, turn.role)
        for index, turn in enumerate(call.turns)
        if turn.role in SIDES and turn.start_secs is not None and turn.end_secs is not None
    ]
    timed.sort()
    reach = 0.0
    holder: tuple[float, float, int, Role] | None = None
    for one in timed:
        start, end, index, role = one
        if holder is not None and holder[3] is not role:
            overlap = min(end, holder[1]) - start
            if overlap >= MIN_OVERLAP_SECS:
                short = end < holder[1] and end - start <= MAX_BACKCHANNEL_SECS
                kind = "backchannel" if short else "cut-in" if role is Role.AGENT else "barge-in"
                events.append(_overlap(kind, start, start + overlap, 1.0, turn=index))
        if reach and start - reach >= LONG_SILENCE_SECS:
            events.append(_silence(reach, start))
        reach = max(reach, end)
        if holder is None or end >= holder[1]:
            holder = one
    return events


def _latency(
    start: float, end: float, latency_ms: float, slow_ms: float | None, sure: float, turn: int | None = None
) -> Event:
    slow = slow_ms is not None and latency_ms > slow_ms
    limit = f", more than the {slow_ms:,.0f} ms of the rubric" if slow else ""
    said = f"answers after {latency_ms:,.0f} ms{limit}{_caveat(sure)}"
    return Event("slow" if slow else "latency", start, end, said, turn)


def _overlap(
    kind: str, start: float, end: float, sure: float, stop_ms: float | None = None, turn: int | None = None
) -> Event:
    stopped = f"; the other stopped after {stop_ms:,.0f} ms" if stop_ms is not None else ""
    said = f"{OVERLAP_WORDS[kind]}, {round(1000 * (end - start)):,} ms{stopped}{_caveat(sure)}"
    return Event(kind, start, end, said, turn)


def _silence(start: float, end: float) -> Event:
    return Event("silence", start, end, f"silence of {end - start:.1f} s")


def _caveat(sure: float) -> str:
    return "" if sure >= UNSURE else f" (not sure: {100 * sure:.0f} %)"


def _tools(turns: Sequence[Turn]) -> list[Event]:
    failed = {
        turn.tool.id
        for turn in turns
        if turn.tool is not None and turn.tool.id and turn.tool.is_error is True
    }
    return [
        Event(
            "tool-failed" if turn.tool.id in failed else "tool",
            turn.start_secs,
            turn.start_secs,
            f"tool {turn.tool.name or 'call'}{' failed' if turn.tool.id in failed else ''}",
            index,
        )
        for index, turn in enumerate(turns)
        if turn.role is Role.TOOL_CALL and turn.tool is not None and turn.start_secs is not None
    ]


def _spans(turns: Sequence[Turn], role: Role) -> list[Span]:
    """A turn without an end is drawn up to the next turn, at most 10 s: nothing says more."""
    spans = []
    for index, turn in enumerate(turns):
        if turn.role is not role or turn.start_secs is None:
            continue
        end = turn.end_secs
        if end is None or end <= turn.start_secs:
            later = [one.start_secs for one in turns[index + 1 : index + 4] if one.start_secs is not None]
            end = min([*later, turn.start_secs + 10.0])
        spans.append((turn.start_secs, max(end, turn.start_secs)))
    return spans


def listed(events: Sequence[Event]) -> list[Event]:
    """Those that are worth a line in words: every overlap, slow answer, long silence and tool call."""
    return [
        event
        for event in events
        if event.kind != "latency"
        and (event.kind != "silence" or event.end - event.start >= LONG_SILENCE_SECS)
    ]


def health_of(recording: RecordingView, lanes: Lanes) -> Health:
    match recording.status:
        case "none" if lanes.source == "none":
            return Health(False, "No recording, and the transcript has no times: there is nothing to draw.")
        case "none":
            return Health(
                False, "No recording: drawn from the transcript's times, which are coarser than sound."
            )
        case "waiting":
            return Health(False, "The recording is being fetched and looked into. This page shows it then.")
        case "failed":
            return Health(False, f"The recording cannot be used. {recording.reason}".strip())
    analysis = recording.analysis
    if analysis is None:
        return Health(
            False,
            "The recording was not analysed: no metric asked for it. Speech is drawn from the transcript.",
        )
    health = analysis["health"]
    notes = [str(note) for note in health["notes"]]
    refused = [f"{figure}: {reason}" for figure, reason in health["refused"].items()]
    sound = f"{health['sample_rate'] / 1000:g} kHz, {words.plural(health['channels'], 'channel')}"
    if health["dual_mono"]:
        sound += " with the same sound on both"
    if health["truncated"]:
        notes.insert(0, "The recording ends before the call does.")
    if health["swapped"]:
        notes.insert(0, "The channels are the other way round than they were sent.")
    if refused:
        return Health(False, f"{sound}. Some figures cannot be known from it.", [*refused, *notes])
    return Health(not notes, f"{sound}." + ("" if notes else " Figures can be trusted."), notes)

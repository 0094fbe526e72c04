"""One recording in, one `Analysis` out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import beeps, confidence, errors, sides, voice
from .analysis import (
    ANALYSIS_VERSION,
    Analysis,
    Backchannel,
    Health,
    Interruption,
    Latency,
    SideHealth,
    Span,
    TurnSpan,
)
from .decode import Decoded, decode
from .edges import measure_levels
from .events import find_events, silences
from .runs import Run
from .speech import Heard, listen, listen_mono
from .track import Track

_BOTH_ON_ONE = "one channel holds both parties, so it cannot be told who spoke"
_STEREO_FIGURES = ("latencies", "interruptions", "backchannels", "speech")


def analyse(
    path: str | os.PathLike[str],
    *,
    agent_channel: int | None,
    agent_times: Sequence[Span] | None = None,
    agent_share: float | None = None,
) -> Analysis:
    """Measure one recording. Safe to call from several threads.

    `agent_channel` counts from 0; None lets the agent be found, by `agent_times` (the start and end, in
    seconds, of
    the agent's turns in the transcript), by `agent_share` (the agent's share of the words in the transcript)
    or else as the party that speaks first. Raises `errors.AudioError`.
    """
    with decode(path) as decoded:
        count = decoded.source.channels
        if agent_channel is not None and not 0 <= agent_channel < count:
            raise errors.NoSuchChannel(f"channel {agent_channel} of a file with {count}, counted from 0")
        if count == 1:
            return _one_party(decoded, decoded.tracks[0], ("mono recording",), dual_mono=False)
        left, right = decoded.tracks
        if sides.is_dual_mono(left, right):
            return _one_party(decoded, left, ("both channels carry the same sound",), dual_mono=True)
        empty = [index for index, track in enumerate(decoded.tracks) if sides.is_empty(track.powers())]
        if empty:
            note = f"channel {empty[0]} is silent"
            return _one_party(decoded, decoded.tracks[1 - empty[0]], (note,), dual_mono=False)
        heard = listen(left, right)
        who = sides.assign([h.runs for h in heard], agent_channel, agent_times, agent_share)
        return _two_parties(decoded, heard, who)


def _one_party(decoded: Decoded, track: Track, notes: tuple[str, ...], *, dual_mono: bool) -> Analysis:
    """What can be said without knowing who spoke: speech, silence and the state of the file."""
    source = decoded.source
    runs = listen_mono(track)
    levels = measure_levels(track.powers(), runs)
    channel = decoded.tracks.index(track)
    side = SideHealth(
        channel,
        levels.snr_db,
        levels.spread_db,
        source.clipped_share[channel],
        None,
        None,
        None,
        _total(runs),
    )
    return Analysis(
        version=ANALYSIS_VERSION,
        duration_secs=source.decoded_secs,
        health=Health(
            format=source.format,
            sample_rate=source.sample_rate,
            channels=source.channels,
            dual_mono=dual_mono,
            agent_channel=None,
            agent_channel_source="none",
            swapped=None,
            truncated=source.truncated,
            leading_silence_secs=runs[0].start if runs else source.decoded_secs,
            agent=side,
            caller=None,
            notes=notes + _notes(decoded),
            refused=tuple((figure, _BOTH_ON_ONE) for figure in _STEREO_FIGURES),
        ),
        speech_agent=(),
        speech_caller=(),
        speech_both=_spans(runs),
        turns=(),
        latencies=(),
        interruptions=(),
        backchannels=(),
        silences=tuple((s.start, s.end) for s in silences(runs, source.decoded_secs)),
        voice=voice.measure(track, runs),
        beeps=_beeps(decoded),
    )


def _two_parties(decoded: Decoded, heard: tuple[Heard, Heard], who: sides.Assignment) -> Analysis:
    source = decoded.source
    agent, caller = heard[who.agent], heard[1 - who.agent]
    events = find_events(agent.runs, caller.runs, source.decoded_secs)
    trust = confidence.Trust.of(agent, caller, who)
    starts = [h.runs[0].start for h in heard if h.runs]
    health = Health(
        format=source.format,
        sample_rate=source.sample_rate,
        channels=source.channels,
        dual_mono=False,
        agent_channel=who.agent,
        agent_channel_source=who.source,
        swapped=who.swapped,
        truncated=source.truncated,
        leading_silence_secs=min(starts, default=source.decoded_secs),
        agent=_side_health(agent, who.agent, source.clipped_share),
        caller=_side_health(caller, 1 - who.agent, source.clipped_share),
        notes=_notes(decoded) + trust.notes,
        refused=trust.refused,
    )
    return Analysis(
        version=ANALYSIS_VERSION,
        duration_secs=source.decoded_secs,
        health=health,
        speech_agent=_spans(agent.runs),
        speech_caller=_spans(caller.runs),
        speech_both=(),
        turns=tuple(TurnSpan(t.party, t.run.start, t.run.end) for t in events.turns),
        latencies=tuple(
            Latency(a.caller.end, a.agent.start, 1000 * a.latency_secs, trust.latency(a))
            for a in events.answers
        ),
        interruptions=tuple(
            Interruption(
                o.by,
                o.run.start,
                1000 * o.overlap_secs,
                None if o.stop_secs is None else 1000 * o.stop_secs,
                trust.overlap(o),
            )
            for o in events.interruptions
        ),
        backchannels=tuple(
            Backchannel(o.by, o.run.start, o.run.end, trust.overlap(o)) for o in events.backchannels
        ),
        silences=tuple((s.start, s.end) for s in events.silences),
        voice=voice.measure(decoded.tracks[who.agent], agent.runs),
        beeps=_beeps(decoded),
    )


def _beeps(decoded: Decoded) -> tuple[beeps.Beep, ...]:
    found = [beep for channel, track in enumerate(decoded.tracks) for beep in beeps.find(track, channel)]
    return tuple(sorted(found, key=lambda beep: beep.start))


def _side_health(heard: Heard, channel: int, clipped: tuple[float, ...]) -> SideHealth:
    leak = heard.leak
    return SideHealth(
        channel=channel,
        snr_db=heard.levels.snr_db,
        noise_spread_db=heard.levels.spread_db,
        clipped_share=clipped[channel],
        leak_db=None if leak is None else leak.gain_db,
        leak_delay_ms=None if leak is None else leak.delay_ms,
        leak_drift_ppm=None if leak is None else leak.drift_ppm,
        speech_secs=_total(heard.runs),
    )


_CLIPPED_SHARE = 0.001  # a thousandth of the samples at the rail is audible distortion


def _notes(decoded: Decoded) -> tuple[str, ...]:
    source = decoded.source
    found = []
    if source.truncated:
        found.append(
            f"the file breaks off: its header promises {source.declared_secs:.1f} s, "
            f"it holds {source.decoded_secs:.1f} s"
        )
    found += [
        f"channel {index} is clipped"
        for index, share in enumerate(source.clipped_share)
        if share > _CLIPPED_SHARE
    ]
    return tuple(found)


def _total(runs: Sequence[Run]) -> float:
    return sum(r.secs for r in runs)


def _spans(runs: Sequence[Run]) -> tuple[Span, ...]:
    return tuple((r.start, r.end) for r in runs)

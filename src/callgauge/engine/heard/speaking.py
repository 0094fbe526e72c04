"""How much, how fast and how clearly the agent speaks, from the recording."""

from __future__ import annotations

import re

from callgauge.audio import Analysis
from callgauge.audio.analysis import SideHealth, Span
from callgauge.domain.calls import Call, Role
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Scored, Skipped, SkipReason, Value
from callgauge.engine.heard.heard import caveats, doubtful, health_of, told

_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
MIN_SPEECH_SECS = 1.0
"""Less says nothing of a pace."""

QUIET_SNR_DB = 35.0
"""Noise further below the speech than this is not noticed on a phone."""
PER_DB, PER_CLIPPED, MOST_CLIPPED = 1.6, 600.0, 40.0
"""Points of R lost per dB of noise, and per share of clipped samples, at most."""
STEADY_JITTER, BROKEN_JITTER = 0.03, 0.15
"""Change of pitch from frame to frame: of a plain voice, and of one that is torn."""
CLARITY_SHARE = 0.8


def talk_ratio(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored:
    """Numeric, 0 to 1: the agent's speech over the length of the recording."""
    agent, caller = _total(analysis.speech_agent), _total(analysis.speech_caller)
    ratio = round(agent / analysis.duration_secs, 3)
    return Scored(
        Value(number=ratio),
        (
            f"The agent spoke for {agent:.1f} s of {analysis.duration_secs:.1f} s, "
            f"the caller for {caller:.1f} s.",
            *caveats(analysis),
        ),
        low_trust=doubtful(analysis),
        extra=told(analysis, agent_secs=round(agent, 3), caller_secs=round(caller, 3)),
    )


def words_per_minute(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Numeric: the agent's words in the transcript over the time in which it is heard. On a recording with
    both on one channel, over the time of its turns in the transcript."""
    words = sum(len(_WORD.findall(turn.text)) for turn in call.turns if turn.role is Role.AGENT)
    if not words:
        return Skipped(SkipReason.NO_TRANSCRIPT, ("The transcript has no words of the agent.",))
    mono = analysis.health.agent_channel is None
    secs = _turns_secs(call) if mono else _total(analysis.speech_agent)
    if secs is None:
        return Skipped(
            SkipReason.MONO_RECORDING,
            ("One channel holds both parties, and the transcript does not say when the agent speaks.",),
            extra={"audio": health_of(analysis)},
        )
    if secs < MIN_SPEECH_SECS:
        return Skipped(SkipReason.NOT_APPLICABLE, ("The agent hardly speaks.",), extra=told(analysis))
    source = "the times of its turns in the transcript" if mono else "its speech in the recording"
    extra = told(analysis, words=words, speaking_secs=round(secs, 3))
    return Scored(
        Value(number=round(words / secs * 60, 1)),
        (f"The agent said {words} words in {secs:.1f} s, by {source}.", *caveats(analysis)),
        low_trust=mono or doubtful(analysis),
        extra={**extra, "source": "transcript"} if mono else extra,
    )


def pitch(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Numeric, Hz: the median of the agent's fundamental frequency over voiced frames."""
    if analysis.voice is None:
        return Skipped(SkipReason.NO_VOICE, ("Hardly any voiced sound is heard.",), extra=told(analysis))
    mono = analysis.health.agent_channel is None
    if mono:
        return Skipped(
            SkipReason.MONO_RECORDING,
            ("One channel holds both parties, so it cannot be told whose pitch it is.",),
            extra={"audio": health_of(analysis)},
        )
    voice = analysis.voice
    return Scored(
        Value(number=voice.pitch_median_hz),
        (
            f"The agent's pitch is {voice.pitch_median_hz:.0f} Hz (median), four fifths of it between "
            f"{voice.pitch_p10_hz:.0f} and {voice.pitch_p90_hz:.0f} Hz.",
            *caveats(analysis),
        ),
        low_trust=doubtful(analysis),
        extra=told(
            analysis,
            mean_hz=voice.pitch_mean_hz,
            p10_hz=voice.pitch_p10_hz,
            p90_hz=voice.pitch_p90_hz,
            voiced_secs=voice.voiced_secs,
        ),
    )


def tone_and_clarity(call: Call, spec: MetricSpec, analysis: Analysis) -> Scored | Skipped:
    """Numeric, 0 to 100, by formula: four fifths how clear the agent's channel is (a MOS as in ITU-T G.107
    from noise and clipping), one fifth how steady its pitch is."""
    side, voice = analysis.health.agent, analysis.voice
    if side is None or voice is None:
        return Skipped(SkipReason.NO_VOICE, ("Hardly any voiced sound is heard.",), extra=told(analysis))
    mos = _mos(side)
    clarity = (mos - 1) / 3.5 * 100
    lost = (voice.jitter - STEADY_JITTER) / (BROKEN_JITTER - STEADY_JITTER)
    steadiness = 100 * (1 - min(max(lost, 0.0), 1.0))
    value = round(min(CLARITY_SHARE * clarity + (1 - CLARITY_SHARE) * steadiness, 100.0), 1)
    whose = "the recording" if analysis.health.agent_channel is None else "the agent's channel"
    return Scored(
        Value(number=value),
        (
            f"Clarity of {whose} is about {mos:.1f} of 4.5 (noise {side.snr_db:.0f} dB below the speech, "
            f"{100 * side.clipped_share:.2g} % clipped); "
            f"the pitch changes by {100 * voice.jitter:.1f} % a frame.",
            "Worked out by a formula from the sound, not by a model of what people like.",
            *caveats(analysis),
        ),
        low_trust=doubtful(analysis),
        extra=told(
            analysis,
            mos=round(mos, 2),
            clarity=round(clarity, 1),
            steadiness=round(steadiness, 1),
            snr_db=side.snr_db,
            clipped_share=side.clipped_share,
            jitter=voice.jitter,
        ),
    )


def _mos(side: SideHealth) -> float:
    """ITU-T G.107 (06/2015), annex B: MOS from the rating R; 93.2 is its R for an undisturbed line."""
    noise = PER_DB * max(QUIET_SNR_DB - side.snr_db, 0.0)
    clipping = min(PER_CLIPPED * side.clipped_share, MOST_CLIPPED)
    rating = min(max(93.2 - noise - clipping, 0.0), 100.0)
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def _turns_secs(call: Call) -> float | None:
    """None unless every turn of the agent has both its times."""
    secs = 0.0
    for turn in call.turns:
        if turn.role is Role.AGENT and turn.text.strip():
            if turn.start_secs is None or turn.end_secs is None or turn.end_secs <= turn.start_secs:
                return None
            secs += turn.end_secs - turn.start_secs
    return secs


def _total(spans: tuple[Span, ...]) -> float:
    return sum(end - start for start, end in spans)

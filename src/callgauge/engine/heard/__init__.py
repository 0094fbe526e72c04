"""Metrics from the recording. A new one is one function, and one line below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callgauge.audio import Party
from callgauge.engine.built_in import interruption_score
from callgauge.engine.built_in import latency as transcript_latency
from callgauge.engine.heard import interruptions, speaking, waiting
from callgauge.engine.heard.heard import NO_RECORDING, HeardMetric, Hearing, Listen

__all__ = ["HEARD", "NO_RECORDING", "HeardMetric", "Hearing", "Listen"]

HEARD: Final[Mapping[str, HeardMetric]] = {
    "ai_interrupting_user": HeardMetric(interruptions.count(Party.AGENT), "interruptions"),
    "user_interrupting_ai": HeardMetric(interruptions.count(Party.CALLER), "interruptions"),
    "stop_time": HeardMetric(interruptions.stop_time, "interruptions"),
    "interruption_score": HeardMetric(interruptions.rating, "interruptions", interruption_score.score),
    "latency": HeardMetric(waiting.latency, "latencies", transcript_latency.score),
    "detect_silence": HeardMetric(waiting.silence, "", waiting.silence_in_transcript),
    "infrastructure_issues": HeardMetric(
        waiting.infrastructure, "latencies", waiting.infrastructure_in_transcript
    ),
    "average_pitch": HeardMetric(speaking.pitch),
    "talk_ratio": HeardMetric(speaking.talk_ratio, "speech"),
    "words_per_minute": HeardMetric(speaking.words_per_minute),
    "voice_tone_clarity": HeardMetric(speaking.tone_and_clarity),
}

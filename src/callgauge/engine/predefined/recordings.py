"""Predefined metrics that are worked out from the recording."""

from __future__ import annotations

from typing import Final

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.predefined.entry import Category, Predefined

FROM_RECORDINGS: Final[tuple[Predefined, ...]] = (
    Predefined(
        code="5f02a2cd",
        slug="ai_interrupting_user",
        name="AI Interrupting User",
        description="How often the agent breaks in on the caller. Needs a stereo recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="ai_interrupting_user",
    ),
    Predefined(
        code="f68d7a69",
        slug="user_interrupting_ai",
        name="User Interrupting AI",
        description="How often the caller breaks in on the agent. Needs a stereo recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="user_interrupting_ai",
    ),
    Predefined(
        code="26cface8",
        slug="stop_time_after_user_interruption",
        name="Stop Time After User Interruption (ms)",
        description="How long the agent talks on, on average, after the caller has broken in. Needs a stereo "
        "recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="stop_time",
    ),
    Predefined(
        code="3b5f3a07",
        slug="detect_silence_in_conversation",
        name="Detect Silence in Conversation",
        description="Passes when both are never silent for longer than silence_duration seconds. From the "
        "recording, without one from the transcript's times.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="detect_silence",
        configuration={"silence_duration": 10},
    ),
    Predefined(
        code="5ef3b4f7",
        slug="infrastructure_issues",
        name="Infrastructure Issues",
        description="Passes when the agent answers each turn of the caller within infra_issues_timeout "
        "seconds. From the recording, without one from the transcript's times.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="infrastructure_issues",
        configuration={"infra_issues_timeout": 10},
    ),
    Predefined(
        code="97619dca",
        slug="talk_ratio",
        name="Talk Ratio",
        description="The share of the call in which the agent speaks, from 0 to 1. Needs a stereo recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="talk_ratio",
    ),
    Predefined(
        code="8df263b8",
        slug="words_per_minute",
        name="Words Per Minute",
        description="How fast the agent speaks: its words over the time in which it is heard. Needs a "
        "recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.SPEECH,
        built_in="words_per_minute",
    ),
    Predefined(
        code="380f1a78",
        slug="average_pitch",
        name="Average Pitch (Hz)",
        description="The median pitch of the agent's voice. Needs a stereo recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.SPEECH,
        built_in="average_pitch",
    ),
    Predefined(
        code="23e250aa",
        slug="voice_tone_clarity",
        name="Voice Tone + Clarity",
        description="How clear and steady the agent sounds, from 0 to 100: noise, clipping and jitter, by a "
        "formula. Needs a recording.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.SPEECH,
        built_in="voice_tone_clarity",
    ),
)

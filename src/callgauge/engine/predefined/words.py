"""Predefined metrics about the words of the transcript themselves."""

from __future__ import annotations

from typing import Final

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.predefined.entry import Category, Predefined
from callgauge.engine.transcription.languages import LANGUAGES

OF_WORDS: Final[tuple[Predefined, ...]] = (
    Predefined(
        code="c41d07e6",
        slug="transcription_accuracy",
        name="Transcription Accuracy",
        description="How rightly the transcript has what the caller said, from 0 to 100, with errors weighed "
        "by the kind of word. Needs reference_transcript in the call's metadata, or speech to text.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.ACCURACY,
        built_in="transcription_accuracy",
    ),
    Predefined(
        code="b95e3f12",
        slug="language",
        name="Language",
        description="The language that the caller speaks, by the transcript; the agent's beside it.",
        eval_type=EvalType.ENUM,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="language",
        labels=tuple(LANGUAGES),
    ),
)

"""Predefined metrics whose judge listens to the agent's side of the recording."""

from __future__ import annotations

from typing import Final

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.listening import SIDE
from callgauge.engine.predefined.entry import Category, Predefined

_AGENT_ALONE: Final = {SIDE: "agent"}
"""Whoever else is heard can only be mistaken for the agent; both are heard where one channel has both."""

HEARD_BY_JUDGES: Final[tuple[Predefined, ...]] = (
    Predefined(
        code="c40d9e1b",
        slug="gibberish",
        name="Gibberish",
        description="Passes when everything that the agent's voice says can be made out as words. Needs a "
        "recording and a judge that listens.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.SPEECH,
        configuration=_AGENT_ALONE,
        hears=True,
    ),
    Predefined(
        code="9b73f2d6",
        slug="humanness",
        name="Humanness",
        description="5 when the agent's voice sounds like a person's, less for each flaw that is heard. "
        "Needs a recording and a judge that listens.",
        eval_type=EvalType.RATING,
        kind=MetricKind.LLM_JUDGE,
        category=Category.SPEECH,
        built_in="humanness",
        configuration=_AGENT_ALONE,
        hears=True,
    ),
    Predefined(
        code="17ae5c88",
        slug="letterwise_pronunciation",
        name="Letterwise Pronunciation",
        description="The agent says codes, numbers and addresses so that they can be written down by ear. "
        "Needs a recording and a judge that listens.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.SPEECH,
        configuration=_AGENT_ALONE,
        hears=True,
    ),
    Predefined(
        code="e8216fa3",
        slug="pronunciation_check",
        name="Pronunciation Check",
        description="The agent pronounces its pronunciation_words, or without such a list names and terms, "
        "correctly. Needs a recording and a judge that listens.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.SPEECH,
        built_in="pronunciation_check",
        configuration=_AGENT_ALONE,
        hears=True,
    ),
    Predefined(
        code="5cd0b794",
        slug="speaking_rate",
        name="Speaking Rate",
        description="Whether the agent speaks too fast or too slow for the caller. Needs a recording and a "
        "judge that listens.",
        eval_type=EvalType.ENUM,
        kind=MetricKind.LLM_JUDGE,
        category=Category.SPEECH,
        built_in="speaking_rate",
        labels=("too slow", "right", "too fast"),
        configuration={SIDE: "both"},
        hears=True,
    ),
    Predefined(
        code="b2690d4f",
        slug="voice_change",
        name="Voice Change",
        description="Passes when the agent keeps one and the same voice through the call. Needs a recording "
        "and a judge that listens.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.SPEECH,
        configuration=_AGENT_ALONE,
        hears=True,
    ),
)

"""The catalogue of predefined metrics. A new one is one entry, below or in the file of its kind, and its
question beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.predefined.entry import Category, Predefined
from callgauge.engine.predefined.heard_by_judges import HEARD_BY_JUDGES
from callgauge.engine.predefined.recordings import FROM_RECORDINGS
from callgauge.engine.predefined.words import OF_WORDS

__all__ = ["BY_CODE", "PREDEFINED", "Category", "Predefined"]


PREDEFINED: Final[tuple[Predefined, ...]] = (
    Predefined(
        code="8bca3124",
        slug="relevancy",
        name="Relevancy",
        description="The agent responds to what the caller says: no question, request or correction is left "
        "unanswered or answered beside the point.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.ACCURACY,
    ),
    Predefined(
        code="ef701f1b",
        slug="hallucination",
        name="Hallucination",
        description="The agent states only what its knowledge base, its description, its tools and the "
        "caller support. Needs knowledge base files.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.ACCURACY,
        built_in="hallucination",
    ),
    Predefined(
        code="2d1e6fbb",
        slug="response_consistency",
        name="Response Consistency",
        description="The agent repeats the caller's facts correctly, does not contradict itself, and does "
        "what it says.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.ACCURACY,
    ),
    Predefined(
        code="95104e97",
        slug="tool_call_success",
        name="Tool Call Success",
        description="No result of the agent's tools reports an error. By rule, from the transcript.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.BUILT_IN,
        category=Category.ACCURACY,
        built_in="tool_call_success",
    ),
    Predefined(
        code="797328f3",
        slug="latency",
        name="Latency (ms)",
        description="Mean time from the end of a caller's turn to the start of the agent's answer, with "
        "percentiles. From the recording, without one from the transcript's times.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="latency",
    ),
    Predefined(
        code="eb4fb9dd",
        slug="interruption_score",
        name="Interruption Score",
        description="5 when the agent never breaks in on the caller, 0 when it does so in every turn. "
        "From the recording, without one from the transcript's times.",
        eval_type=EvalType.RATING,
        kind=MetricKind.BUILT_IN,
        category=Category.CONVERSATION,
        built_in="interruption_score",
    ),
    Predefined(
        code="0fd47f39",
        slug="csat",
        name="CSAT",
        description="The caller's satisfaction from 20 to 100, from sentiment and cooperation.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.LLM_JUDGE,
        category=Category.EXPERIENCE,
        built_in="csat",
    ),
    Predefined(
        code="d95a2c65",
        slug="sentiment",
        name="Sentiment",
        description="The caller's sentiment over the call; neutral where it is not clear.",
        eval_type=EvalType.ENUM,
        kind=MetricKind.LLM_JUDGE,
        category=Category.EXPERIENCE,
        labels=("positive", "neutral", "negative"),
    ),
    Predefined(
        code="46001362",
        slug="appropriate_termination_by_main_agent",
        name="Appropriate Termination by Main Agent",
        description="The agent ends the call neither too early nor too late, and with a farewell.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
    ),
    Predefined(
        code="7ae4f90c",
        slug="voicemail_detection",
        name="Voicemail Detection",
        description="The call was taken by a voicemail, an answering machine or an announcement instead of a "
        "person. By rule where that is certain, else by the judge.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
        built_in="voicemail_detection",
    ),
    Predefined(
        code="2ef4bcb2",
        slug="unnecessary_repetition_count",
        name="Unnecessary Repetition Count",
        description="How many turns of the agent repeat something without need.",
        eval_type=EvalType.NUMERIC,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
        built_in="unnecessary_repetition_count",
        question="unnecessary_repetition",
    ),
    Predefined(
        code="640248db",
        slug="unnecessary_repetition_score",
        name="Unnecessary Repetition Score",
        description="5 when the agent never repeats itself without need, 0 when it does so in every turn.",
        eval_type=EvalType.RATING,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
        built_in="unnecessary_repetition_score",
        question="unnecessary_repetition",
    ),
    Predefined(
        code="e5995212",
        slug="verbosity",
        name="Verbosity",
        description="5 when every turn of the agent is concise, 1 when every turn is too much to take in.",
        eval_type=EvalType.RATING,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
        built_in="verbosity",
    ),
    Predefined(
        code="eda9fcf5",
        slug="appropriate_termination_by_testing_agent",
        name="Appropriate Termination by Testing Agent",
        description="The caller ends the call at a fitting moment: not in the middle, not in anger, not with "
        "its matter open.",
        eval_type=EvalType.BINARY,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
    ),
    Predefined(
        code="ddefd589",
        slug="dropoff_node",
        name="Dropoff Node",
        description="The node of the conversation at which the caller dropped off. Needs the agent's "
        "dropoff_nodes.",
        eval_type=EvalType.ENUM,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
        built_in="dropoff_node",
    ),
    Predefined(
        code="a1267170",
        slug="topic_of_call",
        name="Topic of Call",
        description="The one of the agent's topics that the call is about. Needs the agent's topic_nodes.",
        eval_type=EvalType.ENUM,
        kind=MetricKind.LLM_JUDGE,
        category=Category.CONVERSATION,
        built_in="topic_of_call",
    ),
    Predefined(
        code="2749da14",
        slug="expected_outcome",
        name="Expected Outcome",
        description="Whether the call reached the outcome that its scenario expects. Needs expected_outcome "
        "in the call's metadata.",
        eval_type=EvalType.ENUM,
        kind=MetricKind.LLM_JUDGE,
        category=Category.ACCURACY,
        built_in="expected_outcome",
        labels=("pass", "review required", "fail"),
    ),
    *FROM_RECORDINGS,
    *HEARD_BY_JUDGES,
    *OF_WORDS,
)

BY_CODE: Final[Mapping[str, Predefined]] = {one.code: one for one in PREDEFINED}

"""What the pages call the kinds of metrics, their values and their triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.flow.scope import Person
from callgauge.store.models import Agent, Metric, MetricVersion, Project

KINDS: Final[Mapping[str, str]] = {
    MetricKind.LLM_JUDGE: "judge",
    MetricKind.CUSTOM_CODE: "Python",
    MetricKind.BUILT_IN: "built-in",
}
VALUES: Final[Mapping[str, str]] = {
    EvalType.BINARY: "pass or fail",
    EvalType.RATING: "rating, 0 to 5",
    EvalType.NUMERIC: "a number",
    EvalType.ENUM: "one of several labels",
}
TRIGGERS: Final[Mapping[str, str]] = {
    Trigger.ALWAYS: "every call",
    Trigger.AUTOMATIC: "calls that the question fits; the judge decides",
    Trigger.CUSTOM: "calls that meet a condition of yours",
}
FIELDS: Final[Mapping[str, str]] = {
    "name": "Name",
    "kind": "Kind",
    "type": "Kind",
    "eval_type": "Value",
    "enum_values": "Labels",
    "description": "Description",
    "prompt": "Question to the judge",
    "custom_code": "Script",
    "built_in": "Rule",
    "predefined_code": "Predefined as",
    "audio_enabled": "Judge listens",
    "llm_provider": "Provider",
    "configuration": "Settings",
    "evaluation_trigger": "Applies to",
    "trigger_type": "Condition is",
    "evaluation_trigger_prompt": "Condition",
    "evaluation_trigger_custom_code": "Script of the condition",
    "metric_description_variables": "Declared variables",
    "agents": "Agents",
    "reason": "What changed",
    "call_log_ids": "Calls",
}
"""By the wire's name, which is also the name of the field in the form."""


def project_of(who: Person) -> Project:
    assert who.project is not None
    return who.project


def kind_words(version: MetricVersion) -> str:
    return f"{KINDS[version.kind]}, {VALUES[version.eval_type]}"


def applies_words(metric: Metric, agents: Sequence[Agent]) -> str:
    if metric.every_agent:
        return "every agent"
    return ", ".join(agent.name for agent in agents) or "no agent"


def trigger_words(version: MetricVersion) -> str:
    """Empty where the metric is asked of every call."""
    if version.trigger == Trigger.ALWAYS:
        return ""
    if version.trigger == Trigger.AUTOMATIC:
        return "where it fits"
    return "by a script" if version.trigger_type == "custom_code" else "on a condition"

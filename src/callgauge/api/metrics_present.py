"""Metrics as the contract shows them: one set of values, and a table of the fields of each schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from callgauge.api.history import history_entry
from callgauge.api.metrics_shape import KEPT
from callgauge.api.present_labs import answers_of, pending_proposal
from callgauge.domain.metrics import MetricKind, Trigger
from callgauge.engine.lint import Advice
from callgauge.flow.lint import advice_on
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import Average, agents_by_metric, averages
from callgauge.store.models import Agent, Metric, MetricVersion

_ASKED = (
    "name",
    "description",
    "type",
    "eval_type",
    "enum_values",
    "audio_enabled",
    "prompt",
    "evaluation_trigger",
    "trigger_type",
    "evaluation_trigger_prompt",
    "evaluation_trigger_custom_code",
    "configuration",
)
_SWITCHES = ("observability_enabled", "simulation_enabled", "sampling_enabled", "add_to_new_agents")
_ALERTS = (
    "alert_type",
    "alert_filters",
    "slack_workspace",
    "slack_channel_id",
    "significant_change_alert_status",
    "significant_change_alert_direction",
    "window_size",
    "std_multiplier",
    "ewma_alpha",
)
_PREDEFINED = ("function_name", "vocera_defined_metric_code")
_SCORES = ("overall_score", "total_score")

EDIT = ("id", "project", "agents", "assistant_id", *_ASKED, *_SWITCHES, "display_order", "custom_code")
"""SchemaPostMetricEdit."""
DETAIL = (
    "id",
    "slug",
    "project",
    "agents",
    *_ASKED,
    *_SWITCHES,
    *_SCORES,
    *_ALERTS,
    *_PREDEFINED,
    "alert_enabled",
    "priority_assignment_prompt",
    "knowledge_base_files",
    "custom_code",
    "reviews",
    "pending_optimisation_proposal",
)
"""MetricDetailV2 and MetricDetailSerializerV2, which have the same fields."""
LIST = (
    "id",
    "slug",
    "project",
    "agents",
    "agent_names",
    *_ASKED,
    *_SWITCHES,
    *_ALERTS,
    *_PREDEFINED,
    "display_order",
    "priority_assignment_prompt",
    "kb_file_ids",
    "knowledge_base_files",
    "metric_cost",
    "uses_llm_judge",
)
"""MetricList, and with the scores MetricListSerializerV2."""
BASIC = (
    "id",
    "slug",
    "name",
    "eval_type",
    "enum_values",
    "observability_enabled",
    "simulation_enabled",
    "sampling_enabled",
    "alert_type",
    "function_name",
    "vocera_defined_metric_code",
    "agents",
)
"""MetricBasicList."""
HISTORY = (
    "id",
    "slug",
    "project",
    *_ASKED,
    *_SWITCHES,
    *_ALERTS,
    *_PREDEFINED,
    "alert_enabled",
    "display_order",
    "priority_assignment_prompt",
    "custom_code",
    "llm_provider",
    "relevance_llm_provider",
    "metric_description_variables",
    "evaluation_trigger_variables",
)
"""MetricHistory without its own fields."""

DEFAULT_PROVIDER = "openai"
"""What the contract shows where nobody said anything."""
TRUE, FALSE = "true", ""
"""Where the contract wants text for a yes or no; the empty one is false in every language."""


def present_edit(metric: Metric, assistant_id: str = "") -> dict[str, Any]:
    values = _values(metric, current_version(metric), agents_by_metric([metric])[metric.pk])
    return _pick(EDIT, {**values, "assistant_id": assistant_id})


def present_detail(metric: Metric, *, scores: bool = False) -> dict[str, Any]:
    values = _values(metric, current_version(metric), agents_by_metric([metric])[metric.pk])
    if scores:
        values |= _scores(averages([metric]).get(metric.pk))
    labs = {"reviews": answers_of(metric), "pending_optimisation_proposal": pending_proposal(metric)}
    return _pick(DETAIL, {**values, **labs, "knowledge_base_files": ""})


def with_warnings(shown: dict[str, Any], metric: Metric) -> dict[str, Any]:
    """For answers to a write: what is probably not meant about the metric that was just saved."""
    return {**shown, "warnings": present_advice(advice_on(metric))}


def present_advice(advice: Sequence[Advice]) -> list[dict[str, str]]:
    return [asdict(one) for one in advice]


def present_basic(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    agents = agents_by_metric(metrics)
    return [_pick(BASIC, _values(one, current_version(one), agents[one.pk])) for one in metrics]


def present_list(metrics: Sequence[Metric], *, v2: bool, scores: bool) -> list[dict[str, Any]]:
    """A fixed number of queries, whatever the number of metrics. Scores cost a read of all results."""
    agents = agents_by_metric(metrics)
    average: Mapping[int, Average] = averages(metrics) if scores else {}
    fields = (*LIST, *_SCORES) if v2 or scores else LIST
    return [
        _pick(
            fields,
            _values(metric, current_version(metric), agents[metric.pk]) | _scores(average.get(metric.pk)),
        )
        for metric in metrics
    ]


def present_history(metric: Metric, versions: Sequence[MetricVersion]) -> list[dict[str, Any]]:
    """One MetricHistory per version. Switches and alerts have no history: they are shown as they are."""
    return [
        {
            **history_entry(version),
            "agents_snapshot": None,
            "agent": None,
            **_pick(HISTORY, _values(metric, version, ())),
        }
        for version in versions
    ]


def _pick(fields: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in fields}


def _scores(average: Average | None) -> dict[str, str]:
    if average is None or average.mean is None or average.total is None:
        return {"overall_score": "", "total_score": ""}
    return {"overall_score": f"{average.mean:.4g}", "total_score": f"{average.total:.12g}"}


def _values(metric: Metric, version: MetricVersion, agents: Sequence[Agent]) -> dict[str, Any]:
    return {
        "id": metric.pk,
        "slug": metric.slug,
        "project": metric.project_id,
        "agents": [agent.pk for agent in agents],
        "agent_names": ", ".join(agent.name for agent in agents),
        "name": version.name,
        "description": version.description,
        "type": version.kind,
        "eval_type": version.eval_type,
        "enum_values": version.labels,
        "audio_enabled": version.audio_enabled,
        "prompt": version.prompt or metric.settings.get("prompt", ""),
        "custom_code": version.custom_code,
        "configuration": version.configuration,
        "evaluation_trigger": version.trigger,
        "trigger_type": version.trigger_type,
        "evaluation_trigger_prompt": version.trigger_prompt,
        "evaluation_trigger_custom_code": version.trigger_code,
        "function_name": version.built_in or None,
        "vocera_defined_metric_code": version.predefined_code,
        "observability_enabled": metric.observability_enabled,
        "simulation_enabled": metric.simulation_enabled,
        "sampling_enabled": metric.sampling_enabled,
        "display_order": metric.display_order,
        "add_to_new_agents": metric.add_to_new_agents,
        "llm_provider": version.llm_provider or DEFAULT_PROVIDER,
        **{name: metric.settings.get(name, default) for name, default in KEPT.items()},
        "knowledge_base_files": [],
        "metric_cost": 0.0,
        "uses_llm_judge": TRUE if _asks_judge(version) else FALSE,
        "reviews": [],
        "pending_optimisation_proposal": None,
        **_scores(None),
    }


def _asks_judge(version: MetricVersion) -> bool:
    by_judge = version.trigger == Trigger.AUTOMATIC or (
        version.trigger == Trigger.CUSTOM and version.trigger_type == "llm_judge"
    )
    return version.kind == MetricKind.LLM_JUDGE or by_judge

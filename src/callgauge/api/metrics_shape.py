"""What a request says of a metric, and the change that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from callgauge.api.fields import Choice, Flag, Ids, JSONValue, Name, Number, RowId, Shape, Text, Whole
from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.flow.metrics import SWITCHES, MetricChange
from callgauge.store.models import MetricVersion

LEGACY_BINARY = ("binary_workflow_adherence", "binary_qualitative")
DEPRECATED_TYPE = "custom_prompt"

FROZEN = {
    "name": "name",
    "description": "description",
    "type": "kind",
    "eval_type": "eval_type",
    "enum_values": "labels",
    "custom_code": "custom_code",
    "audio_enabled": "audio_enabled",
    "configuration": "configuration",
    "llm_provider": "llm_provider",
    "evaluation_trigger": "trigger",
    "trigger_type": "trigger_type",
    "evaluation_trigger_prompt": "trigger_prompt",
    "evaluation_trigger_custom_code": "trigger_code",
}
"""Names of the wire, and the columns of a version. `prompt` is apart: see `change_of`."""

KEPT: Mapping[str, Any] = {
    "priority_assignment_prompt": "",
    "alert_enabled": False,
    "alert_type": "disabled",
    "alert_filters": None,
    "slack_workspace": None,
    "slack_channel_id": None,
    "significant_change_alert_status": "disabled",
    "significant_change_alert_direction": "",
    "window_size": 50,
    "std_multiplier": 2.0,
    "ewma_alpha": 0.1,
    "kb_file_ids": [],
    "relevance_llm_provider": "openai",
    "metric_description_program": None,
    "metric_description_variables": [],
    "evaluation_trigger_program": None,
    "evaluation_trigger_variables": [],
}
"""What is kept and given back although nothing acts on it, with what is shown until somebody sets it."""

PROVIDERS = ("openai", "gemini", "dspy-gepa-gemini-flash", "deepseek-v4-flash")


class EvalTypeField(Choice):
    """The two older names of binary are read as binary."""

    def __init__(self, **options: Any) -> None:
        super().__init__([kind.value for kind in EvalType], **options)

    def to_internal_value(self, data: Any) -> Any:
        return EvalType.BINARY.value if data in LEGACY_BINARY else super().to_internal_value(data)


class TypeField(Choice):
    def __init__(self, **options: Any) -> None:
        super().__init__([kind.value for kind in MetricKind], **options)

    def to_internal_value(self, data: Any) -> Any:
        if data == DEPRECATED_TYPE:
            raise serializers.ValidationError("custom_prompt is deprecated; use llm_judge.")
        return super().to_internal_value(data)


class Labels(serializers.ListField):
    """The labels of an enum; null and the empty text are read as none."""

    child = Text(255, allow_null=False)

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=1_000, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation([] if data is None or data == "" else data)


class MetricShape(Shape):
    name = Name()
    slug = serializers.SlugField(required=False, allow_null=True, allow_blank=True, max_length=255)
    project = RowId(allow_null=True)
    agent = RowId(allow_null=True)
    agents = Ids()
    assistant_id = Text(255, trim_whitespace=True)
    description = Text()
    prompt = Text()
    type = TypeField()
    eval_type = EvalTypeField()
    enum_values = Labels()
    custom_code = Text()
    audio_enabled = Flag()
    configuration = JSONValue(dict)
    evaluation_trigger = Choice([kind.value for kind in Trigger], required=False)
    trigger_type = Choice(["llm_judge", "custom_code"], required=False)
    evaluation_trigger_prompt = Text()
    evaluation_trigger_custom_code = Text()
    observability_enabled = Flag()
    simulation_enabled = Flag()
    sampling_enabled = Flag()
    display_order = Whole()
    add_to_new_agents = Flag(allow_null=True)
    add_to_rubric = Flag(write_only=True)
    meaning_changed = Flag(write_only=True)
    priority_assignment_prompt = Text()
    alert_enabled = Flag()
    alert_type = Choice(["disabled", "normal", "significant_change"], required=False)
    alert_filters = JSONValue()
    slack_workspace = Whole(allow_null=True)
    slack_channel_id = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=255
    )
    significant_change_alert_status = Choice(["enabled", "disabled"], required=False)
    significant_change_alert_direction = Choice(
        ["", "increase", "decrease"], required=False, allow_blank=True
    )
    window_size = Whole(minimum=0)
    std_multiplier = Number()
    ewma_alpha = Number()
    kb_file_ids = JSONValue(list)
    llm_provider = Choice(PROVIDERS, required=False)
    relevance_llm_provider = Choice(PROVIDERS, required=False)
    metric_description_program = JSONValue()
    metric_description_variables = JSONValue(list)
    evaluation_trigger_program = JSONValue()
    evaluation_trigger_variables = JSONValue(list)

    def validate_slug(self, value: str | None) -> str:
        if value and value.isdigit():
            raise serializers.ValidationError("A slug may not be a number: a path would take it for an id.")
        return value or ""

    def validate_configuration(self, value: dict[str, Any] | None) -> dict[str, Any]:
        return value or {}

    def validate_kb_file_ids(self, value: list[Any] | None) -> list[Any]:
        if value:
            raise serializers.ValidationError("Knowledge base files are not supported yet; leave this empty.")
        return []


def change_of(said: Mapping[str, Any], version: MetricVersion | None) -> MetricChange:
    """The change that a body asks for. `version` is what the metric asks today, None for a new one.

    `prompt` is what the judge is asked only for a copied predefined metric, whose description is for people;
    for every other metric the description is asked, and `prompt` is kept and given back."""
    frozen = {column: said[name] for name, column in FROZEN.items() if name in said}
    settings = {name: said[name] for name in KEPT if name in said}
    if "prompt" in said:
        if version is not None and version.prompt:
            frozen["prompt"] = said["prompt"]
        else:
            settings["prompt"] = said["prompt"]
    return MetricChange(
        frozen=frozen,
        switches={name: said[name] for name in SWITCHES if name in said},
        settings=settings,
        agents=said.get("agents"),
        slug=said.get("slug", ""),
        in_rubric=said.get("add_to_rubric"),
        meaning_changed=said.get("meaning_changed", False),
    )

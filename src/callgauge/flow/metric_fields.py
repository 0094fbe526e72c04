"""What a metric asks: the columns of a version, and what must hold across them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.flow.errors import Invalid
from callgauge.store.models import MetricVersion

ASKED = (
    "kind",
    "eval_type",
    "description",
    "prompt",
    "custom_code",
    "labels",
    "built_in",
    "audio_enabled",
    "configuration",
    "llm_provider",
    "trigger",
    "trigger_type",
    "trigger_prompt",
    "trigger_code",
)
"""The columns of a version that decide what is asked: its content hash is made of them."""
FROZEN = ("name", "predefined_code", *ASKED)
"""The columns that an edit may change only by adding a version."""
MAX_LABEL = 255


def whole_metric(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """All columns of FROZEN for a new metric, checked as far as its own fields go. Raises Invalid."""
    whole = {**_blank(), **frozen}
    check_whole(whole)
    return whole


def _blank() -> dict[str, Any]:
    blank = MetricVersion(kind=MetricKind.LLM_JUDGE.value)
    return {name: getattr(blank, name) for name in FROZEN}


def check_whole(frozen: Mapping[str, Any]) -> None:
    """What must hold across fields. Raises Invalid in the wire's names."""
    faults: dict[str, Sequence[str]] = {}
    kind = frozen["kind"]
    if not frozen["name"].strip():
        faults["name"] = ["This field may not be blank."]
    if not frozen["eval_type"]:
        faults["eval_type"] = ["This field is required."]
    if kind == MetricKind.LLM_JUDGE and not frozen["description"].strip():
        faults["description"] = ["An llm_judge metric needs a description: it is what the judge is asked."]
    if kind == MetricKind.CUSTOM_CODE and not frozen["custom_code"].strip():
        faults["custom_code"] = ["A custom_code metric needs its code."]
    if kind == MetricKind.BUILT_IN and not frozen["built_in"]:
        faults["type"] = ["A basic metric is made by copying a predefined one."]
    # A predefined metric's labels may be the agent's: its nodes.
    if frozen["eval_type"] == EvalType.ENUM and not frozen["built_in"]:
        fault = _label_fault(frozen["labels"])
        if fault:
            faults["enum_values"] = [fault]
    if frozen["trigger"] == Trigger.CUSTOM:
        by_code = frozen["trigger_type"] == "custom_code"
        column = "trigger_code" if by_code else "trigger_prompt"
        if not frozen[column].strip():
            name = "evaluation_trigger_custom_code" if by_code else "evaluation_trigger_prompt"
            faults[name] = ["A custom evaluation_trigger needs this field."]
    if faults:
        raise Invalid(faults)


def _label_fault(labels: Sequence[str]) -> str | None:
    folded = [label.strip().casefold() for label in labels]
    if not folded or "" in folded:
        return "An enum metric needs at least one label, and no label may be blank."
    if len(set(folded)) < len(folded):
        return "Labels must differ in more than case and spaces."
    if any(len(label) > MAX_LABEL for label in labels):
        return f"A label may have at most {MAX_LABEL} characters."
    return None

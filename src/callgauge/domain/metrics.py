"""A metric version: a named question, frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EvalType(StrEnum):
    """What kind of value a metric gives."""

    BINARY = "binary"
    RATING = "continuous_qualitative"
    """0 to 5."""
    NUMERIC = "numeric"
    ENUM = "enum"


class MetricKind(StrEnum):
    """How a metric is computed; the values are the wire's `type`."""

    LLM_JUDGE = "llm_judge"
    CUSTOM_CODE = "custom_code"
    BUILT_IN = "basic"


class Trigger(StrEnum):
    """Whether a metric is asked at all."""

    ALWAYS = "always"
    AUTOMATIC = "automatic"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What a scorer needs to know of one metric version."""

    metric_id: int
    version_id: int
    name: str
    kind: MetricKind
    eval_type: EvalType
    description: str = ""
    prompt: str = ""
    custom_code: str = ""
    labels: Sequence[str] = ()
    built_in: str = ""
    """Name of the built-in scorer, for kind BUILT_IN."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    hears: bool = False
    """The judge is to listen to the recording, not only to read the transcript."""
    llm_provider: str = ""
    """Whose model the metric would like to be asked of, in the wire's words; empty for no wish."""
    trigger: Trigger = Trigger.ALWAYS
    trigger_type: str = "llm_judge"
    trigger_prompt: str = ""
    trigger_code: str = ""
    content_hash: str = ""
    """Hash of wording, code and settings: two versions with the same hash ask the same."""

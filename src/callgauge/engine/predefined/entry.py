"""What an entry of the catalogue says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from callgauge.domain.metrics import EvalType, MetricKind


class Category(StrEnum):
    """The values are the wire's words."""

    SPEECH = "Speech Quality"
    CONVERSATION = "Conversation Quality"
    ACCURACY = "Accuracy"
    EXPERIENCE = "Customer Experience"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predefined:
    """A metric that a project can take over as it is."""

    code: str
    """Eight hexadecimal digits that results carry; drawn once, and never changed or used again."""
    slug: str
    name: str
    description: str
    """What it measures, for people."""
    eval_type: EvalType
    kind: MetricKind
    category: Category
    built_in: str = ""
    """Name in `engine.BUILT_IN`, for a judge metric in `engine.FORMS`; the wire's `function_name`."""
    question: str = ""
    """The file of a judge's question, without `.md`; empty where it is named like the slug."""
    labels: tuple[str, ...] = ()
    configuration: Mapping[str, Any] = field(default_factory=dict)
    hears: bool = False
    """Its judge listens to the recording."""

    @property
    def prompt(self) -> str:
        """What a judge is asked. Empty for metrics by rule."""
        return _question(self.question or self.slug) if self.kind is MetricKind.LLM_JUDGE else ""


@cache
def _question(slug: str) -> str:
    return (files(__package__) / f"{slug}.md").read_text(encoding="utf-8").strip()

"""What a lint rule looks at, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.rubric import Group


@dataclass(frozen=True, slots=True)
class Draft:
    """A metric as it is, or is about to be, saved."""

    spec: MetricSpec
    hears: bool = False
    """The judge gets the recording as well as the transcript."""
    rules: Sequence[Group] = ()
    """What the project's rubric asks of the metric."""
    other_names: frozenset[str] | None = None
    """Names of the project's other metrics; None where they are not known."""
    declared_variables: Sequence[str] = ()
    """Variables that the metric's maker says the description uses."""

    @property
    def question(self) -> str:
        """What a judge is asked."""
        return self.spec.prompt.strip() or self.spec.description.strip()


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that is probably not meant. The metric can be saved and measured all the same."""

    code: str
    """Stays the same while the words may change."""
    field: str
    """The wire's name of the field that it is about."""
    message: str
    """What is odd, what comes of it, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Direction:
    """Which results of a metric are the good ones."""

    lower: bool
    why: str = ""
    """How that is known, to follow "less is better"."""

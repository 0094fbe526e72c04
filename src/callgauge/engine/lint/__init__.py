"""Advice on a metric before it costs anything: what is probably not meant, told from its words alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from callgauge.engine.lint import direction, names, questions, scripts, settings
from callgauge.engine.lint.draft import Advice, Draft

__all__ = ["RULES", "Advice", "Draft", "lint"]

RULES: Final[Sequence[Callable[[Draft], Iterator[Advice]]]] = (
    names.check,
    questions.check,
    scripts.check,
    direction.check,
    settings.check,
)
"""A further rule is one function, and one line here."""


def lint(draft: Draft) -> list[Advice]:
    """In the order of the rules; nothing is said twice."""
    return list(dict.fromkeys(advice for rule in RULES for advice in rule(draft)))

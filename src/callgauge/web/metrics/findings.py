"""Faults and advice about a draft, each with the field and the line that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callgauge.engine.lint import Advice
from callgauge.web.metrics.naming import FIELDS

_LINE = re.compile(r"^Line (\d+): ")


@dataclass(frozen=True, slots=True)
class Finding:
    field: str
    """The field's name in the form."""
    label: str
    line: int | None
    text: str
    is_fault: bool
    """It could not be saved like this."""


def faults_of(messages: Mapping[str, Sequence[str]]) -> list[Finding]:
    return [_finding(name, text, is_fault=True) for name, texts in messages.items() for text in texts]


def advice_of(advice: Sequence[Advice]) -> list[Finding]:
    return [_finding(one.field, one.message, is_fault=False) for one in advice]


def _finding(field: str, text: str, *, is_fault: bool) -> Finding:
    found = _LINE.match(text)
    line = int(found[1]) if found else None
    return Finding(field, FIELDS.get(field, ""), line, text[found.end() :] if found else text, is_fault)

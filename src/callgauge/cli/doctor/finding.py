"""What a check says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    OK = "ok"
    OFF = "off"
    """Not set up, and nothing needs it."""
    WARNING = "warning"
    FAULT = "fault"
    """Something will not work; the command ends with 1."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    state: State
    words: str
    """One line: what is so, and for a fault or a warning what to do."""
    facts: Mapping[str, Any] = field(default_factory=dict)

"""What a format is, and what reading with it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callgauge.domain.calls import Turn
from callgauge.formats.notes import Notes
from callgauge.formats.rows import Draft, Row, find_rows

PEEKED_ROWS = 50
"""Rows looked at to recognise a format; a call that starts with 50 tool rows is none."""


@dataclass(frozen=True, slots=True)
class Format:
    """One provider's way to write a call down."""

    name: str
    title: str
    read: Callable[[Any, Notes], list[Draft]]
    detects: Callable[[Any], bool]
    """Whether a payload without a declared type looks like this format."""
    literal: bool = False
    """Whether this type, once declared, is never second-guessed."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller knows of a call beside its rows."""

    agent_speaker: str | int | None = None
    """The role or speaker that is the agent, whatever the words usually mean."""
    origin_secs: float | None = None
    """The call's start since 1970; used for absolute times where it is not later than they are."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A call's turns, the name of the format they were read with, and what was repaired or left out."""

    turns: tuple[Turn, ...]
    format: str
    notes: tuple[str, ...] = ()


def peek(payload: Any, paths: tuple[str, ...]) -> list[Row]:
    """The first rows that are objects; empty where the payload holds no rows."""
    rows = find_rows(payload, paths) or []
    return [row for row in rows[:PEEKED_ROWS] if isinstance(row, dict)]

"""Reads labelled dialogues: `{kind|words}` marks what is to be hidden."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from callgauge.domain.calls import Role, Turn
from callgauge.pii import Field

HERE = Path(__file__).parent
_MARK = re.compile(r"\{(?P<field>[a-z_]+)\|(?P<words>[^}]*)\}")
ROLES = {"A": Role.AGENT, "C": Role.CALLER}


@dataclass(frozen=True, slots=True)
class Label:
    turn: int
    start: int
    end: int
    field: Field


@dataclass(frozen=True, slots=True)
class Dialogue:
    turns: tuple[Turn, ...]
    labels: tuple[Label, ...]


def read(name: str) -> list[Dialogue]:
    """Dialogues of a file, which blank lines part."""
    blocks = re.split(r"\n\s*\n", (HERE / name).read_text("utf-8"))
    return [found for block in blocks if (found := dialogue(block.splitlines())).turns]


def dialogue(lines: list[str]) -> Dialogue:
    turns: list[Turn] = []
    labels: list[Label] = []
    for line in lines:
        speaker, colon, marked = line.partition(": ")
        if not colon or speaker not in ROLES:
            continue
        text, at = "", 0
        for mark in _MARK.finditer(marked):
            text += marked[at : mark.start()]
            labels.append(Label(len(turns), len(text), len(text) + len(mark["words"]), Field(mark["field"])))
            text += mark["words"]
            at = mark.end()
        turns.append(Turn(ROLES[speaker], text + marked[at:]))
    return Dialogue(tuple(turns), tuple(labels))

"""Reading labelled dialogues: text files that a person can check by reading them.

# refund-late                       a name, once in all files
ended: customer-ended-call          what the platform says; also topics, nodes, knowledge, expected outcome
A: Hello, how can I help?           the agent; C: the caller
> find_order {"number": "5"}        a tool call, and
< {"found": true}                   what it gave back
= relevancy: true -- It answers.    what a careful person makes of a metric, and why
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

from callgauge.domain.calls import AgentFacts, Call, Document, Role, Tool, Turn, stable_hash

NOT_APPLICABLE: Final = "n/a"
_SETTINGS: Final = ("ended", "topics", "nodes", "knowledge", "description", "expected outcome")
_LABEL = re.compile(r"([a-z_]+): (.+?) -- (.+)")
_SECS_PER_WORD = 0.4
"""150 words a minute, so that turns have times."""


class DialogueFault(ValueError):
    """A file of dialogues cannot be read; the message has its name and line."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a person found: the words that a judge would give as `value`, or `n/a`."""

    value: str
    why: str


@dataclass(slots=True)
class _Draft:
    name: str
    settings: dict[str, str] = field(default_factory=dict)
    turns: list[tuple[str, str]] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialogue:
    call: Call
    labels: Mapping[str, Label]
    """By the slug of a predefined metric."""


@cache
def dialogues() -> tuple[Dialogue, ...]:
    """Those that come with Callgauge."""
    folder = files(__package__) / "dialogues"
    found: list[Dialogue] = []
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        found += read_dialogues(file.name, file.read_text(encoding="utf-8"), first_id=len(found) + 1)
    return tuple(found)


def read_dialogues(file: str, text: str, *, first_id: int = 1) -> list[Dialogue]:
    """Raises DialogueFault."""
    return [_dialogue(draft, first_id + place) for place, draft in enumerate(_drafts(file, text))]


def _drafts(file: str, text: str) -> Iterator[_Draft]:
    draft: _Draft | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            if draft is not None:
                yield draft
            draft = _Draft(line[2:].strip())
        elif not line.strip():
            continue
        elif draft is None or not _take(draft, line):
            raise DialogueFault(f"{file}, line {number}: cannot be read")
    if draft is not None:
        yield draft


def _take(draft: _Draft, line: str) -> bool:
    kind, _, rest = line.partition(" ")
    if kind in {"A:", "C:", ">", "<"}:
        draft.turns.append((kind, rest.strip()))
        return bool(rest.strip())
    if kind == "=":
        found = _LABEL.fullmatch(rest)
        if found is None or found[1] in draft.labels:
            return False
        draft.labels[found[1]] = Label(found[2].strip(), found[3].strip())
        return True
    name, colon, value = line.partition(": ")
    draft.settings[name] = value.strip()
    return bool(colon) and name in _SETTINGS


def _dialogue(draft: _Draft, number: int) -> Dialogue:
    settings = draft.settings
    knowledge = settings.get("knowledge", "")
    documents = [Document("knowledge.txt", knowledge, stable_hash(knowledge))] if knowledge else []
    agent = AgentFacts(
        id=number,
        name="Agent",
        description=settings.get("description", ""),
        dropoff_nodes=_list(settings.get("nodes")),
        topic_nodes=_list(settings.get("topics")),
        knowledge=documents,
    )
    turns = tuple(_turns(draft.turns))
    outcome = settings.get("expected outcome")
    call = Call(
        id=number,
        call_id=draft.name,
        agent=agent,
        turns=turns,
        duration_secs=turns[-1].end_secs if turns else None,
        ended_reason=settings.get("ended", ""),
        metadata={"expected_outcome": outcome} if outcome else {},
    )
    return Dialogue(call, draft.labels)


def _list(text: str | None) -> list[str] | None:
    return [one.strip() for one in text.split(";")] if text else None


def _turns(lines: list[tuple[str, str]]) -> Iterator[Turn]:
    now, tool = 0.0, ""
    for kind, text in lines:
        end = now + _SECS_PER_WORD * len(text.split())
        match kind:
            case "A:":
                yield Turn(Role.AGENT, text, round(now, 1), round(end, 1))
            case "C:":
                yield Turn(Role.CALLER, text, round(now, 1), round(end, 1))
            case ">":
                tool, _, arguments = text.partition(" ")
                yield Turn(Role.TOOL_CALL, "", round(now, 1), tool=Tool(tool, tool, arguments=arguments))
                end = now
            case "<":
                yield Turn(Role.TOOL_RESULT, text, round(now, 1), tool=Tool(tool, tool, result=text))
                end = now
        now = end + 0.5

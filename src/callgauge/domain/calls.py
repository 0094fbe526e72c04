"""A finished call as the scorers see it: turns, times, and the agent it was held by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final


class Role(StrEnum):
    """Who speaks. The values are the wire's words (our name: the caller is "Testing Agent")."""

    AGENT = "Main Agent"
    CALLER = "Testing Agent"
    TOOL_CALL = "Function Call"
    TOOL_RESULT = "Function Call Result"
    SYSTEM = "System"


SPOKEN_ROLES = frozenset({Role.AGENT, Role.CALLER})


@dataclass(frozen=True, slots=True)
class Tool:
    """What a tool turn carries: the call's arguments, or the result of the call with the same id."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    """JSON text as the provider sent it."""
    result: str = ""
    is_error: bool | None = None
    """None where the provider does not say."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One party's stretch of talk, or one tool event. Times are seconds from the start of the call."""

    role: Role
    text: str
    start_secs: float | None = None
    end_secs: float | None = None
    tool: Tool | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One file of an agent's knowledge base, as text."""

    name: str
    text: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What a metric may know of the agent that held the call."""

    id: int
    name: str
    description: str = ""
    language: str = ""
    inbound: bool | None = None
    contact_number: str = ""
    dropoff_nodes: Any = None
    """As the wire has them: a list of names, or of objects with a name."""
    topic_nodes: Any = None
    pronunciation_words: Any = None
    """A list of words, or of objects with a word and how it is said."""
    knowledge: Sequence[Document] = ()
    """The knowledge base, by file name; loaded only where a metric asks for it."""


@dataclass(frozen=True, slots=True)
class Call:
    """The frozen context that a scorer is handed."""

    id: int
    call_id: str
    agent: AgentFacts
    turns: Sequence[Turn]
    timestamp: str = ""
    """ISO 8601, UTC."""
    duration_secs: float | None = None
    ended_reason: str = ""
    topic: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    dynamic_variables: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    recording_url: str = ""
    has_recording: bool = False
    """Whether there is a file, or one to be fetched."""
    content_hash: str = ""
    part_hashes: Mapping[str, str] = field(default_factory=dict)
    """Hash of each part that a metric may read by itself; see engine.identity."""

    @property
    def spoken(self) -> Sequence[Turn]:
        return [turn for turn in self.turns if turn.role in SPOKEN_ROLES]


def clock(secs: float | None) -> str:
    """Seconds as `MM:SS`; minutes run past 59 because calls of an hour are not rare."""
    return _clock(max(0, int(secs or 0)))


@lru_cache(maxsize=4096)
def _clock(whole: int) -> str:
    return f"{whole // 60:02d}:{whole % 60:02d}"


def transcript_text(turns: Sequence[Turn]) -> str:
    """The transcript as lines `[MM:SS] Role: text`; an untimed turn takes the time of the one before."""
    lines = []
    last: float | None = 0.0
    for turn in turns:
        last = turn.start_secs if turn.start_secs is not None else last
        lines.append(f"[{clock(last)}] {turn.role.value}: {said(turn)}")
    return "\n".join(lines)


def said(turn: Turn) -> str:
    """A turn's words; for a tool event without words, its name with arguments or result."""
    if turn.tool is None:
        return turn.text
    if turn.role is Role.TOOL_CALL:
        return turn.text or f"{turn.tool.name}({turn.tool.arguments})"
    return turn.text or f"{turn.tool.name} -> {turn.tool.result}".strip()


def stable_hash(*parts: Any) -> str:
    """A hash that equals itself across processes and Python versions: SHA-256 of canonical JSON."""
    text = _CANONICAL.encode(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)

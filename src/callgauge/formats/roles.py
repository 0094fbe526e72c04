"""Which of the provider's words for a speaker mean the agent, the caller, a tool or the system."""

from __future__ import annotations

import re
from typing import Any

from callgauge.domain.calls import Role

_FILLER = re.compile(r"[\s_\-.]+")

_NAMES: dict[Role, tuple[str, ...]] = {
    Role.AGENT: (
        "Main Agent",
        "agent",
        "assistant",
        "bot",
        "ai",
        "model",
        "robot",
        "ai agent",
        "ai assistant",
        "voice agent",
        "voice bot",
        "virtual agent",
        "virtual assistant",
    ),
    Role.CALLER: (
        "Testing Agent",
        "user",
        "caller",
        "customer",
        "human",
        "client",
        "end user",
        "callee",
        "consumer",
        "patient",
        "simulated user",
        "testing bot",
    ),
    Role.TOOL_CALL: (
        "Function Call",
        "tool call",
        "tool calls",
        "tool use",
        "tool call invocation",
        "function calls",
        "tool invocation",
    ),
    Role.TOOL_RESULT: (
        "Function Call Result",
        "tool",
        "function",
        "tool call result",
        "tool calls result",
        "tool call results",
        "tool result",
        "tool results",
        "tool response",
        "tool output",
        "function result",
        "function response",
        "function output",
        "function call output",
        "function call response",
    ),
    # Things that happen on a call without being said by either side.
    Role.SYSTEM: (
        "System",
        "developer",
        "instructions",
        "event",
        "log",
        "info",
        "note",
        "narrator",
        "error",
        "metadata",
        "agent action",
        "node transition",
        "dtmf",
        "transfer target",
    ),
}


def role_key(name: Any) -> str:
    """The name without case, spaces, underscores, dashes and dots, at most 64 characters of it."""
    if isinstance(name, str):
        return _FILLER.sub("", name[:64]).casefold()
    if isinstance(name, bool) or not isinstance(name, (int, float)):
        return ""
    return f"{name:.0f}"[:64] if abs(name) < 1e9 else ""


ROLES: dict[str, Role] = {role_key(name): role for role, names in _NAMES.items() for name in names}


def role_of(name: Any) -> Role | None:
    """The role behind a provider's word, None where nobody knows it."""
    if isinstance(name, str):
        return ROLES.get(name) or ROLES.get(role_key(name))
    return None


def shown_name(name: Any) -> str:
    """A role's name, short and printable enough for a note."""
    shown = name if isinstance(name, str) else role_key(name)
    shown = "".join(character if character.isprintable() else "?" for character in shown[:40])
    return f"'{shown}'" if shown.strip() else "missing"

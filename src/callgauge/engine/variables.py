"""`{{variable}}` in metric descriptions and agent descriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from callgauge.domain.calls import Call, transcript_text
from callgauge.engine.faults import MissingVariable

NOT_KNOWN = "(not known)"
"""Stands for a built-in variable to which this call gives no value: an empty one would read as a value."""

_MAX_NAME = 100
"""Characters of a variable's name in a message."""

_REFERENCE = re.compile(r"\{\{([^{}]*)\}\}")
_ROOT = re.compile(r"\w+")
_STEP = re.compile(
    r"""\s*(?:\.\s*(?P<dotted>[^.\[\]"']+)|\[\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<index>\d+))\s*\])"""
)

Show = Callable[[str, str], str]
"""Given a variable's name and its text, what is written in its place."""


def _plain(_name: str, text: str) -> str:
    return text


BUILT_IN: dict[str, Callable[[Call], object]] = {
    "transcript": lambda call: transcript_text(call.turns),
    "call_end_reason": lambda call: call.ended_reason,
    "date": lambda call: call.timestamp[:10],
    "timestamp": lambda call: call.timestamp,
    "agent.description": lambda call: agent_description(call),
    "agent.name": lambda call: call.agent.name,
    "agent.language": lambda call: call.agent.language,
    "agent.inbound": lambda call: call.agent.inbound,
    "agent.contact_number": lambda call: call.agent.contact_number,
}

OPEN: dict[str, Callable[[Call], Mapping[str, Any]]] = {
    "metadata": lambda call: call.metadata,
    "dynamic_variables": lambda call: call.dynamic_variables,
}
"""Variables whose keys every call brings itself."""


def render(template: str, call: Call, *, show: Show = _plain) -> str:
    """Replace each `{{variable}}` once; braces that a value brings along stay as they are.

    Texts are written as they are, everything else as JSON. Raises MissingVariable."""

    def replaced(match: re.Match[str]) -> str:
        path = _path(match[1].strip())
        return show(".".join(path), _text(_look_up(path, call)))

    return _REFERENCE.sub(replaced, template)


def references(template: str) -> frozenset[str]:
    """The variables that a template uses, in dotted form. Raises MissingVariable for what is none at all."""
    return frozenset(".".join(_path(match[1].strip())) for match in _REFERENCE.finditer(template))


def agent_description(call: Call) -> str:
    """The agent's description with its own `{{name}}` filled from the call's dynamic variables; names that
    the call does not have stay as they are."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in call.dynamic_variables:
            return _text(call.dynamic_variables[name])
        try:
            path = _path(name)
            path = path[1:] if path[0] == "dynamic_variables" and len(path) > 1 else path
            return _text(_walk(call.dynamic_variables, path, name))
        except MissingVariable:
            return match[0]

    return _REFERENCE.sub(replaced, call.agent.description)


def _path(expression: str) -> tuple[str, ...]:
    """`metadata["a"].b[0]` as its parts."""
    root = _ROOT.match(expression)
    if root is None:
        raise MissingVariable(expression[:_MAX_NAME])
    parts, at = [root[0]], root.end()
    while at < len(expression):
        step = _STEP.match(expression, at)
        if step is None:
            raise MissingVariable(expression[:_MAX_NAME])
        dotted = step["dotted"]
        parts.append(
            dotted.strip() if dotted is not None else next(g for g in step.groups() if g is not None)
        )
        at = step.end()
    return tuple(parts)


def _look_up(path: tuple[str, ...], call: Call) -> object:
    name = ".".join(path)
    if path[0] in OPEN:
        return _walk(OPEN[path[0]](call), path[1:], name)
    if name not in BUILT_IN:
        raise MissingVariable(name[:_MAX_NAME])
    value = BUILT_IN[name](call)
    return NOT_KNOWN if value is None or value == "" else value


def _walk(value: object, path: tuple[str, ...], name: str) -> object:
    for part in path:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and _within(part, value):
            value = value[int(part)]
        else:
            raise MissingVariable(name[:_MAX_NAME])
    return value


def _within(part: str, values: Sequence[object]) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 9 and int(part) < len(values)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)

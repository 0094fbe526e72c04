"""Dropoff Node and Topic of Call: one of the nodes that are set for the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Skipped, SkipReason
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.fence import Fence
from callgauge.engine.forms.form import Form
from callgauge.engine.prompt_files import prompt

MAX_NODES = 200
"""More would outweigh the call in the prompt."""
MAX_NAME = 255
"""Characters, as for the labels of an enum."""
_NAMES = ("name", "label", "node", "topic", "title")


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    description: str = ""


def nodes_for(key: str, call: Call, spec: MetricSpec) -> list[Node]:
    """The nodes of this metric for this call's agent: from the metric's configuration (`nodes`, or the key
    itself; one list for all agents, or a map by agent id), else the agent's own. Empty where none are set.

    Raises BadConfiguration."""
    for name in (key, "nodes"):
        raw = spec.configuration.get(name)
        if isinstance(raw, Mapping):
            raw = raw.get(str(call.agent.id))
        nodes = read_nodes(raw, f"{name} in the metric's configuration")
        if nodes:
            return nodes
    own = call.agent.topic_nodes if key == "topic_nodes" else call.agent.dropoff_nodes
    return read_nodes(own, f"{key} of the agent")


def read_nodes(raw: object, where: str) -> list[Node]:
    """From a list of texts, or of objects with a name and perhaps a description; or from a text with one
    node in each line. Names that repeat count once. Raises BadConfiguration."""
    if raw is None or raw == "":
        return []
    items = raw.splitlines() if isinstance(raw, str) else raw
    if not isinstance(items, Sequence):
        raise BadConfiguration(f"{where} must be a list of names.")
    found: dict[str, Node] = {}
    for item in items:
        node = _node(item)
        if node is None:
            raise BadConfiguration(f"{where} must be a list of names, or of objects with a name.")
        if node.name:
            found.setdefault(node.name.casefold(), node)
    if len(found) > MAX_NODES:
        raise BadConfiguration(f"{where} has more than {MAX_NODES} nodes.")
    return list(found.values())


def _node(item: object) -> Node | None:
    if isinstance(item, str):
        return Node(_line(item))
    if not isinstance(item, Mapping):
        return None
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
    description = item.get("description")
    if name is None:
        return None
    return Node(_line(name), " ".join(description.split()) if isinstance(description, str) else "")


def _line(text: str) -> str:
    return " ".join(text.split())[:MAX_NAME]


def _prepare(key: str, call: Call, spec: MetricSpec) -> MetricSpec | Skipped:
    nodes = nodes_for(key, call, spec)
    if not nodes:
        return Skipped(
            SkipReason.NOT_CONFIGURED,
            (
                f"No nodes are set for this agent. Set {key} on the agent, or in the metric's configuration: "
                f'{{"nodes": ["…", "…"]}} for all agents, '
                f'{{"nodes": {{"{call.agent.id}": ["…"]}}}} for this one.',
            ),
        )
    return replace(spec, labels=tuple(node.name for node in nodes))


def _described(key: str, call: Call, spec: MetricSpec, fence: Fence) -> str:
    """Names and descriptions, where there are any of the latter: written by whoever set the agent up."""
    nodes = nodes_for(key, call, spec)
    if not any(node.description for node in nodes):
        return ""
    lines = [f"- {node.name}: {node.description}" if node.description else f"- {node.name}" for node in nodes]
    return prompt("nodes").substitute(described=fence.block(key, "\n".join(lines))).strip()


def _form(key: str) -> Form:
    return Form(eval_type=EvalType.ENUM, prepare=partial(_prepare, key), material=partial(_described, key))


TOPIC = _form("topic_nodes")
DROPOFF = _form("dropoff_nodes")

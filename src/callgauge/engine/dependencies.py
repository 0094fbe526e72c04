"""Which metrics a script reads, found in its text without running it, and so which must be done first."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from callgauge.domain.metrics import MetricKind, MetricSpec, Trigger
from callgauge.engine.script_data import OWN_KEYS

JUDGE: Final = "evaluate_llm_judge_metric"
"""The one function that may be handed `data` without that counting as reading all of it."""
READERS: Final = frozenset({"get", "pop", "setdefault", "__getitem__"})


@dataclass(frozen=True, slots=True)
class Reads:
    """What a script reads of `data`, the call's own keys left out."""

    names: frozenset[str] = frozenset()
    """Written in the script; where `whole` is true, every text of the script, for any may be a name."""
    whole: bool = False
    """The script goes through `data` in a way that does not tell which results it reads."""

    def __or__(self, other: Reads) -> Reads:
        return Reads(self.names | other.names, self.whole or other.whole)


class ScriptSyntax(Exception):
    """Python does not accept the script."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(f"Line {line}: {message}." if line else f"{message}.")
        self.line = line


def check_syntax(code: str) -> None:
    """Compile a script without running it. Raises ScriptSyntax."""
    try:
        compile(code, "<metric>", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ScriptSyntax(error.msg or "invalid syntax", error.lineno) from None
    except ValueError as error:  # a null byte, a number with thousands of digits
        raise ScriptSyntax(str(error), None) from None
    except (RecursionError, MemoryError, OverflowError):
        raise ScriptSyntax("it is nested too deep", None) from None


def reads_of(spec: MetricSpec) -> Reads:
    """What the metric's script and its trigger's script read together."""
    found = Reads()
    if spec.kind is MetricKind.CUSTOM_CODE:
        found |= script_reads(spec.custom_code)
    if has_code_trigger(spec):
        found |= script_reads(spec.trigger_code)
    return found


def runs_code(spec: MetricSpec) -> bool:
    return spec.kind is MetricKind.CUSTOM_CODE or has_code_trigger(spec)


def has_code_trigger(spec: MetricSpec) -> bool:
    return spec.trigger is Trigger.CUSTOM and spec.trigger_type == "custom_code"


SOUND_KEYS: Final = ("recording_data", "latency_data", "Average Latency (in ms)")


def reads_sound(code: str) -> bool:
    """Whether a script may look at what only the recording tells."""
    return any(key in code for key in SOUND_KEYS) or script_reads(code).whole


@lru_cache(maxsize=1024)
def script_reads(code: str) -> Reads:
    """Nothing for a script that Python does not accept: it fails by itself when it is run."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return Reads()
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names: set[str] = set()
    whole = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "data":
            key = _key(node, parents)
            if key is None:
                whole = whole or not _harmless(node, parents)
            elif key == "explanation":
                inner = _key(_use(node, parents), parents)
                whole = whole or inner is None
                names |= {inner} if inner is not None else set()
            else:
                names.add(key)
    if whole:
        names |= set(_texts(tree))
    return Reads(frozenset(names - OWN_KEYS), whole)


def waiting_for(specs: Sequence[MetricSpec]) -> list[frozenset[int]]:
    """For each metric, the positions of those that must be done before it."""
    plain = frozenset(position for position, spec in enumerate(specs) if not runs_code(spec))
    waits = []
    for position, spec in enumerate(specs):
        reads = reads_of(spec)
        named = {other for other, one in enumerate(specs) if one.name in reads.names}
        waits.append(frozenset((named | plain if reads.whole else named) - {position}))
    return waits


def in_circle(waits: Sequence[frozenset[int]]) -> frozenset[int]:
    """The positions that wait, by way of others, for themselves."""
    return frozenset(start for start in range(len(waits)) if waits[start] and start in _reach(start, waits))


def circle(start: str, reads: Mapping[str, frozenset[str]]) -> list[str]:
    """The names along the shortest way from `start` back to itself; empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in sorted(reads.get(way[-1], frozenset())):
            if name == start:
                return [*way, start]
            if name not in seen and name in reads:
                seen.add(name)
                ways.append([*way, name])
    return []


def _reach(start: int, waits: Sequence[frozenset[int]]) -> set[int]:
    reached: set[int] = set()
    left = list(waits[start])
    while left:
        position = left.pop()
        if position not in reached:
            reached.add(position)
            left += waits[position]
    return reached


def _key(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> str | None:
    """The key that an expression is asked for right where it stands: `node["key"]`, `node.get("key")` or
    `"key" in node`; None for any other use."""
    parent = parents.get(node)
    match parent:
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))) if value is node:
            return key
        case ast.Attribute(attr=attr) if attr in READERS:
            call = parents.get(parent)
            match call:
                case ast.Call(func=func, args=[ast.Constant(value=str(key)), *_]) if func is parent:
                    return key
        case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In() | ast.NotIn()]):
            return key
    return None


def _use(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> ast.AST:
    """The expression that gives what `node` was asked for."""
    parent = parents[node]
    return parents[parent] if isinstance(parent, ast.Attribute) else parent


def _harmless(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Handed to the judge, which is given the host's own copy; or set, which reads nothing."""
    parent = parents.get(node)
    if isinstance(parent, ast.keyword):
        parent = parents.get(parent)
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Name) and parent.func.id == JUDGE
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value

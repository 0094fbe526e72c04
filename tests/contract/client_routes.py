"""Every request that the official client can send, read from its own source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cekura

RESOURCES = Path(cekura.__file__).parent / "resources"


@dataclass(frozen=True)
class ClientRoute:
    method: str
    """Of the client, such as `calls.list`."""
    verb: str
    path: str

    def url(self) -> str:
        """With something in the place of each parameter."""
        return (
            self.path.replace("{tool_name}", "lookup")
            .replace("{id}", "1")
            .replace("{agent_id}", "1")
            .replace("{mock_index}", "1")
        )


def client_routes() -> list[ClientRoute]:
    return sorted(
        (route for file in RESOURCES.glob("[a-z]*.py") for route in _routes(file)),
        key=lambda route: route.method,
    )


def _routes(file: Path) -> Iterator[ClientRoute]:
    tree = ast.parse(file.read_text("utf-8"))
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "request"
            ):
                verb = node.args[0]
                assert isinstance(verb, ast.Constant)
                yield ClientRoute(f"{file.stem}.{function.name}", verb.value, _text(node.args[1], constants))


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.Name():
            return constants[node.id]
        case ast.BinOp():
            return _text(node.left, constants) + _text(node.right, constants)
        case ast.JoinedStr():
            return "".join(_text(part, constants) for part in node.values)
        case ast.FormattedValue():
            return _text(node.value, constants)
    raise AssertionError(ast.dump(node))

"""From the routes to addresses as the contract writes them, with their parameters and operation ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern

from callgauge.api.openapi.kinds import Schema

METHODS = ("get", "post", "put", "patch", "delete")
PARAMETERS: dict[str, Schema] = {
    r"\d+": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    r"[-\w]+": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    r"[\w-]+": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
}
_GROUP = re.compile(r"\(\?P<(\w+)>([^()]+)\)")
_CHOICE = re.compile(r"\(\?:([^()]*)\)(\??)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Place:
    path: str
    """With the last slash, and names in braces."""
    parameters: tuple[tuple[str, Schema], ...]
    view: Any
    """The view class; a plain function where it is none."""

    @property
    def name(self) -> str:
        return str(self.view.__name__)

    def methods(self) -> list[str]:
        return [method for method in METHODS if hasattr(self.view, method)]


def places(routes: Sequence[URLPattern]) -> Iterator[Place]:
    """Every address that the routes lead to; aliases are addresses of their own."""
    seen: set[str] = set()
    for route in routes:
        callback = route.callback
        view = getattr(callback, "view_class", callback)
        for path, parameters in _addresses(str(route.pattern)):
            if path not in seen:  # the first route that matches is the one that answers
                seen.add(path)
                yield Place(path, parameters, view)


def _addresses(regex: str) -> Iterator[tuple[str, tuple[tuple[str, Schema], ...]]]:
    bare = regex.removeprefix("^").removesuffix("$").removesuffix("/?").rstrip("/").replace("\\.", ".")
    parameters: list[tuple[str, Schema]] = []

    def named(match: re.Match[str]) -> str:
        name = "id" if match[1] == "pk" else match[1]
        schema = PARAMETERS.get(match[2], {"type": "string", "pattern": f"^(?:{match[2]})$"})
        parameters.append((name, schema))
        return f"{{{name}}}"

    template = _GROUP.sub(named, bare)
    for path in _spelled_out(template):
        assert re.fullmatch(r"[\w./{}-]+", path), f"cannot be written as an address: {regex}"
        yield f"/{path}{'' if path.endswith('.json') else '/'}", tuple(parameters)


def _spelled_out(template: str) -> Iterator[str]:
    """Alternatives one by one, from the innermost; without an optional part first."""
    found = _CHOICE.search(template)
    if found is None:
        yield template
        return
    words = list(found[3]) if found[3] else ([""] if found[2] else []) + found[1].split("|")
    for word in words:
        yield from _spelled_out(template[: found.start()] + word + template[found.end() :])


def operation_id(path: str, method: str, action: str) -> str:
    """In the reference's way: `call-logs-rerun-evaluation-create`."""
    parts = [part for part in path.strip("/").split("/") if not part.startswith("{")]
    kept = [part for part in parts[1:] if not re.fullmatch(r"v\d", part)] or parts
    return "-".join([*(part.replace("_", "-") for part in kept), action or ACTIONS[method]])


ACTIONS = {
    "get": "retrieve",
    "post": "create",
    "put": "update",
    "patch": "partial-update",
    "delete": "destroy",
}

"""docs/api.md names every route of these modules, and every route that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from django.urls import resolve

from callgauge.api import agents, knowledge_base, metrics, organizations, predefined, projects

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
NAMED = [
    (method, path.replace("{id}", "1").replace("{file_id}", "2"))
    for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/(?:user|test_framework)/[^`?]+)`", TEXT)
]


def test_every_named_route_is_there() -> None:
    assert len(NAMED) > 40
    for method, path in NAMED:
        view = resolve(path).func
        assert method.lower() in dir(view.view_class), (method, path)  # type: ignore[attr-defined]


def test_every_route_is_named() -> None:
    for module in (projects, organizations, agents, knowledge_base, metrics, predefined):
        for route in module.routes:
            named = {method for method, path in NAMED if resolve(path).route == str(route.pattern)}
            offered = {name for name in ("GET", "POST", "PUT", "PATCH", "DELETE")
                       if hasattr(route.callback.view_class, name.lower())}  # fmt: skip
            assert named == offered, (route, named, offered)

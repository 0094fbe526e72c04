"""The prompts: each a file beside this module, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template


@cache
def prompt(name: str) -> Template:
    return Template((files("callgauge.engine") / "prompts" / f"{name}.md").read_text(encoding="utf-8"))

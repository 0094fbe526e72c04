"""docs/architecture.md names every package and every decision."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import callgauge

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PACKAGES = sorted(file.parent.name for file in Path(callgauge.__file__).parent.glob("*/__init__.py"))
DECISIONS = sorted(file.name for file in (ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_stands_in_the_table_of_layers(package: str) -> None:
    assert re.search(rf"^\|[^|]*`{package}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_is_linked(decision: str) -> None:
    assert f"(decisions/{decision})" in PAGE


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE))
    assert named
    for name in named:
        assert (ROOT / "src" / "callgauge" / name).exists(), name

"""The documentation is true: settings, commands, links, targets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from callgauge.cli import main
from callgauge.domain.options import OPTIONS, Option

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = {page: page.read_text("utf-8") for page in PAGES}
ALL_DOCS = "\n".join(text for page, text in TEXTS.items() if page.parent != ROOT)


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.variable)
def test_every_setting_is_documented_with_its_default(option: Option) -> None:
    rows = [
        line
        for line in TEXTS[ROOT / "docs" / "settings.md"].splitlines()
        if line.startswith(f"| `{option.variable}` |")
    ]
    assert len(rows) == 1, f"docs/settings.md needs one row for {option.variable}"
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert cells[2] == (f"`{option.default}`" if option.default else "empty")
    assert cells[1].removesuffix(", secret") == option.kind
    assert cells[1].endswith(", secret") is option.secret
    assert len(cells[3]) > 15


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_no_page_names_a_setting_that_does_not_exist(page: Path) -> None:
    known = {option.variable for option in OPTIONS}
    known |= {f"{option.variable}_FILE" for option in OPTIONS if option.secret}
    assert set(re.findall(r"CALLGAUGE_[A-Z][A-Z_]*[A-Z]", TEXTS[page])) <= known


@pytest.mark.parametrize("command", list(commands(main)))
def test_every_command_is_documented(command: str) -> None:
    assert f"| `callgauge {command}` |" in TEXTS[ROOT / "docs" / "index.md"], "docs/index.md lists commands"
    assert len(re.findall(rf"callgauge {command}\b", ALL_DOCS)) > 1, "and another page says how to use it"


def options_of(command: click.Command) -> set[str]:
    return {flag for param in command.params if isinstance(param, click.Option) for flag in param.opts}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_in_the_docs_exist_with_their_options(page: Path) -> None:
    for line in re.findall(
        r"(?:^|[`\s])(?:\.venv/bin/)?callgauge ([a-z][^`\n#]*)", TEXTS[page], re.MULTILINE
    ):
        words = line.split()
        command: click.Command = main
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if command is main:
            continue  # a sentence about Callgauge, not a command
        unknown = set(re.findall(r"(?<!\S)--[a-z0-9-]+", line)) - options_of(command) - {"--help"}
        assert not unknown, f"callgauge {line}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(TEXTS[page])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        if anchor and other.suffix == ".md":
            assert anchor in anchors(other), target


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As the usual renderers make them of headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join(
        block or inline
        for block, inline in re.findall(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", TEXTS[page], re.DOTALL)
    )
    assert set(re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", code)) <= targets


def test_the_readme_names_the_two_commands() -> None:
    assert {"make demo", "make serve"} <= set(
        re.findall(r"^(make [a-z]+)", TEXTS[ROOT / "README.md"], re.MULTILINE)
    )


def test_every_page_is_reached_from_the_index() -> None:
    index = TEXTS[ROOT / "docs" / "index.md"]
    missing = [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "index.md" and f"({page.name})" not in index
    ]
    assert not missing

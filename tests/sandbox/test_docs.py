"""Every sample in docs/python-metrics.md runs, and gives what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from callgauge.sandbox import Code, Limits, Sandbox, ScriptFailed, ScriptOk
from callgauge.sandbox.jail import stdlib
from tests.sandbox.calls import data, judge

PAGE = (Path(__file__).parents[2] / "docs" / "python-metrics.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"^```python\n(.*?)^```\nGives `(.+?)`\.$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_python_block_of_the_page_says_what_it_gives() -> None:
    assert len(SAMPLES) == PAGE.count("```python") >= 9


@pytest.mark.parametrize(("script", "gives"), SAMPLES)
def test_sample(script: str, gives: str, sandbox: Sandbox) -> None:
    outcome = sandbox.run(script, data(), ask_judge=judge)
    if sandbox.backend == "monty" and "import statistics" in script:
        assert isinstance(outcome, ScriptFailed)
        assert outcome.code == Code.UNSUPPORTED
        return
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == json.loads(gives)
    assert all(isinstance(sentence, str) for sentence in outcome.explanation)


def test_the_page_names_every_allowed_module() -> None:
    hidden = {"__future__", "collections.abc", "html.entities", "html.parser", "urllib"}
    listed = set(re.findall(r"`([\w.]+)`", PAGE.split("these modules")[1].split("`json`, `re` and")[0]))
    assert listed == set(stdlib.ALLOWED) - hidden


def test_the_page_names_every_code() -> None:
    table = PAGE.split("## When a script fails")[1].split("## For operators")[0]
    assert {code.value for code in Code} <= set(re.findall(r"`([a-z_]+)`", table))


def test_the_page_names_the_default_limits() -> None:
    limits = Limits()
    table = PAGE.split("## Limits")[1].split("There are no files")[0]
    for value in (
        f"| {limits.cpu_secs:g} s |",
        f"| {limits.wall_secs:g} s |",
        f"| {limits.memory_bytes >> 20} MiB |",
        f"| {limits.result_bytes >> 20} MiB |",
        f"| {limits.printed_chars:,} characters",
        f"| {limits.judge_calls} |",
    ):
        assert value in table

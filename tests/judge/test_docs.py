"""docs/judges.md holds what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from callgauge.cli.fake_judge import fake_judge
from callgauge.domain.options import OPTIONS
from callgauge.judge import PROVIDERS, parse_judge
from callgauge.judge.script_file import parse_script

DOCS = (Path(__file__).parents[2] / "docs" / "judges.md").read_text(encoding="utf-8")


def test_every_provider_is_documented_by_a_value_that_works() -> None:
    named = re.findall(r"^\| `(\w+:[^`]+)`", DOCS, re.MULTILINE)
    parsed = [parse_judge(name) for name in named]

    assert {settings.provider for settings in parsed if settings} == set(PROVIDERS)


def test_every_setting_that_is_named_exists() -> None:
    known = {option.variable for option in OPTIONS} | {
        f"{option.variable}_FILE" for option in OPTIONS if option.secret
    }
    named = set(re.findall(r"CALLGAUGE_[A-Z_]*[A-Z]", DOCS))

    assert named <= known
    assert {variable for variable in known if "HTTP_TRIES" in variable or "REASKS" in variable} <= named


def test_the_script_in_the_docs_can_be_read() -> None:
    blocks = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    scripts = [parse_script(json.loads(block)) for block in blocks]

    assert [len(script.rules) for script in scripts] == [3]


def test_the_servers_options_are_documented() -> None:
    options = [option.opts[0] for option in fake_judge.params]

    assert len(options) == 10
    assert [option for option in options if f"`{option}`" not in DOCS] == []

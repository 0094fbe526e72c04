"""Realistic scripts give in the sandbox what plain Python gives."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.sandbox import Code, Sandbox, ScriptFailed, ScriptOk
from tests.sandbox.bare import run_all
from tests.sandbox.calls import DATA, data
from tests.sandbox.realistic import MONTY_LACKS, SCRIPTS


@pytest.fixture(scope="module")
def expected() -> dict[str, list[Any]]:
    return run_all(SCRIPTS, DATA)


def test_there_are_many() -> None:
    assert len(SCRIPTS) >= 60
    assert set(SCRIPTS) >= set(MONTY_LACKS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_same_as_plain_python(name: str, sandbox: Sandbox, expected: dict[str, list[Any]]) -> None:
    outcome = sandbox.run(SCRIPTS[name], data())
    if sandbox.backend == "monty" and name in MONTY_LACKS:
        assert isinstance(outcome, ScriptFailed), outcome
        assert outcome.code in (Code.UNSUPPORTED, Code.SCRIPT, Code.BAD_RESULT)
        assert MONTY_LACKS[name] in outcome.message
        return
    assert isinstance(outcome, ScriptOk), outcome
    result, explanation, extra, printed = expected[name]
    assert outcome.result == result
    assert type(outcome.result) is type(result)
    assert outcome.explanation == (explanation if isinstance(explanation, list) else [explanation])
    assert outcome.extra == extra
    assert outcome.printed == printed

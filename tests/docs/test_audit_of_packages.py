"""What .ci/audit.py makes of pip-audit's answer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
FAULT = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"]}
GOOD, BAD = (
    {"name": "good", "version": "1.0", "vulns": []},
    {"name": "bad", "version": "1.0", "vulns": [FAULT]},
)
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ([GOOD], 0, ["1 packages looked up, 0 known vulnerabilities"]),
        (
            [GOOD, BAD],
            1,
            ["bad 1.0: PYSEC-2026-1, mended in 2.0", "2 packages looked up, 1 known vulnerabilities"],
        ),
        ([GOOD, UNKNOWN], 0, ["NOT AUDITED: unknown", "1 packages looked up, 0 known vulnerabilities"]),
        ([UNKNOWN], 0, ["NOT AUDITED: the service knows none of the 1 packages (a mirror, perhaps)"]),
    ],
)
def test_what_is_said(answer: list[dict[str, Any]], code: int, says: list[str]) -> None:
    spec = importlib.util.spec_from_file_location("audit_of_packages", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.judge(answer) == (code, says)

"""`callgauge metric lint`: files without a server, and what is saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from callgauge.cli.metrics import read_bodies
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from tests.tenants import Tenant

ODD = {
    "name": "Speed",
    "eval_type": "binary",
    "type": "llm_judge",
    "description": "If asked, was the latency low?",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "metric.json"


def test_a_file_is_checked_without_a_server(run: Run, file: Path, tmp_path: Path) -> None:
    file.write_text(json.dumps(ODD))
    found = run("metric", "lint", file)
    assert found.exit_code == 1
    assert "Speed: It asks the judge for time" in found.stdout
    assert "1 metric, 1 warning" in found.stderr
    assert not (tmp_path / "data").exists()
    as_json = json.loads(run("metric", "lint", file, "--json").stdout)
    assert [(row["metric"], row["code"], row["field"]) for row in as_json] == [
        ("Speed", "timing_asked", "description")
    ]


def test_a_script_is_a_metric_too(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "turns.py"
    script.write_text('_result = len(data["transcript_json"]) > 3')
    found = run("metric", "lint", script)
    assert (found.exit_code, found.stderr) == (0, "1 metric, 0 warnings\n")
    with script.open() as file:
        assert read_bodies(file, change=True) == [{"custom_code": script.read_text()}], "its name stays"
    script.write_text("_result = (")
    found = run("metric", "lint", script)
    assert found.exit_code == 2
    assert "custom_code: Line 1: '(' was never closed." in found.stderr
    script.write_bytes(b"\xff")
    assert "is not UTF-8 text" in run("metric", "lint", script).stderr


def test_nothing_to_say_ends_with_0(run: Run, file: Path) -> None:
    file.write_text(json.dumps([{**ODD, "description": "If asked, was it kind?"}] * 2))
    found = run("metric", "lint", file)
    assert (found.exit_code, found.stdout) == (0, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no JSON"),
        ("[]", "must hold a metric"),
        ("[1]", "must hold a metric"),
        ("{}", "name: This field is required"),
        (json.dumps({**ODD, "type": "nonsense"}), "type: "),
        (json.dumps({**ODD, "description": " "}), "description: "),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_2(run: Run, file: Path, text: str, says: str) -> None:
    file.write_text(text)
    found = run("metric", "lint", file)
    assert found.exit_code == 2
    assert says in found.stderr
    assert found.stderr.count("\n") == 1


def test_what_is_saved(run: Run, alice: Tenant) -> None:
    from tests.calls import make_metric

    make_metric(alice.project, "Speed", description="If asked, was the latency low?")
    found = run("metric", "lint", "--saved", "--project", alice.project.name)
    assert found.exit_code == 1
    assert f"{alice.project.name} / Speed" in found.stdout
    assert run("metric", "lint", "--saved", "--project", "Nobody's").exit_code == 1
    assert run("metric", "lint").exit_code == 2

"""The command line in this process, on the tests' database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from callgauge.cli import main

if TYPE_CHECKING:  # models cannot be imported before pytest has set Django up
    from callgauge.store.models import Agent
    from tests.tenants import Tenant

Run = Callable[..., Result]


@pytest.fixture
def run(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `callgauge ARGS` with a data folder of its own."""
    monkeypatch.setenv("CALLGAUGE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CALLGAUGE_SECRET_KEY", "a-key-for-tests")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "callgauge.config.settings")

    def invoke(*args: str | Path) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return invoke


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    return alice.agent()

"""`callgauge export` against a server, with an executor that writes."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callgauge.cli import main
from callgauge.store.models import Agent
from callgauge.worker.executor import Executor
from tests.calls import make_calls
from tests.served import served
from tests.tenants import Tenant, tenant

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[..., Result]


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    agent = alice.agent()
    make_calls(agent, 1_100)
    return agent


@pytest.fixture
def run(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    monkeypatch.setattr(sys.modules["callgauge.cli.export"], "POLL_SECS", 0.05)
    executor = Executor("test:1", lambda: None, concurrency=4)
    executor.start()
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)
        yield lambda *args: CliRunner().invoke(main, ["export", *(str(arg) for arg in args)])
    executor.stop()


def test_every_call_is_in_the_file_once(run: Run, agent: Agent, tmp_path: Path) -> None:
    target = tmp_path / "calls.csv"
    result = run("--agent", agent.pk, "-o", target)
    assert result.exit_code == 0, result.output
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["call_id"] for row in rows] == [f"call-{number}" for number in range(1_100)]
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]
    again = run("--agent", agent.pk, "-o", target)
    assert again.exit_code == 1
    assert "--force" in again.output


def test_the_name_says_the_format(run: Run, agent: Agent, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "calls.parquet"
    assert run("--agent", agent.pk, "-o", target).exit_code == 0
    assert parquet.read_metadata(target).num_rows == 1_100


def test_what_the_server_refuses_is_one_line_and_leaves_no_file(
    run: Run, agent: Agent, tmp_path: Path
) -> None:
    for wrong in (("--agent", "9999"), ("--agent", agent.pk, "--filter", "{")):
        result = run(*wrong, "-o", tmp_path / "calls.csv")
        assert result.exit_code == 2
        assert len(result.output.strip().splitlines()) == 1
    assert run("-o", tmp_path / "nowhere" / "calls.csv").exit_code == 1
    assert list(tmp_path.iterdir()) == []

"""`callgauge rerun` against a server: what it prints and how it exits."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from email.message import Message
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner, Result

from callgauge.cli import main
from callgauge.cli.remote import _refused
from callgauge.store.models import Agent, Rerun
from callgauge.worker.executor import Executor
from tests.calls import make_calls, make_metric
from tests.judges import FakeJudge
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
    make_metric(alice.project, "Confirms")
    make_calls(agent, 25)
    return agent


@pytest.fixture
def run(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    monkeypatch.setattr(sys.modules["callgauge.cli.reruns"], "POLL_SECS", 0.05)
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)
        yield lambda *args: CliRunner().invoke(main, ["rerun", *(str(arg) for arg in args)])


@pytest.fixture
def executor() -> Iterator[FakeJudge]:
    judge = FakeJudge()
    executor = Executor("test:1", lambda: judge, concurrency=8)
    executor.start()
    yield judge
    executor.stop()


def answer(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_plan_start_and_follow(run: Run, agent: Agent, executor: FakeJudge) -> None:
    plan = run("plan", "--agent", agent.pk, "--all")
    assert "25 calls, 1 metric: 25 results to measure" in plan.output
    assert "Confirms" in plan.output
    started = answer(run("start", "--agent", agent.pk, "--all", "--wait", "--json"))
    assert (started["state"], started["scored"], started["cost_usd"]) == ("done", 25, pytest.approx(0.025))
    words = run("status", started["id"])
    assert "done, 25 of 25 results; 25 scored" in words.output
    again = answer(run("start", "--agent", agent.pk, "--all", "--reuse", "current", "--json", "--wait"))
    assert (again["reused"], again["judge_requests"]) == (25, 0)
    assert len(executor.asked) == 25
    assert len(json.loads(run("list", "--json").output)) == 2
    assert "25 of them left as they were" in run("list").output


def test_a_plan_with_a_pilot_goes_by_it(run: Run, agent: Agent, executor: FakeJudge) -> None:
    plan = run("plan", "--agent", agent.pk, "--all", "--reuse", "current", "--pilot")
    assert "Pilot: 20 calls measured, $0.0200." in plan.output
    assert "5 results to measure, 20 stay as they are." in plan.output
    assert len(executor.asked) == 20


def test_steering(run: Run, agent: Agent) -> None:
    started = answer(run("start", "--agent", agent.pk, "--all", "--max-cost", "1", "--json"))
    assert (started["state"], started["max_cost_usd"]) == ("planned", 1.0)
    pk = started["id"]
    assert answer(run("pause", pk, "--json"))["state"] == "paused"
    assert "Paused. Resume it, or cancel it." in run("status", pk).output
    assert answer(run("resume", pk, "--max-cost", "2", "--json"))["max_cost_usd"] == 2.0
    assert answer(run("cancel", pk, "--json"))["state"] == "cancelled"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("plan", "--agent", "1"), "Say which calls"),
        (("start", "--agent", "1", "--all", "--calls", "1"), "Say which calls"),
        (("start", "--agent", "99", "--all"), "There is nothing with the id or name that you gave"),
        (("status", "99"), "There is nothing with the id or name that you gave"),
        (("resume", "99"), "There is nothing with the id or name that you gave"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(run: Run, args: tuple[str, ...], said: str) -> None:
    result = run(*args)
    assert result.exit_code != 0
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not Rerun.objects.exists()


def test_without_a_key_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CEKURA_API_KEY", raising=False)
    result = CliRunner().invoke(main, ["rerun", "status", "1"])
    assert (result.exit_code, "CEKURA_API_KEY" in result.output) == (2, True)


def test_ctrl_c_ends_the_waiting_and_says_that_the_rerun_goes_on(
    run: Run, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = answer(run("start", "--agent", agent.pk, "--all", "--json"))

    def interrupted(secs: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["callgauge.cli.reruns"], "time", SimpleNamespace(sleep=interrupted))
    result = run("status", started["id"], "--wait")
    assert result.exit_code == 130
    assert f"Rerun {started['id']} goes on." in result.stderr
    assert f"callgauge rerun cancel {started['id']}" in result.stderr
    assert Rerun.objects.get().state != "cancelled"


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://127.0.0.1:80x", "cg_1", "cannot be reached: nonnumeric port"),
        ("http://127.0.0.1:1", "cg_\u2026", "CEKURA_API_KEY holds characters that no key has"),
        ("127.0.0.1:8000", "cg_1", "CEKURA_API_URL must begin with http"),
    ],
)
def test_a_mistyped_address_or_key_is_one_line(
    monkeypatch: pytest.MonkeyPatch, url: str, key: str, said: str
) -> None:
    monkeypatch.setenv("CEKURA_API_URL", url)
    monkeypatch.setenv("CEKURA_API_KEY", key)
    result = CliRunner().invoke(main, ["rerun", "list"])
    assert result.exit_code == 2
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_detail_is_said_without_its_name() -> None:
    body = io.BytesIO(b'{"detail": "Rerun 1 is done."}')
    error = HTTPError("http://here/1/", 409, "Conflict", Message(), body)
    assert _refused(error) == "The server refused (409): Rerun 1 is done."


def test_a_404_that_says_why_is_told_on() -> None:
    for body, ending in (
        (
            b'{"detail": "No logs came with it."}',
            "/1/logs. No logs came with it.",
        ),
        (b'{"detail": "Not found."}', "/1/logs."),
        (b"<html>", "/1/logs."),
    ):
        error = HTTPError("http://here/1/logs?x=1", 404, "Not Found", Message(), io.BytesIO(body))
        assert _refused(error).endswith(ending)

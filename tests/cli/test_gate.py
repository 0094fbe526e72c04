"""`callgauge gate`, `review` and `golden` against a server: what they print and how they exit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from callgauge.cli import main
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.reviewers import reviewer_of
from callgauge.flow.reviews import Vote, cast_vote
from callgauge.store.models import CallLog, Metric, MetricResult
from callgauge.worker.executor import Executor
from tests.call_rows import rerun_row, result_row
from tests.calls import make_call, make_metric
from tests.judges import FakeJudge, verdict
from tests.served import served
from tests.tenants import Tenant, tenant

pytestmark = pytest.mark.django_db(transaction=True)
TRUTH = {f"c{number}": number % 3 > 0 for number in range(6)}


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    """Six calls whose answers people gave; version 1 was right about all but one."""
    agent = alice.agent()
    metric = make_metric(alice.project, "Consent")
    rerun = rerun_row(agent, metric)
    for name, right in TRUTH.items():
        call = make_call(agent, name)
        result_row(call, metric, rerun, passed=right if name != "c5" else not right)
        cast_vote(call, Vote(metric.pk, expected_value=right), by=reviewer_of(alice.key))
    return metric


Run = Callable[..., Result]


@pytest.fixture
def run(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    monkeypatch.setattr(sys.modules["callgauge.cli.gate"], "POLL_SECS", 0.05)
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)
        yield lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def executor() -> Iterator[FakeJudge]:
    judge = FakeJudge(lambda request: verdict(TRUTH[request.call_id]))
    running = Executor("test:1", lambda: judge, concurrency=4)
    running.start()
    yield judge
    running.stop()


def test_a_good_metric_passes(run: Run, metric: Metric) -> None:
    result = run("gate", "--metric", metric.pk, "--min-kappa", 0.6)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "The gate passed."
    assert "agreed 5 times: too few for more than the counts" in result.stdout


def test_a_bad_metric_fails(run: Run, metric: Metric) -> None:
    result = run("gate", "--metric", metric.slug, "--min-accuracy", 0.9, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "failed"


def test_what_is_not_measured_is_measured_and_paid_once(
    run: Run, metric: Metric, executor: FakeJudge
) -> None:
    assert run("golden", "create", "Release", "--metric", metric.pk).exit_code == 0
    edit_metric(metric, MetricChange(frozen={"description": "Asked better."}))
    gate = ("gate", "--metric", metric.pk, "--golden-set", "Release", "--max-regressions", 0)
    result = run(*gate, "--no-run")
    assert (result.exit_code, len(executor.asked)) == (2, 0)
    assert "6 calls not measured yet" in result.stdout
    result = run(*gate)
    assert result.exit_code == 0, result.output
    assert "0 lost, 1 gained" in result.stdout
    assert len(executor.asked) == len(TRUTH)
    assert run(*gate).exit_code == 0
    assert len(executor.asked) == len(TRUTH)
    assert MetricResult.objects.filter(version__number=2).count() == len(TRUTH)
    assert CallLog.objects.filter(is_reviewed=True).count() == len(TRUTH)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--metric", "nothing", "--min-kappa", "0.5"), "There is nothing with the id or name that you gave"),
        (("--metric", "consent"), "Give at least one of --min-kappa"),
        (("--metric", "consent", "--min-kappa", "3"), "Invalid value for '--min-kappa'"),
        (("--metric", "consent", "--min-kappa", "0.5", "--version", "9"), "version: The metric has no"),
    ],
)
def test_what_cannot_be_said_is_two(run: Run, metric: Metric, args: tuple[str, ...], words: str) -> None:
    result = run("gate", *args)
    assert result.exit_code == 2
    assert words in result.stderr


def test_no_key_no_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKURA_API_URL", "http://127.0.0.1:9")
    result = run("review", "queue")
    assert (result.exit_code, "cannot be reached" in result.stderr) == (2, True)
    monkeypatch.setenv("CEKURA_API_KEY", "wrong")
    monkeypatch.delenv("CEKURA_API_KEY")
    assert "Set CEKURA_API_KEY" in run("review", "queue").stderr


def test_the_queue_and_the_figures_are_printed(run: Run, metric: Metric) -> None:
    agent = metric.project.agents.get()
    result_row(make_call(agent, "new"), metric, rerun_row(agent, metric), passed=True, low_trust=True)
    shown = run("review", "queue").stdout
    assert "A passage that the judge quotes" in shown
    assert json.loads(run("review", "queue", "--json").stdout)["counts"]["open"] == 1
    assert run("review", "agreement", "--metric", metric.pk).stdout.startswith("version 1: On 6 reviewed")
    assert json.loads(run("review", "agreement", "--metric", metric.pk, "--json").stdout)["people"]["n"] == 0
    assert "There are no golden sets." in run("golden", "list").stdout
    made = json.loads(run("golden", "create", "Empty", "--json").stdout)
    added = run("golden", "add", made["id"], "--metric", metric.pk)
    assert "Put 6 answers into Empty, which has 6 cases now." in added.stdout
    assert "Empty" in run("golden", "list").stdout

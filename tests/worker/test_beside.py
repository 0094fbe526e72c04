"""Drafts, shadows and noise from the command line to the executor: what stands beside decides nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from callgauge.cli import main
from callgauge.domain.judging import JudgeRequest
from callgauge.store.models import CallLog, Metric, MetricResult, Rerun
from callgauge.worker.executor import Executor
from tests.calls import make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.served import served
from tests.tenants import Tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Say = Callable[..., str]
DRAFT = "Did the agent confirm twice?"


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    return make_metric(alice.project, "Confirms", description="Did the agent confirm?")


@pytest.fixture
def judge() -> FakeJudge:
    """The draft's wording fails every call; the other contradicts itself on every second question."""
    times: dict[str, int] = {}

    def answer(request: JudgeRequest) -> dict[str, Any]:
        if DRAFT in request.messages[-1].text:
            return verdict(False)
        times[request.call_id] = times.get(request.call_id, 0) + 1
        return verdict(times[request.call_id] % 2 == 1)

    return FakeJudge(answer)


@pytest.fixture
def say(alice: Tenant, judge: FakeJudge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Say]:
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    monkeypatch.setattr(sys.modules["callgauge.cli.reruns"], "POLL_SECS", 0.05)
    executor = Executor("test:1", lambda: judge, concurrency=4)
    executor.start()
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)

        def run(*args: object, code: int = 0) -> str:
            done = CliRunner().invoke(main, [str(arg) for arg in args])
            assert done.exit_code == code, done.output
            return done.output

        yield run
    executor.stop()


def test_a_draft_measures_live_calls_as_a_shadow_and_then_takes_over_without_being_asked_again(
    alice: Tenant, metric: Metric, judge: FakeJudge, say: Say, tmp_path: Path
) -> None:
    file = tmp_path / "draft.json"
    file.write_text(json.dumps({"description": DRAFT}))
    assert "Version 2 of “Confirms” is made; version 1 is in use." in say(
        "version", "draft", file, "--metric", metric.pk
    )
    assert "none beside it" in say("shadow", "status", "--metric", metric.pk)
    assert "No version measures beside" in say("shadow", "diff", "--metric", metric.pk, code=1)
    said = say("shadow", "start", "--metric", metric.pk, "--version", 2)
    assert "version 1 is in use, version 2 beside it" in said
    agent = alice.agent()
    for number in range(3):
        live = {
            "agent": agent.pk,
            "call_id": f"live-{number}",
            "transcript_type": "cekura",
            "transcript_json": [
                {"role": "Main Agent", "content": f"Hello {number}.", "start_time": 0, "end_time": 1}
            ],
        }
        answer = alice.client.post("/observability/v1/observe/", live, format="json")
        assert answer.status_code == 201, answer.json()
    wait_until(lambda: MetricResult.objects.count() == 6)
    wait_until(lambda: not CallLog.objects.exclude(pending_rerun_id=None).exists())
    beside = MetricResult.objects.filter(version__number=2)
    assert set(beside.values_list("passed", "is_current", "rerun__kind")) == {(False, False, "shadow")}
    assert set(CallLog.objects.values_list("success", flat=True)) == {True}
    assert "3 of 3 calls flipped, 3 to fail" in say("shadow", "diff", "--metric", metric.pk)
    asked = len(judge.asked)
    assert asked == 6
    assert "Version 2 of “Confirms” is in use." in say(
        "version", "use", "--metric", metric.pk, "--version", 2
    )
    assert "none beside it" in say("shadow", "stop", "--metric", metric.pk)
    done = json.loads(
        say("rerun", "start", "--agent", agent.pk, "--all", "--reuse", "current", "--wait", "--json")
    )
    assert (done["reused"], len(judge.asked)) == (3, asked)
    assert set(MetricResult.objects.filter(is_current=True).values_list("version__number", flat=True)) == {2}


def test_noise_is_measured_and_told_and_stands_aside(
    alice: Tenant, metric: Metric, judge: FakeJudge, say: Say
) -> None:
    agent = alice.agent()
    make_calls(agent, 24)
    say("rerun", "start", "--agent", agent.pk, "--all", "--wait")
    current = list(MetricResult.objects.filter(is_current=True).order_by("pk").values_list("pk", "passed"))
    assert "No call was judged twice" in say("noise", "show", "--metric", metric.pk)
    measured = say("noise", "measure", "--metric", metric.pk, "--agent", agent.pk, "--times", 1, "--wait")
    assert "The judge alone flips 100 % (24 calls judged twice)." in measured
    assert len(judge.asked) == 48
    found = json.loads(say("noise", "show", "--metric", metric.pk, "--json"))
    assert (found["version"], found["noise"]["calls"], found["noise"]["flips"]["value"]) == (1, 24, 1.0)
    assert (
        list(MetricResult.objects.filter(is_current=True).order_by("pk").values_list("pk", "passed"))
        == current
    )
    assert set(CallLog.objects.values_list("success", flat=True)) == {True}
    assert Rerun.objects.filter(kind="noise", state="done").count() == 1


def test_what_cannot_be_is_one_line(
    alice: Tenant, charlie: Tenant, metric: Metric, say: Say, tmp_path: Path
) -> None:
    theirs = make_metric(charlie.project, "Theirs")
    script = make_metric(alice.project, "Script", kind="custom_code", custom_code="_result = True")
    agent = alice.agent()
    for args in (
        ("shadow", "start", "--metric", metric.pk, "--version", 1),
        ("shadow", "start", "--metric", theirs.pk, "--version", 1),
        ("shadow", "stop", "--metric", metric.pk),
        ("version", "use", "--metric", metric.pk, "--version", 9),
        ("noise", "measure", "--metric", metric.pk, "--agent", agent.pk),
        ("noise", "measure", "--metric", script.pk, "--agent", agent.pk),
        ("noise", "show", "--metric", theirs.pk),
    ):
        assert len(say(*args, code=2).strip().splitlines()) == 1

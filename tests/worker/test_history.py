"""Calls as they were scored then, or by a version: from what is kept, and without measuring anything."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from callgauge.cli import main
from callgauge.domain.judging import JudgeRequest, JudgeUnavailable
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.rerun import Terms
from callgauge.flow.versions import use_version
from callgauge.store.models import CallLog, MetricResult, Rerun, Reuse
from callgauge.store.result_history import Then, results_then
from tests.calls import make_call, make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.served import served
from tests.tenants import Tenant
from tests.worker.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

ITEM = "/observability/v1/call-logs"


def _says(value: Any) -> FakeJudge:
    return FakeJudge(lambda request: verdict(value))


def _down() -> FakeJudge:
    def away(request: JudgeRequest) -> dict[str, Any]:
        raise JudgeUnavailable("It is down.")

    return FakeJudge(away)


def _rows() -> list[dict[str, Any]]:
    return list(MetricResult.objects.order_by("pk").values())


def test_every_moment_of_a_long_history(alice: Tenant, run: Run) -> None:
    """Each result says which was current before it: that must be what stood at the moment before."""
    agent = alice.agent()
    make_calls(agent, 3)
    metric = make_metric(alice.project, "Confirms", description="One?")
    run(_says(True), agent)
    edit_metric(metric, MetricChange(frozen={"description": "Two?"}))
    run(_says(False), agent)
    run(_down(), agent)
    edit_metric(metric, MetricChange(frozen={"description": "Three?"}))
    run(_says(True), agent)
    before = _rows()
    use_version(metric, metric.versions.get(number=1))
    assert _rows() == before
    judge = _says(False)
    run(judge, agent, Terms(reuse=Reuse.CURRENT))
    assert judge.asked == []
    assert len(_rows()) == len(before)
    for call in CallLog.objects.all():
        rows = list(MetricResult.objects.filter(call=call).order_by("pk"))
        assert [row.outcome for row in rows] == ["scored", "scored", "failed", "scored"]
        for row in rows:
            at = Then(row.created_at - timedelta(microseconds=1))
            then = results_then([call.pk], at).get(call.pk, [])
            assert [one.id for one in then] == ([row.previous_id] if row.previous_id else [])
        shortly = Then(rows[3].created_at + timedelta(microseconds=1))
        assert [one.id for one in results_then([call.pk], shortly)[call.pk]] == [rows[3].pk]
        now = [one.id for one in results_then([call.pk], Then())[call.pk]]
        assert now == [rows[0].pk]
        assert rows[0].is_current


def test_over_http(alice: Tenant, charlie: Tenant, run: Run) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "Confirms", description="One?")
    other = make_metric(alice.project, "Polite")
    run(_says(True), agent)
    first = Rerun.objects.latest("pk")
    edit_metric(metric, MetricChange(frozen={"description": "Two?"}))
    run(_says(False), agent)
    rows = _rows()

    def shown(client: Any = alice.client, address: str = f"{ITEM}/{call.pk}/", **query: Any) -> Any:
        return client.get(address, query)

    def values(found: dict[str, Any]) -> dict[str, Any]:
        return {one["name"]: one["passed"] for one in found["evaluation"]["metrics"]}

    assert "as_scored" not in shown().json()
    assert values(shown().json()) == {"Confirms": False, "Polite": False}
    then = shown(as_of=first.finished_at.isoformat()).json()
    assert values(then) == {"Confirms": True, "Polite": True}
    assert then["as_scored"]["success_by_todays_rubric"] is True
    assert values(shown(as_of="2020-01-01T00:00:00Z").json()) == {}
    by_version = shown(metric_version=f"{metric.pk}:1").json()
    assert values(by_version) == {"Confirms": True, "Polite": False}
    assert by_version["as_scored"]["metric_versions"] == {str(metric.pk): 1}
    both = shown(metric_version=[f"{metric.pk}:1", f"{other.pk}:1"]).json()
    assert values(both) == {"Confirms": True, "Polite": False}
    edit_metric(metric, MetricChange(frozen={"description": "Three?"}))
    never = shown(metric_version=f"{metric.pk}:3").json()
    assert (values(never), never["as_scored"]["not_measured"]) == ({"Polite": False}, [metric.pk])
    listed = shown(address=f"{ITEM}/", metric_version=f"{metric.pk}:1").json()["results"]
    assert values(listed[0]) == {"Confirms": True, "Polite": False}
    for wrong in ({"as_of": "soon"}, {"metric_version": "1"}, {"metric_version": f"{metric.pk}:9"}):
        refused = shown(**wrong)
        assert (refused.status_code, list(refused.json())) == (400, list(wrong))
    assert shown(charlie.client, metric_version=f"{metric.pk}:1").status_code == 404

    history = shown(address=f"/callgauge/v1/calls/{call.pk}/history/").json()
    assert [(one["name"], len(one["results"])) for one in history["metrics"]] == [
        ("Confirms", 2),
        ("Polite", 2),
    ]
    newest, oldest = history["metrics"][0]["results"]
    assert (newest["version"], newest["value"], newest["is_current"]) == (2, False, True)
    assert (oldest["version"], oldest["value"], oldest["judge_model"]) == (1, True, "fake:judge")
    one = shown(address=f"/callgauge/v1/calls/{call.pk}/history/", metric_id=other.pk).json()
    assert [found["id"] for found in one["metrics"]] == [other.pk]
    assert shown(charlie.client, f"/callgauge/v1/calls/{call.pk}/history/").status_code == 404
    assert _rows() == rows


def test_from_the_command_line(
    alice: Tenant, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    metric = make_metric(alice.project, "Confirms", description="One?")
    run(_says(True), agent)
    edit_metric(metric, MetricChange(frozen={"description": "Two?"}))
    run(_says(False), agent)
    oldest = MetricResult.objects.earliest("pk")
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    monkeypatch.chdir(tmp_path)
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)

        def said(*args: object) -> str:
            done = CliRunner().invoke(main, [str(arg) for arg in args])
            assert done.exit_code == 0, done.output
            return done.stdout

        assert "Confirms, version 2, fake:judge: fail" in said("call", "show", call.pk)
        then = said("call", "show", call.pk, "--as-of", oldest.created_at.isoformat())
        assert "Confirms, version 1, fake:judge: pass" in then
        assert "by today's rubric" in then
        assert "version 1, fake:judge: pass" in said(
            "call", "show", call.pk, "--metric-version", f"{metric.pk}:1"
        )
        shown = json.loads(said("call", "show", call.pk, "--as-of", "2020-01-01", "--json"))
        assert shown["evaluation"]["metrics"] == []
        history = said("call", "history", call.pk).splitlines()
        assert history[0] == "Confirms"
        assert (history[1].startswith(" * "), history[2].startswith("   ")) == (True, True)
        assert len(json.loads(said("call", "history", call.pk, "--json"))["metrics"]) == 1
        saved = said("call", "replay-file", oldest.pk).strip()
        assert "Equal: the replay gives the same." in said("replay", saved)
        assert [path.name for path in tmp_path.iterdir()] == [f"callgauge-result-{oldest.pk}.json"]
        missing = CliRunner().invoke(main, ["call", "replay-file", "987654321"])
        assert (missing.exit_code, len(missing.output.strip().splitlines())) == (2, 1)
        assert len(list(tmp_path.iterdir())) == 1

"""Sampling: an exact share of the live calls, drawn once."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import connection

from callgauge.flow.ingest import ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.rerun import Selection, request_evaluation, request_rerun
from callgauge.flow.sampling import draw, stay_out
from callgauge.store.models import Agent, CallLog, Metric, MetricResult, Project, Rerun
from tests.calls import make_metric
from tests.tenants import Tenant, tenant


@pytest.mark.parametrize("percent", range(101))
def test_any_hundred_calls_in_a_row_hold_exactly_the_share(percent: int) -> None:
    drawn, phase = [], 0
    for _ in range(300):
        measured, phase = draw(phase, percent / 100)
        drawn.append(measured)
    for start in range(0, 200, 7):
        assert sum(drawn[start : start + 100]) == percent
    assert drawn[0] is (percent > 0)


def test_a_changed_rate_holds_from_the_next_call_on() -> None:
    phase = 0
    for rate in (0.3, 1.0, 0.07, 0.0, 0.5):
        drawn = []
        for _ in range(100):
            measured, phase = draw(phase, rate)
            drawn.append(measured)
        assert sum(drawn) == round(rate * 100)


def sampled(alice: Tenant, name: str = "Polite", rate: float = 0.3) -> Metric:
    Project.objects.filter(pk=alice.project.pk).update(sample_rate=rate)
    metric = make_metric(alice.project, name)
    Metric.objects.filter(pk=metric.pk).update(sampling_enabled=True)
    return metric


def take_in(agent: Agent, call_id: str, **fields: Any) -> CallLog:
    project = Project.objects.select_related("organization").get(pk=agent.project_id)
    turns = [{"role": "Main Agent", "content": f"Hello {call_id}", "start_time": 0, "end_time": 1}]
    return ingest_call(project, agent, NewCall(call_id, turns, "cekura", **fields)).call


def left_out(metric: Metric) -> int:
    return MetricResult.objects.filter(metric=metric, reason="sampled_out").count()


def test_thirty_of_a_hundred(alice: Tenant) -> None:
    metric, always = sampled(alice), make_metric(alice.project, "Always")
    agent = alice.agent()
    for number in range(100):
        take_in(agent, f"call-{number}")
    assert left_out(metric) == 70
    assert left_out(always) == 0
    row = MetricResult.objects.filter(metric=metric).first()
    assert row is not None
    assert (row.outcome, row.is_current, json.loads(row.explanation)) == (
        "skipped",
        True,
        ["Sampling skipped"],
    )
    assert (row.passed, row.number) == (None, None)
    reruns = list(Rerun.objects.order_by("id"))
    assert {rerun.total for rerun in reruns} == {2}
    assert sum(rerun.skipped for rerun in reruns) == 70


def test_metrics_of_single_agents_are_drawn_on_their_own_calls(alice: Tenant) -> None:
    first, second = alice.agent("First"), alice.agent("Second")
    metric = sampled(alice, rate=0.5)
    Metric.objects.filter(pk=metric.pk).update(every_agent=False)
    metric.agents.set([second])
    for number in range(20):
        take_in(first if number % 2 else second, f"call-{number}")
    assert left_out(metric) == 5


def test_a_whole_rate_draws_nothing_and_a_rate_of_zero_leaves_all_out(alice: Tenant) -> None:
    metric = sampled(alice, rate=1.0)
    agent = alice.agent()
    take_in(agent, "one")
    assert left_out(metric) == 0
    Project.objects.update(sample_rate=0.0)
    take_in(agent, "two")
    assert left_out(metric) == 1


def test_a_call_that_names_its_metrics_is_measured(alice: Tenant) -> None:
    metric = sampled(alice, rate=0.0)
    take_in(alice.agent(), "one", metric_ids=(metric.pk,))
    assert left_out(metric) == 0


def test_a_call_that_is_sent_again_keeps_its_draw(alice: Tenant) -> None:
    metric = sampled(alice, rate=0.5)
    alice.project.organization.duplicate_calls = "update"
    alice.project.organization.save()
    agent = alice.agent()
    for _ in range(2):
        take_in(agent, "in")
        take_in(agent, "out")
    assert Metric.objects.get(pk=metric.pk).sampling_phase == 0
    out = CallLog.objects.get(call_id="out")
    out_again = take_in(agent, "out", feedback="", call_ended_reason="hung up")
    assert out_again.pk == out.pk
    assert set(MetricResult.objects.filter(metric=metric).values_list("call__call_id", flat=True)) == {"out"}
    assert left_out(metric) == 2
    assert Metric.objects.get(pk=metric.pk).sampling_phase == 0


def test_a_rerun_leaves_out_what_was_left_out_unless_it_names_the_metric(alice: Tenant) -> None:
    metric = sampled(alice, rate=0.5)
    agent = alice.agent()
    calls = [take_in(agent, f"call-{number}") for number in range(4)]
    ids = [call.pk for call in calls]
    out = {(calls[1].pk, metric.pk), (calls[3].pk, metric.pk)}
    plain = request_rerun(alice.key, agent, Selection()).rerun
    assert stay_out(plain, ids) == out
    named = request_rerun(alice.key, agent, Selection(), metric_ids=[metric.pk]).rerun
    assert named.pk != plain.pk
    assert stay_out(named, ids) == set()
    (evaluation,) = request_evaluation(alice.key, alice.project, ids, None)
    assert stay_out(evaluation, ids) == out
    (evaluation,) = request_evaluation(alice.key, alice.project, ids, [metric.pk])
    assert stay_out(evaluation, ids) == set()
    Metric.objects.update(sampling_enabled=False)
    assert stay_out(plain, ids) == set()


@pytest.mark.django_db(transaction=True)
def test_the_share_holds_while_many_calls_come_in_at_once() -> None:
    alice = tenant("Acme", "Support")
    metric, other = sampled(alice), sampled(alice, "Other")
    agent = alice.agent()
    faults: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for number in range(25):
                take_in(agent, f"{worker}-{number}")
        except BaseException as error:  # shown by the assertion below
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert CallLog.objects.count() == 100
    assert (left_out(metric), left_out(other)) == (70, 70)

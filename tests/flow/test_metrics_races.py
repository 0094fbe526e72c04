"""Several requests at once: nothing doubled, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from callgauge.engine.predefined import PREDEFINED
from callgauge.flow.agents import create_agent
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics import MetricChange, create_metric, edit_metric
from callgauge.flow.metrics_predefined import copy_predefined
from callgauge.flow.rubric import write_rubric
from callgauge.store.models import Agent, Metric, Project
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db(transaction=True)
ASK = {"name": "Greeted", "eval_type": "binary", "description": "Was the caller greeted?"}
AT_ONCE = 4


def at_once(work: Callable[[int], Any]) -> list[Any]:
    def run(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def test_the_same_name_makes_as_many_slugs(alice: Tenant) -> None:
    made = at_once(lambda _: create_metric(alice.project, MetricChange(frozen=ASK)))
    assert len({metric.slug for metric in made}) == AT_ONCE


def test_a_predefined_metric_is_copied_once(alice: Tenant) -> None:
    made = at_once(lambda _: copy_predefined(alice.project, PREDEFINED[:2]))
    assert Metric.objects.count() == 2
    assert all(copied == made[0] for copied in made)


def test_every_edit_is_a_version(alice: Tenant) -> None:
    metric = create_metric(alice.project, MetricChange(frozen=ASK))
    at_once(lambda n: edit_metric(metric, MetricChange(frozen={"description": f"Wording {n}?"})))
    numbers = list(metric.versions.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, AT_ONCE + 2))
    assert Metric.objects.get().current_version == metric.versions.get(number=AT_ONCE + 1)


def test_an_assistant_id_goes_to_one_agent(alice: Tenant) -> None:
    def work(number: int) -> bool:
        try:
            create_agent(alice.project, {"name": str(number), "assistant_id": "asst-1"}, {})
        except Invalid:
            return False
        return True

    assert sorted(at_once(work)) == [False] * (AT_ONCE - 1) + [True]
    assert Agent.objects.count() == 1


def test_rubric_and_metric_can_change_at_the_same_time(alice: Tenant) -> None:
    """Both lock the project; in different orders they would wait for each other for ever."""
    metric = create_metric(alice.project, MetricChange(frozen=ASK))

    def work(number: int) -> None:
        if number % 2:
            edit_metric(metric, MetricChange(frozen={"description": f"{number}?"}, in_rubric=number == 1))
        else:
            condition = {"field": "score", "op": "eq", "value": number == 0}
            write_rubric(alice.project, {"rules": [{"metric_id": metric.pk, "conditions": condition}]})

    before = Project.objects.get(pk=alice.project.pk).rubric_version
    at_once(work)
    assert metric.versions.count() == 3
    assert Project.objects.get(pk=alice.project.pk).rubric_version > before

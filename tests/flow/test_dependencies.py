"""Scripts are looked at when a metric is saved: what cannot work is refused, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from callgauge.flow.errors import Invalid
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics import MetricChange, create_metrics, current_version, edit_metric
from callgauge.store.models import Metric
from tests.calls import make_metric
from tests.tenants import Tenant


def script(alice: Tenant, name: str, code: str, **frozen: Any) -> Metric:
    return make_metric(
        alice.project,
        name,
        "",
        **{"kind": "custom_code", "eval_type": "numeric", "custom_code": code, **frozen},
    )


def frozen_of(metric: Metric) -> dict[str, Any]:
    version = current_version(metric)
    return {name: getattr(version, name) for name in FROZEN}


def test_syntax_errors_name_the_line(alice: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        script(alice, "Count", "a = 1\nb = = 2")
    assert refused.value.messages == {"custom_code": ["Line 2: invalid syntax."]}
    trigger = {"trigger": "custom", "trigger_type": "custom_code", "trigger_code": "return 1"}
    with pytest.raises(Invalid) as refused:
        make_metric(alice.project, "Polite", **trigger)
    assert list(refused.value.messages) == ["evaluation_trigger_custom_code"]
    assert not Metric.objects.exists()


def test_code_that_is_not_run_is_not_looked_at(alice: Tenant) -> None:
    make_metric(alice.project, "Polite", custom_code="a = = 1", trigger_code="b = = 2")


def test_a_circle_is_refused_at_the_edit_that_closes_it(alice: Tenant) -> None:
    first = script(alice, "First", '_result = data["Third"]')
    script(alice, "Second", '_result = data["First"]')
    with pytest.raises(Invalid) as refused:
        script(alice, "Third", '_result = data["Second"] + data["Polite"]')
    assert refused.value.messages == {
        "custom_code": ['These metrics would wait for each other: "Third" -> "Second" -> "First" -> "Third".']
    }
    third = script(alice, "Other", '_result = data["Second"]')
    with pytest.raises(Invalid):
        edit_metric(third, MetricChange(frozen={"name": "Third"}))
    edit_metric(first, MetricChange(frozen={"custom_code": "_result = 1"}))
    edit_metric(third, MetricChange(frozen={"name": "Third"}))


def test_a_script_that_reads_its_own_result(alice: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        script(alice, "Count", '_result = data["Count"]')
    assert "custom_code" in refused.value.messages


def test_a_circle_through_a_trigger(alice: Tenant) -> None:
    script(alice, "Count", '_result = data["Polite"]')
    trigger = {
        "trigger": "custom",
        "trigger_type": "custom_code",
        "trigger_code": '_result = data["Count"] > 1',
    }
    with pytest.raises(Invalid) as refused:
        make_metric(alice.project, "Polite", **trigger)
    assert list(refused.value.messages) == ["evaluation_trigger_custom_code"]


def test_metrics_of_other_projects_and_deleted_ones_close_no_circle(alice: Tenant, charlie: Tenant) -> None:
    script(charlie, "Second", '_result = data["First"]')
    gone = script(alice, "Second", '_result = data["First"]')
    Metric.objects.filter(pk=gone.pk).update(deleted_at=gone.created_at)
    script(alice, "First", '_result = data["Second"]')


def test_one_of_many_that_closes_a_circle_refuses_all(alice: Tenant) -> None:
    wanted = [
        MetricChange(
            frozen={"name": name, "kind": "custom_code", "eval_type": "numeric", "custom_code": code}
        )
        for name, code in (("A", '_result = data["B"]'), ("B", '_result = data["A"]'))
    ]
    with pytest.raises(Invalid) as refused:
        create_metrics([(alice.project, change) for change in wanted])
    assert list(refused.value.messages) == ["1.custom_code"]
    assert not Metric.objects.exists()

"""The rubric as rows."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from callgauge.domain.rubric_reading import parse_rubric
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics import MetricChange, create_metric
from callgauge.flow.rubric import rubric_config, write_rubric
from callgauge.flow.settle import load_rubric
from callgauge.store.models import Metric, Project
from tests.tenants import Tenant

TYPES = {
    "binary": {"field": "score", "op": "eq", "value": True},
    "continuous_qualitative": {"field": "score", "op": "gte", "value": 3},
    "numeric": {"field": "score", "op": "gt", "value": 0},
    "enum": {"field": "enum", "op": "eq", "value": "good"},
}


def make(owner: Tenant, eval_type: str = "binary", *, in_rubric: bool | None = None) -> Metric:
    frozen = {"name": eval_type, "eval_type": eval_type, "description": "?", "labels": ["good", "bad"]}
    return create_metric(owner.project, MetricChange(frozen=frozen, in_rubric=in_rubric))


def config_of(*rules: tuple[Metric, Any], logic: str = "and") -> dict[str, Any]:
    return {
        "evaluation_logic": logic,
        "rules": [
            {"metric_id": metric.pk, "conditions": {"operator": "and", "conditions": [condition]}}
            for metric, condition in rules
        ],
    }


def test_what_was_written_is_what_decides(
    alice: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    metrics = {name: make(alice, name) for name in TYPES}
    config = config_of(*((metrics[name], TYPES[name]) for name in TYPES), logic="or")
    assert write_rubric(alice.project, config)
    project = Project.objects.get(pk=alice.project.pk)
    assert rubric_config(project) == config
    known = {metric.pk: (name, metric.current_version.eval_type) for name, metric in metrics.items()}
    with django_assert_num_queries(2):  # however many rules: it is read for every batch that is settled
        assert load_rubric(project.pk) == parse_rubric(config, known)


def test_order_counts_and_the_same_again_does_not(alice: Tenant) -> None:
    one, other = make(alice), make(alice)
    first = config_of((one, TYPES["binary"]), (other, TYPES["binary"]))
    turned = config_of((other, TYPES["binary"]), (one, TYPES["binary"]))
    assert [write_rubric(alice.project, config) for config in (first, first, turned, {}, {}, None)] == [
        True,
        False,
        True,
        True,
        False,
        False,
    ]
    assert Project.objects.get(pk=alice.project.pk).rubric_version == 3


def test_only_the_logic_changed(alice: Tenant) -> None:
    metric = make(alice)
    write_rubric(alice.project, config_of((metric, TYPES["binary"])))
    assert write_rubric(alice.project, config_of((metric, TYPES["binary"]), logic="or"))
    assert rubric_config(Project.objects.get(pk=alice.project.pk))["evaluation_logic"] == "or"


def test_a_foreign_metric_is_refused(alice: Tenant, charlie: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        write_rubric(alice.project, config_of((make(charlie), TYPES["binary"])))
    assert list(refused.value.messages) == ["rubric_config"]


@pytest.mark.parametrize("eval_type", list(TYPES))
def test_the_default_rule_fits_the_type(alice: Tenant, eval_type: str) -> None:
    metric = make(alice, eval_type, in_rubric=True)
    assert metric.rubric_rules.get().conditions["conditions"] == [TYPES[eval_type]]
    config = rubric_config(Project.objects.get(pk=alice.project.pk))
    assert not write_rubric(alice.project, config), "a default rule is one that could have been written"

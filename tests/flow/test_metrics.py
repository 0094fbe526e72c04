"""Metrics: versions, switches, agents, slugs, and which versions measure a call."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.metric_fields import ASKED, FROZEN
from callgauge.flow.metrics import (
    MetricChange,
    create_metric,
    current_version,
    delete_metric,
    edit_metric,
    restore_version,
    spec_of,
    versions_for,
)
from callgauge.store.models import Metric, MetricVersion, Project
from tests.tenants import Tenant

ASK = {"name": "Greeted", "eval_type": "binary", "description": "Was the caller greeted?"}


def make(owner: Tenant, agents: list[int] | None = None, **frozen: Any) -> Metric:
    return create_metric(owner.project, MetricChange(frozen=ASK | frozen, agents=agents), by="ci")


def edit(metric: Metric, **frozen: Any) -> Metric:
    return edit_metric(metric, MetricChange(frozen=frozen), by="ci")


def numbers(metric: Metric) -> list[int]:
    return list(metric.versions.order_by("number").values_list("number", flat=True))


CHANGES: dict[str, Any] = {
    "kind": MetricKind.CUSTOM_CODE.value,
    "eval_type": "numeric",
    "description": "Was the caller thanked?",
    "prompt": "other",
    "custom_code": "_result = True",
    "labels": ["a"],
    "built_in": "latency",
    "audio_enabled": True,
    "configuration": {"silence_duration": 5},
    "llm_provider": "gemini",
    "trigger": "automatic",
    "trigger_type": "custom_code",
    "trigger_prompt": "when they pay",
    "trigger_code": "_result = True",
}


def test_every_asked_column_is_tried() -> None:
    assert CHANGES.keys() == set(ASKED)


@pytest.mark.parametrize("column", ASKED)
def test_a_change_of_what_is_asked_adds_a_version(alice: Tenant, column: str) -> None:
    metric = make(alice, custom_code="_result = 1", description="Was the caller greeted?")
    first = current_version(metric)
    before = {name: getattr(first, name) for name in FROZEN}

    edited = edit(metric, **{column: CHANGES[column]})

    second = current_version(edited)
    assert numbers(metric) == [1, 2]
    assert (second.number, getattr(second, column)) == (2, CHANGES[column])
    assert second.content_hash != first.content_hash
    first.refresh_from_db()
    assert {name: getattr(first, name) for name in FROZEN} == before, "a version is never updated"
    assert Metric.objects.get(pk=metric.pk).current_version == second


def test_the_same_again_adds_none(alice: Tenant) -> None:
    metric = make(alice, configuration={"a": 1, "b": 2})
    edit(metric, **ASK, configuration={"b": 2, "a": 1})
    assert numbers(metric) == [1]


def test_a_new_name_is_a_version_that_asks_the_same(alice: Tenant) -> None:
    metric = make(alice)
    edited = edit(metric, name="Said hello")
    assert numbers(metric) == [1, 2]
    assert len({version.content_hash for version in metric.versions.all()}) == 1
    assert (edited.name, edited.slug) == ("Said hello", "greeted")


def test_switches_and_agents_add_no_version(alice: Tenant) -> None:
    agent, _ = alice.agent("One"), alice.agent("Other")
    metric = make(alice)
    change = MetricChange(
        switches={"observability_enabled": False, "display_order": 3}, agents=[agent.pk], settings={"x": 1}
    )
    edited = edit_metric(metric, change)
    assert numbers(metric) == [1]
    assert (edited.observability_enabled, edited.display_order, edited.every_agent) == (False, 3, False)
    assert list(edited.agents.all()) == [agent]


def test_a_refused_edit_changes_nothing(alice: Tenant, charlie: Tenant) -> None:
    metric = make(alice)
    change = MetricChange(frozen={"description": "New"}, agents=[charlie.agent().pk])
    with pytest.raises(Invalid) as refused:
        edit_metric(metric, change)
    assert list(refused.value.messages) == ["agents"]
    assert numbers(metric) == [1]
    assert Metric.objects.get(pk=metric.pk).every_agent


@pytest.mark.parametrize(
    ("frozen", "field"),
    [
        ({"name": " "}, "name"),
        ({"description": " "}, "description"),
        ({"kind": "custom_code"}, "custom_code"),
        ({"kind": "basic"}, "type"),
        ({"eval_type": "enum"}, "enum_values"),
        ({"eval_type": "enum", "labels": ["yes", " YES "]}, "enum_values"),
        ({"eval_type": "enum", "labels": ["yes", " "]}, "enum_values"),
        ({"eval_type": "enum", "labels": ["x" * 256]}, "enum_values"),
        ({"trigger": "custom"}, "evaluation_trigger_prompt"),
        ({"trigger": "custom", "trigger_type": "custom_code"}, "evaluation_trigger_custom_code"),
    ],
)
def test_what_cannot_be_asked_is_refused(alice: Tenant, frozen: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(alice, **frozen)
    assert list(refused.value.messages) == [field]
    metric = make(alice)
    with pytest.raises(Invalid):
        edit(metric, **frozen)
    assert numbers(metric) == [1]


def test_versions_for_an_agent(alice: Tenant, charlie: Tenant) -> None:
    one, other = alice.agent("One"), alice.agent("Other")
    every = make(alice, name="every")
    chosen = make(alice, [one.pk], name="chosen")
    make(alice, [other.pk], name="not chosen")
    delete_metric(make(alice, name="deleted"))
    edit_metric(make(alice, name="off"), MetricChange(switches={"observability_enabled": False}))
    make(charlie, name="foreign")
    edit_metric(every, MetricChange(frozen={"description": "New wording"}, switches={"display_order": 9}))

    found = versions_for(one)

    assert [version.metric_id for version in found] == [chosen.pk, every.pk], "in display order"
    assert found[1].description == "New wording", "the current version"
    with CaptureQueriesContext(connection) as queries:
        [spec_of(version) for version in versions_for(one)]
    assert len(queries) == 1


def test_a_spec_carries_the_whole_version(alice: Tenant) -> None:
    version = current_version(
        make(
            alice,
            eval_type="enum",
            labels=["a", "b"],
            configuration={"x": 1},
            trigger="custom",
            trigger_prompt="when they pay",
        )
    )
    spec = spec_of(version)
    assert (spec.metric_id, spec.version_id, spec.name) == (version.metric_id, version.pk, "Greeted")
    assert (spec.kind, spec.eval_type, spec.labels) == (MetricKind.LLM_JUDGE, EvalType.ENUM, ("a", "b"))
    assert (spec.trigger, spec.trigger_prompt) == (Trigger.CUSTOM, "when they pay")
    assert (spec.configuration, spec.content_hash) == ({"x": 1}, version.content_hash)


def test_no_agents_means_every_agent_and_an_edit_means_exactly_these(alice: Tenant) -> None:
    agent = alice.agent()
    assert make(alice, []).every_agent
    metric = make(alice, [agent.pk])
    assert not metric.every_agent
    emptied = edit_metric(metric, MetricChange(agents=[]))
    assert not emptied.every_agent
    assert versions_for(agent)[0].metric_id != metric.pk


def test_slugs(alice: Tenant, charlie: Tenant) -> None:
    assert [make(alice).slug, make(alice).slug, make(charlie).slug] == ["greeted", "greeted-2", "greeted"]
    assert make(alice, name="问候").slug == "metric"
    assert make(alice, name="123").slug == "metric-123"
    with pytest.raises(Invalid) as refused:
        create_metric(alice.project, MetricChange(frozen=ASK, slug="greeted"))
    assert list(refused.value.messages) == ["slug"]
    with pytest.raises(Invalid):
        edit_metric(make(alice, name="Other"), MetricChange(slug="greeted"))


def test_a_deleted_metric_keeps_its_past_and_frees_its_slug(alice: Tenant) -> None:
    metric = make(alice)
    delete_metric(metric)
    assert MetricVersion.objects.filter(metric=metric).count() == 1
    assert make(alice).slug == metric.slug
    with pytest.raises(NotFound):
        edit(metric, description="New")


def test_restoring_asks_again_what_an_earlier_version_asked(alice: Tenant) -> None:
    metric = make(alice)
    first = current_version(metric)
    edit(metric, description="New wording")
    restored = restore_version(metric, first.pk, by="ci")
    third = current_version(restored)
    assert (third.number, third.description) == (3, first.description)
    assert third.content_hash == first.content_hash
    assert third.change_reason == "Restored version 1"
    with pytest.raises(NotFound):
        restore_version(make(alice), first.pk)


def test_rubric_rules_follow_their_metric(alice: Tenant) -> None:
    metric = create_metric(alice.project, MetricChange(frozen=ASK, in_rubric=True))
    assert rubric_version(alice) == 1
    edit_metric(metric, MetricChange(in_rubric=True))
    assert (metric.rubric_rules.count(), rubric_version(alice)) == (1, 1), "once is enough"

    with pytest.raises(Invalid) as refused:
        edit(metric, eval_type="numeric")
    assert list(refused.value.messages) == ["eval_type"]

    edit_metric(metric, MetricChange(in_rubric=False))
    assert (metric.rubric_rules.count(), rubric_version(alice)) == (0, 2)
    edit(metric, eval_type="numeric")

    edit_metric(metric, MetricChange(in_rubric=True))
    delete_metric(metric)
    assert (metric.rubric_rules.count(), rubric_version(alice)) == (0, 4)


def rubric_version(owner: Tenant) -> int:
    return Project.objects.get(pk=owner.project.pk).rubric_version

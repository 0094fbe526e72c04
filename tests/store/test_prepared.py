"""Statements that are compiled once give what the ORM gives."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callgauge.flow.errors import NotFound
from callgauge.flow.metrics import versions_for
from callgauge.flow.scope import find_agent
from callgauge.store.bulk import add_to, update_these
from callgauge.store.models import Agent, ApiKey, CallLog, CallPayload, Project, Rerun, RerunKind
from callgauge.store.prepared import Ids, Prepared, PreparedValues, Texts, insert
from tests.calls import make_metric
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db


def test_rows_are_those_of_the_orm_with_what_they_refer_to(
    alice: Tenant, charlie: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    named = Prepared(
        lambda name, project: Agent.objects.select_related("project__organization").filter(
            name=name, project_id=project
        ),
        str,
        int,
    )
    odd = '100 % "it\'s" \\ %s'
    agents = [
        Agent.objects.create(project=tenant.project, name=odd, settings={"a": [1, None]}, inbound=True)
        for tenant in (alice, charlie)
    ]
    for agent in agents:  # the first compiles, the second finds it compiled
        with django_assert_num_queries(1):
            (found,) = named(odd, agent.project_id)
            assert found.project.organization.pk == agent.project.organization_id
        assert found == agent
        assert model_to_dict(found) == model_to_dict(Agent.objects.get(pk=agent.pk))
        assert found.created_at == agent.created_at
    assert named("another", alice.project.pk) == []


def test_what_refers_to_nothing_and_what_is_not_fetched(alice: Tenant) -> None:
    keys = Prepared(lambda pk: ApiKey.objects.select_related("project").filter(pk=pk).defer("name"), int)
    key = ApiKey.objects.create(organization=alice.project.organization, name="all", digest="d", prefix="p")
    (found,) = keys(key.pk)
    assert found.project is None
    assert found.get_deferred_fields() == {"name"}
    assert found.name == "all"


def test_an_argument_that_the_query_has_no_place_for_is_refused() -> None:
    lost = Prepared(lambda pk, name: Agent.objects.filter(pk=pk), int, str)
    with pytest.raises(AssertionError):
        lost(1, "x")


def test_an_inserted_row_is_what_save_makes_of_it(alice: Tenant) -> None:
    fields: dict[str, Any] = {
        "project": alice.project,
        "kind": RerunKind.LIVE,
        "selection": {"calls": [1], "word": "größer"},
        "metric_version_ids": [1, 2],
        "judge_model": "m",
        "planned_at": timezone.now(),
    }
    saved, inserted = Rerun(**fields), Rerun(**fields)
    saved.save(force_insert=True)
    insert(inserted)
    times = {"id", "created_at", "updated_at"}
    before, after = (
        {name: value for name, value in Rerun.objects.values().get(pk=row.pk).items() if name not in times}
        for row in (saved, inserted)
    )
    assert before == after
    assert inserted.pk == saved.pk + 1
    inserted.judge_model = "other"
    inserted.save()  # an update: it knows that it is stored
    assert Rerun.objects.count() == 2


def test_a_row_with_the_key_of_another_and_one_that_is_there_already(alice: Tenant) -> None:
    call = CallLog(project=alice.project, call_id="c", timestamp=timezone.now(), content_hash="h")
    insert(call)
    insert(CallPayload(call=call, turns="[]"))
    assert CallPayload.objects.get().call == call
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(CallLog(project=alice.project, call_id="c", timestamp=timezone.now(), content_hash="h"))
    assert CallLog.objects.count() == 1


def test_a_key_of_one_project_reaches_no_agent_of_its_organization_beside_it(alice: Tenant) -> None:
    """The statement is one for keys of projects and of organizations."""
    other = Project.objects.create(organization=alice.project.organization, name="Beside")
    agent = Agent.objects.create(project=other, name="Beside")
    with pytest.raises(NotFound):
        find_agent(alice.key, agent.pk)
    wide = ApiKey.objects.create(organization=alice.project.organization, digest="d", prefix="p")
    assert find_agent(wide, agent.pk).project == other


def test_versions_follow_what_changes_after_the_statement_was_compiled(alice: Tenant) -> None:
    agent = alice.agent()
    first = make_metric(alice.project, "One")
    assert [version.metric_id for version in versions_for(agent)] == [first.pk]
    second = make_metric(alice.project, "Two")
    assert [version.metric_id for version in versions_for(agent)] == [first.pk, second.pk]


def test_a_list_of_any_length_is_one_argument(alice: Tenant, charlie: Tenant) -> None:
    named = PreparedValues(
        lambda ids, names, project: (
            Agent.objects.filter(pk__in=ids, name__in=names, project_id=project)
            .order_by("-pk")
            .values_list("pk", "inbound", "name")
        ),
        Ids,
        Texts,
        int,
    )
    odd = 'ö "it\'s" \\ , {a} %s'
    agents = [
        Agent.objects.create(project=alice.project, name=name, inbound=True if name == odd else None)
        for name in (odd, "b", "c")
    ]
    theirs = Agent.objects.create(project=charlie.project, name="b")
    ids = [*(agent.pk for agent in agents), theirs.pk]
    assert named(ids, [odd, "b"], alice.project.pk) == [
        (agents[1].pk, None, "b"),
        (agents[0].pk, True, odd),
    ]
    assert named(ids[:1], [odd], alice.project.pk) == [(agents[0].pk, True, odd)]
    assert named(range(10_000_000, 10_005_000), ["b"], alice.project.pk) == []


def test_nothing_is_asked_for_an_empty_list(
    alice: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    agents = Prepared(lambda ids, project: Agent.objects.filter(pk__in=ids, project_id=project), Ids, int)
    agent = alice.agent()
    with django_assert_num_queries(1):
        assert agents([agent.pk], alice.project.pk) == [agent]
        assert agents([], alice.project.pk) == []


def test_a_list_is_for_in_alone() -> None:
    with pytest.raises(AssertionError, match="__in"):
        Prepared(lambda ids: Agent.objects.filter(pk=ids[0]), Ids)([1])


def test_rows_by_their_ids_are_changed_and_added_to(alice: Tenant) -> None:
    reruns = [Rerun.objects.create(project=alice.project, kind=RerunKind.LIVE) for _ in range(3)]
    ids = [rerun.pk for rerun in reruns]
    add_to(Rerun, ids[0], {"scored": 2, "cost_usd": 0.5})
    add_to(Rerun, ids[0], {"scored": 1})
    update_these(Rerun, {"judge_model": "m", "max_cost_usd": None}, ids[:2])
    update_these(Rerun, {"judge_model": "none"}, [])
    rows = Rerun.objects.order_by("pk").values_list("scored", "cost_usd", "judge_model")
    assert list(rows) == [(3, 0.5, "m"), (0, 0.0, "m"), (0, 0.0, "")]

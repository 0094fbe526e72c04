"""A plan beside what the judge's side then counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from callgauge.domain.calls import Role, Turn
from callgauge.domain.options import load
from callgauge.flow.metrics import MetricChange, edit_metric
from callgauge.flow.plan import Plan, plan_for
from callgauge.flow.plan_words import plan_words
from callgauge.flow.rerun import PLAIN, Terms, request_rerun
from callgauge.flow.selection import Selection
from callgauge.store.models import Agent, Rerun, RerunState, Reuse
from callgauge.worker.executor import Executor
from callgauge.worker.judges import judges_from
from tests.calls import make_call, make_metric
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until
from tests.worker.fake_provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = 60
CURRENT = Terms(reuse=Reuse.CURRENT)
LONGER = "Did the agent repeat every detail (day, time, people, price, reference) before it ended the call?"


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def measure(alice: Tenant, provider: FakeProvider, settings: Any) -> Iterator[Callable[..., Rerun]]:
    given = {
        "CALLGAUGE_JUDGE": "openai:fake-model",
        "CALLGAUGE_JUDGE_BASE_URL": f"{provider.url}/v1",
        "CALLGAUGE_JUDGE_API_KEY": "sk-test",
        "CALLGAUGE_JUDGE_PRICES": "openai:fake-model=0.40/0.10/1.60",
    }
    options = load(given)
    settings.CALLGAUGE = replace(
        settings.CALLGAUGE,
        judge=options.judge,
        judge_base_url=options.judge_base_url,
        judge_api_key=options.judge_api_key,
        judge_prices=options.judge_prices,
    )
    executor = Executor("test:1", lambda: judges_from(options), concurrency=8)
    executor.start()

    def run(agent: Agent, terms: Terms = PLAIN, ids: list[int] | None = None) -> Rerun:
        selection = Selection() if ids is None else Selection(ids=tuple(ids))
        rerun = request_rerun(alice.key, agent, selection, terms=terms).rerun
        wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE, within_secs=60)
        return Rerun.objects.get(pk=rerun.pk)

    yield run
    executor.stop()


def _agent(alice: Tenant) -> Agent:
    """Calls of 4 to 40 turns, so that no two requests are alike."""
    agent = alice.agent()
    for number in range(CALLS):
        turns = [
            Turn(
                Role.AGENT if turn % 2 else Role.CALLER,
                f"The delivery of order {number} went to the old address, as I said before. "
                * (1 + turn % 3),
                5.0 * turn,
                5.0 * turn + 4,
            )
            for turn in range(4 + number % 37)
        ]
        make_call(agent, f"call-{number}", turns)
    return agent


def _close(plan: Plan, rerun: Rerun, *, tokens: float = 0.15, money: float = 0.2) -> None:
    estimate = plan.estimate
    assert estimate.requests == pytest.approx(rerun.judge_requests, rel=0.15)
    assert estimate.input_tokens == pytest.approx(rerun.input_tokens, rel=tokens)
    assert estimate.output_tokens == pytest.approx(rerun.output_tokens, rel=max(tokens, 0.15))
    assert estimate.cost_usd == pytest.approx(rerun.cost_usd, rel=money)


def test_a_plan_with_a_history_is_what_the_judge_then_counts(
    alice: Tenant, measure: Callable[..., Rerun], provider: FakeProvider
) -> None:
    agent = _agent(alice)
    changed = make_metric(alice.project, "Details", "Did the agent confirm?")
    make_metric(alice.project, "Polite", "Was the agent polite?")
    measure(agent)
    edit_metric(changed, MetricChange(frozen={"description": LONGER}))
    plan = plan_for(agent, Selection(), None, CURRENT)
    assert (plan.to_measure, plan.reused, plan.states["changed"], plan.states["current"]) == (
        *(CALLS, CALLS),
        *(CALLS, CALLS),
    )
    before = provider.server.stats.requests
    rerun = measure(agent, CURRENT)
    assert provider.server.stats.requests - before == CALLS
    _close(plan, rerun)
    _close(plan_for(agent, Selection(), None, PLAIN), measure(agent))
    assert plan_for(agent, Selection(), None, CURRENT).estimate.requests == 0


def test_a_pilot_puts_the_first_plan_right(alice: Tenant, measure: Callable[..., Rerun]) -> None:
    agent = _agent(alice)
    make_metric(alice.project, "Details", LONGER)
    blind = plan_for(agent, Selection(), None, CURRENT)
    assert (blind.states["new"], blind.estimate.seen) == (CALLS, 0)
    assert "a pilot would tell more" in plan_words(blind)
    pilot = blind.pilot()
    assert len(pilot) == 20
    assert pilot[0] < pilot[-1] - 40, "spread over all calls"
    measure(agent, CURRENT, pilot)
    plan = plan_for(agent, Selection(), None, CURRENT)
    assert (plan.to_measure, plan.reused) == (CALLS - 20, 20)
    assert "a pilot" not in plan_words(plan)
    _close(plan, measure(agent, CURRENT))


def test_repeats_are_counted_and_an_unknown_price_is_no_zero(
    alice: Tenant, measure: Callable[..., Rerun], settings: Any
) -> None:
    agent = _agent(alice)
    make_metric(alice.project, "Details", LONGER, configuration={"repeats": 3})
    plan = plan_for(agent, Selection(), None, PLAIN)
    assert plan.estimate.requests == 3 * CALLS
    settings.CALLGAUGE = replace(settings.CALLGAUGE, judge_prices="")
    plan = plan_for(agent, Selection(), None, PLAIN)
    assert plan.estimate.cost_usd is None
    assert "the price of the model is not known" in plan_words(plan)


def test_a_plan_says_why_nothing_is_to_be_done(alice: Tenant, measure: Callable[..., Rerun]) -> None:
    agent = alice.agent()
    assert plan_words(plan_for(agent, Selection(), None, PLAIN)) == "There are no calls to measure."
    make_call(agent, "one")
    assert "No metric measures" in plan_words(plan_for(agent, Selection(), None, PLAIN))
    make_metric(alice.project, "Details", LONGER)
    measure(agent)
    assert plan_words(plan_for(agent, Selection(), None, CURRENT)).startswith(
        "Nothing to measure: 1 of 1 results are current."
    )

"""Judges in the executor: the cache, repeats, re-asks, the rate, a metric's own model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callgauge.domain.calls import Role, Turn
from callgauge.domain.judging import JudgeRequest, JudgeUnavailable
from callgauge.domain.options import load
from callgauge.engine.judged import build_request
from callgauge.flow.rerun import Selection, request_rerun
from callgauge.flow.work import load_specs, read_calls
from callgauge.judge.fake_answers import MARK
from callgauge.judge.server import FakeServer
from callgauge.store.models import (
    Agent,
    CallLog,
    Chunk,
    JudgeCall,
    MetricResult,
    ProviderBucket,
    Rerun,
    RerunState,
)
from callgauge.worker.executor import Executor
from callgauge.worker.judges import Judges, judges_from
from tests.calls import make_call, make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until
from tests.worker.fake_provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[..., None]
BASE_PATHS = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[Executor] = []

    def run_until_done(judges: Any, *reruns: Rerun, **options: Any) -> None:
        executor = Executor("test:1", judges, concurrency=8, **options)
        started.append(executor)
        executor.start()
        wait_until(lambda: all(_state(rerun) == RerunState.DONE for rerun in reruns))
        executor.stop()
        started.remove(executor)

    yield run_until_done
    for executor in started:
        executor.stop()


def _state(rerun: Rerun) -> str:
    return Rerun.objects.values_list("state", flat=True).get(pk=rerun.pk)


def _judges(server: FakeServer, provider: str = "openai", **settings: str) -> Callable[[], Judges | None]:
    own = {
        "CALLGAUGE_JUDGE": f"{provider}:claude-sonnet-4-5",
        "CALLGAUGE_JUDGE_BASE_URL": server.url + BASE_PATHS[provider],
        "CALLGAUGE_JUDGE_API_KEY": "sk-test",
    }
    options = load(own | {f"CALLGAUGE_{name}": value for name, value in settings.items()})
    return lambda: judges_from(options)


def _long_call(agent: Agent) -> None:
    """About 2,500 tokens: providers cache from 1,024 on."""
    words = "the delivery went to the old address and nobody told us about it until Thursday evening "
    turns = [
        Turn(
            Role.AGENT if number % 2 else Role.CALLER,
            f"{words * 2}({number})",
            5.0 * number,
            5.0 * number + 4,
        )
        for number in range(50)
    ]
    make_call(agent, "long", turns)


@pytest.mark.parametrize("name", BASE_PATHS)
def test_ten_metrics_on_one_call_read_it_from_the_providers_cache(alice: Tenant, run: Run, name: str) -> None:
    agent = alice.agent()
    _long_call(agent)
    for number in range(10):
        make_metric(alice.project, f"Metric {number}", f"Was thing number {number} handled?")
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    with FakeProvider(latency_ms=20) as provider:
        run(_judges(provider.server, name), rerun)
        stats = provider.server.stats

    call = CallLog.objects.get()
    transcript_tokens = len(call.payload.transcript) // 4
    assert transcript_tokens > 2000
    # What stands before the transcript is cached too and proves nothing of it.
    request = build_request(
        read_calls([call.pk])[call.pk],
        load_specs([make_metric(alice.project, "One more").current_version_id])[0],
    )
    prompt = "".join(message.text for message in request.messages)
    before_tokens = (len(json.dumps(request.schema)) + prompt.index("#1 [")) // 4
    assert before_tokens > 200
    results = MetricResult.objects.all()
    assert [result.outcome for result in results] == ["scored"] * 10
    assert stats.requests == 10
    hits = sorted(result.cached_tokens for result in results)
    assert hits[0] == 0
    assert all(hit - before_tokens >= 0.8 * transcript_tokens for hit in hits[1:])
    assert sum(hits) == stats.cached_tokens


def test_repeats_are_paid_once_each_and_resumed_after_a_crash(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 2)
    make_metric(alice.project, "Confirms", configuration={"repeats": 5})
    answers = iter([True, False, True, True, False] * 2)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    run(lambda: FakeJudge(lambda request: verdict(next(answers))), rerun)
    assert JudgeCall.objects.count() == 10
    before = sorted(MetricResult.objects.values_list("call_id", "passed", "extra"))
    rerun.refresh_from_db()
    assert rerun.judge_requests == 10

    # As after kill -9 between the answers' commit and the results', with one answer missing.
    JudgeCall.objects.filter(pk=JudgeCall.objects.order_by("pk")[3].pk).delete()
    MetricResult.objects.all().delete()
    Chunk.objects.update(state="pending")
    Rerun.objects.update(state="running", scored=0)
    CallLog.objects.update(pending_rerun_id=rerun.pk)
    judge = FakeJudge()
    run(lambda: judge, rerun)
    assert len(judge.asked) == 1
    after = sorted(MetricResult.objects.values_list("call_id", "passed", "extra"))
    assert [row[:2] for row in after] == [row[:2] for row in before]


def test_the_re_asks_of_the_settings_bound_what_is_asked_again(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 1)
    make_metric(alice.project, "Confirms", f'Did it? {MARK} {{"value": "neither"}}')
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    with FakeProvider() as provider:
        run(_judges(provider.server, JUDGE_REASKS="2"), rerun, reasks=2)
        assert provider.server.stats.requests == 3
    result = MetricResult.objects.get()
    assert (result.reason, result.judge_requests) == ("judge_invalid_answer", 3)


def test_a_metric_is_asked_of_its_own_model_and_fails_alone_where_it_may_not(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 1)
    make_metric(alice.project, "Plain")
    make_metric(alice.project, "Chosen", configuration={"judge_model": "gemini:m"})
    make_metric(alice.project, "Forbidden", configuration={"judge_model": "gemini:other"})
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    with FakeProvider() as provider:
        settings = {
            "JUDGE_MODELS": "gemini:m",
            "JUDGE_KEYS": "gemini=sk-gemini",
            "JUDGE_BASE_URLS": f"gemini={provider.url}/v1beta",
            "JUDGE_PRICES": "gemini:m=1/1",
        }
        run(_judges(provider.server, **settings), rerun)
    found = {result.version.name: result for result in MetricResult.objects.select_related("version")}
    assert found["Plain"].judge_model == "openai:claude-sonnet-4-5"
    assert found["Chosen"].judge_model == "gemini:m"
    chosen = found["Chosen"]
    assert chosen.cost_usd == pytest.approx((chosen.input_tokens + chosen.output_tokens) / 1e6)
    assert (found["Forbidden"].reason, found["Forbidden"].retryable) == ("bad_configuration", False)
    assert "CALLGAUGE_JUDGE_MODELS" in found["Forbidden"].explanation
    assert set(JudgeCall.objects.values_list("model", flat=True)) == {"gemini:m", found["Plain"].judge_model}


def test_what_is_asked_is_counted_against_the_rate(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_calls(agent, 30)
    make_metric(alice.project, "Confirms")
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    with FakeProvider() as provider:
        rates = {"JUDGE_RATE": "1000/day", "JUDGE_TOKEN_RATE": "10000000/day"}
        run(_judges(provider.server, **rates), rerun)
        assert provider.server.stats.requests == 30
    bucket = ProviderBucket.objects.get()
    # A tenth of the rate may go at once; a day's refill adds less than a request in a minute.
    assert (bucket.provider, 69.9 < bucket.requests < 71) == ("openai", True)
    assert bucket.tokens < 1_000_000


def test_a_metric_that_leads_and_fails_does_not_hold_up_the_call(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    _long_call(agent)
    names = [f"Metric {number}" for number in range(4)]
    for name in names:
        make_metric(alice.project, name)

    def unavailable(request: JudgeRequest) -> dict[str, Any]:
        if request.metric_name == names[0]:
            raise JudgeUnavailable("The judge did not answer.")
        return verdict(True)

    judge = FakeJudge(unavailable)
    judge.cache_min_tokens = 1000
    run(lambda: judge, request_rerun(alice.key, agent, Selection()).rerun)
    outcomes = dict(MetricResult.objects.values_list("version__name", "outcome"))
    assert outcomes == {names[0]: "failed", **dict.fromkeys(names[1:], "scored")}

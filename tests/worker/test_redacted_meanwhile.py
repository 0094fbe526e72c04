"""A call is redacted while something has it in hand that has read it as it was."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.outcomes import Evidence, Scored, Usage, Value
from callgauge.flow import lab_work, ledger, previews
from callgauge.flow.calls import delete_call
from callgauge.flow.late_findings import WITHHELD
from callgauge.flow.metrics import spec_of
from callgauge.flow.results import NewResult, store_results
from callgauge.flow.work import CallWork, load_apart
from callgauge.store.models import (
    CallLog,
    CallPayload,
    ErrandState,
    JudgeCall,
    Lab,
    LabCase,
    Metric,
    MetricPreview,
    MetricResult,
    Priority,
    Rerun,
)
from callgauge.worker.executor import Executor
from tests.api.test_observe import send
from tests.api.test_redaction import ALL, SECRETS, call, everything, keeping, updating
from tests.calls import make_metric
from tests.judges import verdict
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

QUOTE = "Ottoline Vane said so."
CENT = 0.01


class Quoting:
    """Quotes the caller where it is given a name, and holds its answers until it is let."""

    model = "fake:judge"
    scripted = False
    cache_min_tokens: int | None = None

    def __init__(self) -> None:
        self.asked = 0
        self._let = threading.Event()

    def let(self) -> None:
        self._let.set()

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        self.asked += 1
        await asyncio.to_thread(self._let.wait)
        named = any("Ottoline" in message.text for message in request.messages)
        content = {**verdict(True), "explanation": [QUOTE if named else "A person said so."]}
        return JudgeAnswer(content, self.model, Usage(requests=1, cost_usd=CENT))

    async def close(self) -> None:
        return None


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def agent(alice: Tenant) -> Any:
    return updating(alice)


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    return make_metric(alice.project, "Confirms")


@pytest.fixture
def judge(transactional_db: None) -> Iterator[Quoting]:
    judge = Quoting()
    executor = Executor("test:1", lambda: judge, concurrency=4)
    executor.start()
    yield judge
    judge.let()
    executor.stop()


def redact(alice: Tenant, agent: Any) -> None:
    send(alice.client, call(agent, redact_fields=ALL))
    assert CallPayload.objects.get().redaction


def personal() -> list[str]:
    stored = everything()
    return [secret for secret in (*SECRETS, QUOTE) if secret in stored]


def all_done() -> bool:
    return not Rerun.objects.filter(finished_at=None).exists()


def test_values_are_kept_and_paid_for_and_words_are_not(
    alice: Tenant, agent: Any, metric: Metric, judge: Quoting
) -> None:
    send(alice.client, call(agent))
    wait_until(lambda: judge.asked == 1)
    redact(alice, agent)
    wait_until(lambda: judge.asked == 2)
    judge.let()
    wait_until(all_done)
    assert personal() == []
    early, late = MetricResult.objects.order_by("rerun_id")
    assert (early.passed, early.is_current, early.explanation) == (True, False, f'["{WITHHELD}"]')
    assert (late.passed, late.is_current, late.explanation) == (True, True, '["A person said so."]')
    assert [rerun.cost_usd for rerun in Rerun.objects.all()] == [CENT, CENT]
    assert [row.rerun_id for row in JudgeCall.objects.all()] == [late.rerun_id]


def test_an_answer_that_was_missed_goes_with_the_result_that_is_made_of_it(
    alice: Tenant, agent: Any, metric: Metric
) -> None:
    """As where it was stored in the very moment in which the call was redacted."""
    send(alice.client, call(agent))
    before = loaded(metric)
    redact(alice, agent)
    (chunk, *_) = ledger.claim("a:1", list(Priority), 1)
    of = {"rerun_id": chunk.rerun_id, "call_id": before.call.id, "model": "m", "request_hash": "h"}
    for key, state in (("missed", "done"), ("asked", "started")):
        JudgeCall.objects.create(key=key, state=state, answer=json.dumps([QUOTE]), **of)
    spec = spec_of(metric.current_version)
    found = NewResult(chunk.pk, chunk.rerun_id, before.call.id, before.call.content_hash, spec, quoting())
    with transaction.atomic():
        store_results("a:1", [found])
    assert MetricResult.objects.get().explanation == f'["{WITHHELD}"]'
    assert [row.key for row in JudgeCall.objects.all()] == ["asked"]


@pytest.mark.parametrize("retain", [True, False], ids=["results stay", "all goes"])
def test_nothing_is_stored_of_a_call_that_is_deleted_meanwhile(
    alice: Tenant, agent: Any, metric: Metric, judge: Quoting, retain: bool
) -> None:
    send(alice.client, call(agent))
    wait_until(lambda: judge.asked == 1)
    delete_call(CallLog.objects.get(), retain_evaluations=retain)
    judge.let()
    wait_until(all_done)
    assert personal() == []
    assert not MetricResult.objects.exists()
    assert not JudgeCall.objects.exists()


def test_a_call_that_is_only_sent_again_loses_no_words_and_no_answer(
    alice: Tenant, agent: Any, metric: Metric, judge: Quoting
) -> None:
    redacted = call(agent, redact_fields=ALL)
    send(alice.client, redacted)
    wait_until(lambda: judge.asked == 1)
    send(alice.client, redacted)
    judge.let()
    wait_until(all_done)
    (result,) = MetricResult.objects.all()
    assert result.explanation == '["A person said so."]'
    assert JudgeCall.objects.get().state == "done"


def test_where_metrics_read_the_original_its_words_may_be_told(
    alice: Tenant, agent: Any, metric: Metric, judge: Quoting, settings: Any
) -> None:
    keeping(settings, "measure")
    send(alice.client, call(agent))
    wait_until(lambda: judge.asked == 1)
    redact(alice, agent)
    judge.let()
    wait_until(all_done)
    assert {row.explanation for row in MetricResult.objects.all()} == {f'["{QUOTE}"]'}


def quoting() -> Scored:
    return Scored(Value(passed=True), (QUOTE,), (Evidence(turn=1, quote=QUOTE),), extra={"seen": QUOTE})


def loaded(metric: Metric) -> CallWork:
    assert metric.current_version is not None
    (work,) = load_apart([CallLog.objects.get().pk], spec_of(metric.current_version))
    return work


def test_a_preview_is_redacted_with_its_call_and_says_nothing_of_what_it_has_read(
    alice: Tenant, agent: Any
) -> None:
    send(alice.client, call(agent))
    pk = CallLog.objects.get().pk
    frozen = {"name": "Draft", "kind": "llm_judge", "eval_type": "binary", "description": "Was it said?"}
    for _ in range(2):
        previews.request_preview(alice.project, frozen, [pk])
    done, under_way = previews.claim_preview("a:1"), previews.claim_preview("a:1")
    assert done is not None
    assert under_way is not None
    previews.store_preview("a:1", done, done.calls[0], quoting())
    assert QUOTE in everything()
    redact(alice, agent)
    previews.store_preview("a:1", under_way, under_way.calls[0], quoting())
    assert personal() == []
    first, second = (MetricPreview.objects.get(pk=work.pk).results[0] for work in (done, under_way))
    assert (first["passed"], first["explanation"]) == (True, '["<PERSON> said so."]')
    assert (second["passed"], second["explanation"], second["extra"]) == (True, f'["{WITHHELD}"]', "{}")


def test_a_draft_that_is_tried(alice: Tenant, agent: Any, metric: Metric) -> None:
    send(alice.client, call(agent))
    lab = Lab.objects.create(
        uid="l", project=alice.project, metric=metric, version_id=metric.current_version_id, kind="run",
        owner="a:1", state=ErrandState.IN_PROGRESS, lease_until=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    case = LabCase.objects.create(lab=lab, call=CallLog.objects.get())
    before = loaded(metric)
    redact(alice, agent)
    lab_work.store_case("a:1", lab.pk, case.pk, before, quoting())
    case.refresh_from_db()
    assert (case.after["value"], case.after["explanation"]) == (True, [WITHHELD])
    assert personal() == []

"""OpenTelemetry: which spans there are, how they hang together, and that none holds content."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from callgauge.domain.judging import JudgeRequest, JudgeUnavailable
from callgauge.store.models import Rerun, RerunState
from callgauge.telemetry import traces
from callgauge.worker.executor import Executor
from tests.calls import make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import tenant
from tests.waiting import wait_until

ASKED = "Did the palimpsest agree?"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    traces.trace_to(SimpleSpanProcessor(exporter), "test")
    yield exporter
    traces.stop_traces()


def _facts(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("callgauge."): value for name, value in (span.attributes or {}).items()}


@pytest.mark.django_db(transaction=True)
def test_a_rerun_from_request_to_verdict(exported: InMemorySpanExporter) -> None:
    alice = tenant("Acme", "Support")
    agent = alice.agent()
    make_metric(alice.project, "Confirms", ASKED)
    make_calls(agent, 2)
    answer = alice.client.post(
        "/observability/v1/call-logs/rerun_evaluation/", {"agent_id": agent.pk, "call_logs": "all"}
    )
    assert answer.status_code == 200, answer.content
    rerun = Rerun.objects.get()

    def judge(request: JudgeRequest) -> dict[str, Any]:
        if request.call_id == "call-1":
            raise JudgeUnavailable(f"no answer to {ASKED}", attempts=3, faults=["429", "timeout"])
        return verdict(True)

    executor = Executor("test:1", lambda: FakeJudge(judge), concurrency=4)
    executor.start()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    executor.stop()

    spans = exported.get_finished_spans()
    by_name: dict[str, list[ReadableSpan]] = {}
    for span in spans:
        by_name.setdefault(span.name, []).append(span)
    assert set(by_name) == {"http request", "chunk", "judge call", "settle"}
    request = _facts(by_name["http request"][0])
    assert (request["method"], request["status"]) == ("POST", 200)
    assert request["request_id"] == answer.headers["X-Request-ID"]
    (chunk,) = [one for one in by_name["chunk"] if _facts(one)["kind"] == "evaluate"]
    assert chunk.context is not None
    assert _facts(chunk)["rerun_id"] == rerun.pk
    for inner in (*by_name["judge call"], *by_name["settle"]):
        assert inner.parent is not None
        assert inner.parent.span_id == chunk.context.span_id
    outcomes = {_facts(one)["outcome"]: _facts(one) for one in by_name["judge call"]}
    assert set(outcomes) == {"answered", "unavailable"}
    assert outcomes["unavailable"]["faults"] == "429,timeout"
    assert outcomes["answered"]["cost_usd"] > 0
    whole = "".join(span.to_json() for span in spans)
    for word in ("palimpsest", "Bella Vista", "Booked", "Confirms", "Acme", alice.secret):
        assert word not in whole


def test_an_exception_leaves_its_class_and_not_its_words(exported: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="palimpsest"), traces.span("work"):
        raise ValueError("palimpsest")
    (span,) = exported.get_finished_spans()
    assert _facts(span)["error"] == "ValueError"
    assert not span.status.is_ok
    assert "palimpsest" not in span.to_json()


def test_without_the_extra_nothing_happens_and_asking_for_it_is_refused() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from callgauge.telemetry.traces import TracesUnavailable, span, start_traces\n"
        "with span('work', rerun_id=1) as made: made.note(calls=2); made.failed('ValueError')\n"
        "try: start_traces('http://127.0.0.1:1', 'web')\n"
        "except TracesUnavailable: print('refused')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "refused\n"

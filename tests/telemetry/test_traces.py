"""OpenTelemetry: which spans there are, how they hang together, and that none holds content."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from callgauge.domain.judging import JudgeRequest, JudgeUnavailable
from callgauge.store.models import Rerun, RerunState
from callgauge.telemetry import traces
from callgauge.worker.executor import Executor
from tests.calls import make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.receiver import Got, Receiver
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

ASKED = "Did the palimpsest agree?"
CONTENT = ("palimpsest", "Bella Vista", "Booked", "Confirms", "Acme")


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    traces.trace_to(SimpleSpanProcessor(exporter), "test")
    yield exporter
    traces.stop_traces()


def _facts(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("callgauge."): value for name, value in (span.attributes or {}).items()}


def _rerun(alice: Tenant) -> tuple[int, str]:
    """Of two calls, one of which the judge does not answer: its id, and the id of the request."""
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
    return rerun.pk, str(answer.headers["X-Request-ID"])


@pytest.mark.django_db(transaction=True)
def test_a_rerun_from_request_to_verdict(exported: InMemorySpanExporter) -> None:
    alice = tenant("Acme", "Support")
    rerun_id, request_id = _rerun(alice)
    spans = exported.get_finished_spans()
    by_name: dict[str, list[ReadableSpan]] = {}
    for span in spans:
        by_name.setdefault(span.name, []).append(span)
    assert set(by_name) == {"http request", "chunk", "judge call", "settle"}
    request = _facts(by_name["http request"][0])
    assert (request["method"], request["status"]) == ("POST", 200)
    assert request["request_id"] == request_id
    (chunk,) = [one for one in by_name["chunk"] if _facts(one)["kind"] == "evaluate"]
    assert chunk.context is not None
    assert _facts(chunk)["rerun_id"] == rerun_id
    for inner in (*by_name["judge call"], *by_name["settle"]):
        assert inner.parent is not None
        assert inner.parent.span_id == chunk.context.span_id
    outcomes = {_facts(one)["outcome"]: _facts(one) for one in by_name["judge call"]}
    assert set(outcomes) == {"answered", "unavailable"}
    assert outcomes["unavailable"]["faults"] == "429,timeout"
    assert outcomes["answered"]["cost_usd"] > 0
    whole = "".join(span.to_json() for span in spans)
    for word in (*CONTENT, alice.secret):
        assert word not in whole


@pytest.mark.django_db(transaction=True)
def test_a_receiver_of_otlp_gets_them() -> None:
    alice = tenant("Acme", "Support")
    with Receiver() as receiver:
        traces.start_traces(receiver.url.partition("/hook")[0], "serve")
        rerun_id, _ = _rerun(alice)
        traces.stop_traces()
        assert not receiver.together  # all have been answered
    assert {(got.path, got.headers["content-type"]) for got in receiver.got} == {
        ("/v1/traces", "application/x-protobuf")
    }
    sent = [part for got in receiver.got for part in _read(got).resource_spans]
    named = [each.value.string_value for part in sent for each in part.resource.attributes]
    assert "callgauge-serve" in named
    spans = [span for part in sent for scope in part.scope_spans for span in scope.spans]
    assert {span.name for span in spans} == {"http request", "chunk", "judge call", "settle"}
    judged = [span for span in spans if span.name == "judge call"]
    facts = [{each.key: each.value for each in span.attributes} for span in judged]
    assert {each["callgauge.rerun_id"].int_value for each in facts} == {rerun_id}
    chunks = {span.span_id for span in spans if span.name == "chunk"}
    assert len(judged) == 2
    assert {span.parent_span_id for span in judged} <= chunks
    for part in sent:
        for word in (*CONTENT, alice.secret):
            assert word.encode() not in part.SerializeToString()


def _read(got: Got) -> ExportTraceServiceRequest:
    body = gzip.decompress(got.body) if got.headers.get("content-encoding") == "gzip" else got.body
    return ExportTraceServiceRequest.FromString(body)


class _Deaf(SpanExporter):
    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.ended = not self.may_end.wait(20)
        return SpanExportResult.FAILURE


def test_a_receiver_that_does_not_answer_keeps_no_server_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "FLUSH_SECS", 0.05)
    exporter = _Deaf()
    traces.trace_to(BatchSpanProcessor(exporter), "test")
    with traces.span("work"):
        pass
    traces.stop_traces()
    assert not exporter.ended, "it was waited for until it gave up"
    exporter.may_end.set()


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

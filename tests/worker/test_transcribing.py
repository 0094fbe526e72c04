"""Recordings written down by a fake speech-to-text server: per side, paid once, faults said."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import soundfile
from django.db import transaction

from callgauge.domain.calls import Role, Turn
from callgauge.engine import PREDEFINED
from callgauge.flow.ingest import NewCall, ingest_call
from callgauge.flow.metrics_predefined import copy_predefined
from callgauge.flow.recordings.intake import take_in
from callgauge.flow.recordings.rows import forget
from callgauge.flow.rerun import evaluate_call_again
from callgauge.formats import to_wire
from callgauge.judge.speech import SpeechSettings
from callgauge.store.models import CallLog, MetricResult, RecordingText
from callgauge.worker.executor import Executor
from callgauge.worker.recordings import RecordingOptions
from tests.recordings import wav
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TURNS = to_wire(
    (
        Turn(Role.AGENT, "Good evening, how can I help?", 0.5, 2.0),
        Turn(Role.CALLER, "I need a cable.", 2.5, 4.0),
    )
)
STEREO, MONO = wav(), wav(mono=True)


class FakeServer(ThreadingHTTPServer):
    """A fake: "writes down" a sentence by when a channel is loud, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked = 0
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: FakeServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        samples, rate = soundfile.read(io.BytesIO(body[body.index(b"fLaC") :]))
        agent, caller = (
            np.abs(samples[int(a * rate) : int(b * rate)]).max() > 0.05 for a, b in ((0.5, 2), (2.5, 4))
        )
        words = " ".join(
            text for text, on in (("Good evening how can I help", agent), ("I need a table", caller)) if on
        )
        status, answer = (400, {"error": {"message": "no"}}) if self.server.broken else (200, {"text": words})
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def alice(settings: Any, tmp_path: Path) -> Tenant:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, data_dir=tmp_path, stt="openai:fake")
    who = tenant("Acme", "Support")
    with transaction.atomic():
        copy_predefined(who.project, [one for one in PREDEFINED if one.slug == "transcription_accuracy"])
    return who


@pytest.fixture
def running(server: FakeServer) -> Iterator[Executor]:
    speech = SpeechSettings("openai", "fake", base_url=server.url)
    options = RecordingOptions(processes=1, speech=speech)
    executor = Executor("test:1", lambda: None, concurrency=4, recordings=options)
    executor.start()
    yield executor
    executor.stop()


def call_of(who: Tenant, content: bytes | None = STEREO, call_id: str = "c1", **fields: Any) -> CallLog:
    agent = who.project.agents.first() or who.agent()
    new = NewCall(call_id, transcript=TURNS, transcript_type="cekura", testing_channel_index=1, **fields)
    if content is None:
        return ingest_call(who.project, agent, new).call
    with take_in(io.BytesIO(content).read) as incoming:
        return ingest_call(who.project, agent, replace(new, recording=incoming)).call


def result(call: CallLog) -> MetricResult:
    def settled() -> bool:
        call.refresh_from_db()
        return call.pending_rerun_id is None

    wait_until(settled, within_secs=60, what="the evaluation")
    return MetricResult.objects.get(call=call, is_current=True)


def test_each_side_is_compared_with_what_is_heard_on_its_channel(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    found = result(call_of(alice))
    extra = json.loads(found.extra)
    assert (found.number, found.low_trust) == (80, True)
    assert (extra["source"], extra["model"], extra["side"]) == ("speech_to_text", "openai:fake", "caller")
    assert extra["sides"]["agent"]["wer"] == 0
    assert [(one["reference"], one["transcript"]) for one in extra["alignment"]["caller"]] == [
        ("table", "cable")
    ]
    assert server.asked == 2


def test_what_was_written_down_is_asked_for_once(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    first = call_of(alice)
    result(first)
    evaluate_call_again(first)
    assert result(first).number == 80
    assert result(call_of(alice, call_id="c2")).number == 80, "another call with the same file"
    assert server.asked == 2
    assert RecordingText.objects.count() == 2


def test_a_reference_of_the_call_counts_before_the_recording(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    said = json.dumps({"reference_transcript": {"caller": "I need a cable."}})
    assert result(call_of(alice, metadata=said)).number == 100
    assert server.asked == 0


def test_a_mono_recording_is_compared_as_a_whole(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    found = result(call_of(alice, MONO))
    assert json.loads(found.extra)["side"] == "both"
    assert found.number == 80
    assert server.asked == 1


def test_a_call_without_a_recording_is_skipped(alice: Tenant, running: Executor, server: FakeServer) -> None:
    found = result(call_of(alice, None))
    assert (found.outcome, found.reason) == ("skipped", "no_recording")


def test_a_refusal_fails_the_metric_and_a_rerun_asks_again(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    server.broken = True
    call = call_of(alice)
    found = result(call)
    assert (found.outcome, found.reason, found.retryable) == ("failed", "speech_to_text_failed", False)
    server.broken = False
    evaluate_call_again(call)
    assert result(call).number == 80


def test_what_was_heard_goes_with_the_file(alice: Tenant, running: Executor, server: FakeServer) -> None:
    result(call_of(alice))
    with transaction.atomic():
        forget([CallLog.objects.get().pk])
    assert not RecordingText.objects.exists()

"""Metrics from recordings, from a call coming in to its results: measured once, fetched, refused, broken."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import soundfile
from django.db import transaction
from django.utils import timezone

from callgauge.domain.calls import Role, Turn
from callgauge.engine import PREDEFINED
from callgauge.flow.ingest import ingest_call
from callgauge.flow.metrics_predefined import copy_predefined
from callgauge.flow.new_calls import NewCall
from callgauge.flow.recordings.intake import take_in
from callgauge.flow.rerun import evaluate_call_again
from callgauge.formats import to_wire
from callgauge.store.models import CallLog, MetricResult, Recording
from callgauge.worker import hearing
from callgauge.worker.executor import Executor
from callgauge.worker.recordings import RecordingOptions, Recordings
from tests.audio.stage import LATENCIES, RATE, usual
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
OPTIONS = RecordingOptions(processes=1, fetch_secs=20, networks=(ip_network("127.0.0.0/8"),))
ALL = (
    *("ai_interrupting_user", "user_interrupting_ai", "stop_time_after_user_interruption"),
    *("interruption_score", "latency", "detect_silence_in_conversation", "infrastructure_issues"),
    *("average_pitch", "talk_ratio", "words_per_minute", "voice_tone_clarity"),
)


def encoded(sound: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound, RATE, format=options.pop("format", "WAV"), **options)
    return out.getvalue()


SOUND = usual().stereo()[: 38 * RATE]
STEREO = encoded(SOUND)
MONO = encoded(SOUND.mean(axis=1))
TURNS = to_wire(
    (
        Turn(Role.AGENT, "Hello, Bella Vista, how can I help you today?", 0.8, 2.2),
        Turn(Role.CALLER, "A table, please.", 3.0, 4.5),
        Turn(Role.AGENT, "Of course. For how many people, and for which day would you like it?", 5.4, 9.9),
    )
)


@pytest.fixture
def alice(settings: Any, tmp_path: Path) -> Tenant:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, data_dir=tmp_path)
    who = tenant("Acme", "Support")
    with transaction.atomic():
        copy_predefined(who.project, [one for one in PREDEFINED if one.slug in ALL])
    return who


@pytest.fixture
def running() -> Iterator[Executor]:
    executor = Executor("test:1", lambda: None, concurrency=4, recordings=OPTIONS)
    executor.start()
    yield executor
    executor.stop()


def call_of(who: Tenant, content: bytes | None = STEREO, call_id: str = "c1", **fields: Any) -> CallLog:
    agent = who.project.agents.first() or who.agent()
    new = NewCall(call_id, **{"transcript": TURNS, "transcript_type": "cekura", **fields})
    if content is None:
        return ingest_call(who.project, agent, new).call
    with take_in(io.BytesIO(content).read) as incoming:
        return ingest_call(who.project, agent, replace(new, recording=incoming)).call


def settled(call: CallLog) -> bool:
    call.refresh_from_db()
    return call.pending_rerun_id is None


def results(call: CallLog) -> dict[str, MetricResult]:
    wait_until(lambda: settled(call), within_secs=60, what="the evaluation")
    rows = MetricResult.objects.filter(call=call, is_current=True).select_related("version")
    return {row.version.built_in: row for row in rows}


def test_every_metric_is_measured_in_the_recording(alice: Tenant, running: Executor) -> None:
    found = results(call_of(alice, testing_channel_index=1))
    assert {name: row.outcome for name, row in found.items()} == dict.fromkeys(found, "scored")
    extra = {name: json.loads(row.extra) for name, row in found.items()}
    assert {one["source"] for one in extra.values()} == {"recording"}
    events = [event["latency_ms"] for event in extra["latency"]["events"]]
    assert events == pytest.approx([1000 * secs for secs in LATENCIES], abs=40)
    assert found["latency"].number == pytest.approx(680, abs=30)
    assert (found["ai_interrupting_user"].number, found["user_interrupting_ai"].number) == (1, 1)
    assert found["stop_time"].number == pytest.approx(500, abs=60)
    assert found["detect_silence"].passed is True
    assert found["infrastructure_issues"].passed is True
    assert 0.3 < found["talk_ratio"].number < 0.5
    assert 100 < found["average_pitch"].number < 250
    assert 70 < found["voice_tone_clarity"].number <= 100
    assert extra["latency"]["audio"]["agent_channel_source"] == "given"
    assert not any(row.low_trust for row in found.values())


def test_a_rerun_reads_what_was_measured(
    alice: Tenant, running: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = call_of(alice)
    first = {name: row.number for name, row in results(call).items()}

    def unwanted(*args: Any) -> Any:
        raise AssertionError("measured twice")

    monkeypatch.setattr(hearing, "measure", unwanted)
    evaluate_call_again(call)
    again = results(call)
    assert {name: row.number for name, row in again.items()} == first
    assert {row.outcome for row in again.values()} == {"scored"}


def test_without_a_recording_the_transcripts_times_are_taken_and_named(
    alice: Tenant, running: Executor
) -> None:
    found = results(call_of(alice, None))
    assert {name for name, row in found.items() if row.reason == "no_recording"} == {
        *("ai_interrupting_user", "user_interrupting_ai", "stop_time"),
        *("average_pitch", "talk_ratio", "words_per_minute", "voice_tone_clarity"),
    }
    by_transcript = {name for name, row in found.items() if row.outcome == "scored"}
    assert by_transcript == {"latency", "interruption_score", "detect_silence", "infrastructure_issues"}
    assert {json.loads(found[name].extra)["source"] for name in by_transcript} == {"transcript"}


def test_one_channel_gives_what_can_be_known(alice: Tenant, running: Executor) -> None:
    found = results(call_of(alice, MONO, testing_channel_index=1))
    mono = {name for name, row in found.items() if row.reason == "mono_recording"}
    assert mono == {
        *("ai_interrupting_user", "user_interrupting_ai", "stop_time", "talk_ratio", "average_pitch")
    }
    assert json.loads(found["detect_silence"].extra)["source"] == "recording"
    for name in ("latency", "interruption_score", "infrastructure_issues", "words_per_minute"):
        assert json.loads(found[name].extra)["source"] == "transcript", name
    assert json.loads(found["latency"].extra)["recording"] == "mono_recording"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (STEREO[:60], "holds no sound"),
        (b"RIFF\x00\x00\x00\x00WAVE" + b"\xff" * 500, "damaged"),
        (encoded(SOUND * 0), "silent"),
        (encoded(SOUND[:, [0, 1, 0, 1, 0, 1]]), "one or two channels"),
    ],
    ids=["truncated", "broken", "silent", "six channels"],
)
def test_a_recording_that_cannot_be_measured_fails_with_the_reason(
    alice: Tenant, running: Executor, content: bytes, says: str
) -> None:
    found = results(call_of(alice, content))
    row = found["user_interrupting_ai"]
    assert (row.outcome, row.reason, row.retryable) == ("failed", "recording_unusable", False)
    assert says in row.explanation
    assert found["latency"].outcome == "scored", "the transcript's times are there"


def crash(*args: Any) -> None:
    os._exit(11)


def test_a_crash_fails_that_measurement_and_nothing_else(
    alice: Tenant, running: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "measure", crash)
    row = results(call_of(alice))["user_interrupting_ai"]
    assert (row.outcome, row.reason, row.retryable) == ("failed", "audio_failed", True)
    monkeypatch.undo()
    call = CallLog.objects.get()
    evaluate_call_again(call)
    assert results(call)["user_interrupting_ai"].outcome == "scored"


# --- fetching --------------------------------------------------------------------------------------------


class Provider:
    """Serves a recording, unless it has not published it yet."""

    def __init__(self) -> None:
        provider = self
        self.published, self.asked = True, 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                if not provider.published:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(STEREO)))
                self.end_headers()
                self.wfile.write(STEREO)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/a.wav?token=secret"


@pytest.fixture
def provider() -> Iterator[Provider]:
    serving = Provider()
    yield serving
    serving.server.shutdown()
    serving.server.server_close()


def test_a_recording_is_fetched_and_kept(alice: Tenant, running: Executor, provider: Provider) -> None:
    call = call_of(alice, None, voice_recording_url=provider.url)
    assert results(call)["user_interrupting_ai"].outcome == "scored"
    assert provider.asked == 1
    row = Recording.objects.select_related("file").get()
    assert row.file is not None
    assert row.file.size_bytes == len(STEREO)


def test_one_that_is_due_and_asked_for_at_once_is_fetched_once(alice: Tenant, provider: Provider) -> None:
    call = call_of(alice, None, voice_recording_url=provider.url)

    async def run() -> None:
        recordings = Recordings("test:1", OPTIONS)
        await asyncio.gather(recordings._start_fetching(), recordings._fetch_at_once(call.pk))
        await asyncio.gather(*recordings._fetching.values())
        await recordings.stop()

    asyncio.run(run())
    assert Recording.objects.get().state == "stored"
    assert provider.asked == 1


def test_one_that_comes_late_is_measured_then(
    alice: Tenant, running: Executor, provider: Provider, caplog: Any
) -> None:
    provider.published = False
    call = call_of(alice, None, voice_recording_url=provider.url)
    found = results(call)
    assert (found["talk_ratio"].outcome, found["talk_ratio"].reason) == ("failed", "recording_unavailable")
    assert json.loads(found["latency"].extra)["recording"] == "recording_unavailable"
    provider.published = True
    Recording.objects.update(next_try_at=timezone.now())
    wait_until(
        lambda: {row.outcome for row in results(call).values()} == {"scored"}, what="the second measurement"
    )
    found = results(call)
    assert json.loads(found["latency"].extra)["source"] == "recording"
    assert "secret" not in caplog.text


def test_an_address_in_the_operators_own_network_is_refused(
    alice: Tenant, provider: Provider, caplog: Any
) -> None:
    executor = Executor("test:1", lambda: None, concurrency=4, recordings=replace(OPTIONS, networks=()))
    executor.start()
    try:
        call = call_of(alice, None, voice_recording_url=provider.url)
        row = results(call)["talk_ratio"]
        assert (row.outcome, row.reason, row.retryable) == ("failed", "recording_unavailable", False)
        assert "not a public address" in row.explanation
        assert provider.asked == 0
    finally:
        executor.stop()

"""Recordings written down by a fake speech-to-text server: per side, paid once, faults said."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import soundfile
from django.db import transaction
from django.utils import timezone

from callgauge.domain.calls import Role, Turn
from callgauge.engine import PREDEFINED
from callgauge.flow.ingest import NewCall, ingest_call
from callgauge.flow.metrics_predefined import copy_predefined
from callgauge.flow.recordings import due, texts
from callgauge.flow.recordings.files import Place as FilePlace
from callgauge.flow.recordings.intake import take_in
from callgauge.flow.recordings.rows import forget
from callgauge.flow.rerun import evaluate_call_again
from callgauge.formats import to_wire
from callgauge.judge.speech import Heard, SpeechSettings
from callgauge.pii import Field
from callgauge.store.models import (
    CallLog,
    MetricResult,
    Recording,
    RecordingDictation,
    RecordingRedaction,
    RecordingText,
)
from callgauge.worker import transcribing
from callgauge.worker.database import DatabaseThread
from callgauge.worker.executor import Executor
from callgauge.worker.recordings import LOOKING, RecordingOptions
from callgauge.worker.transcribing import Transcriptions
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


SOUNDS = (
    (0.5, 2.0, "Good evening how can I help"),
    (2.5, 3.2, "I need a table"),
    (6.0, 8.0, "my number is four one five five five five oh one two three"),
)
"""Seconds in which a channel is louder than the tone of redaction, and what is said there then."""


class FakeServer(ThreadingHTTPServer):
    """A fake: "writes down" a sentence by when a channel is loud, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked = 0
        self.broken = False
        self.said: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: FakeServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        samples, rate = soundfile.read(io.BytesIO(body[body.index(b"fLaC") :]))
        words = " ".join(
            text
            for start, end, text in SOUNDS
            if np.abs(samples[int(start * rate) : int(end * rate)]).max(initial=0.0) > 0.06
        )
        self.server.said.append(words)
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
    fields = {"transcript": TURNS, "transcript_type": "cekura", "testing_channel_index": 1, **fields}
    new = NewCall(call_id, **fields)
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


LONG = wav(caller=((2.5, 8.0),), secs=9.0)
PERSONAL = to_wire(
    (
        Turn(Role.AGENT, "Good evening, how can I help?", 0.5, 2.0),
        Turn(
            Role.CALLER,
            "I need a cable. My number is four one five, five five five, oh one two three.",
            2.5,
            8.0,
        ),
    )
)


def test_of_a_redacted_call_only_the_copy_is_written_down(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    plain = call_of(alice, LONG, "plain", transcript=PERSONAL)
    assert result(plain).number == 80
    assert any("four one five" in words for words in server.said), "it can be heard in what was sent"
    server.said.clear()
    call = call_of(alice, LONG, "c2", transcript=PERSONAL, redact_fields=(Field.PHONE_NUMBER,))
    current = MetricResult.objects.filter(call=call, is_current=True)
    wait_until(lambda: current.filter(outcome="scored").exists(), within_secs=60, what="a figure of the copy")
    found = current.get()
    assert sorted(server.said) == ["Good evening how can I help", "I need a table"]
    assert found.number == 80, (
        "one noun of what can be heard; the covered words beside the number are no errors"
    )
    extra = json.loads(found.extra)
    assert [one["reference"] for one in extra["alignment"]["caller"]] == ["table"]
    assert "Personal data is covered in the recording" in found.explanation
    assert "four" not in found.extra + found.explanation


def test_a_redacted_call_whose_number_nobody_can_place_is_not_sent(
    alice: Tenant, running: Executor, server: FakeServer
) -> None:
    untimed = [{"role": "user", "content": "My number is four one five, five five five, oh one two three."}]
    call = call_of(
        alice, LONG, transcript=untimed, transcript_type="vapi", redact_fields=(Field.PHONE_NUMBER,)
    )
    withheld = Recording.objects.filter(pk=call.pk, redaction=RecordingRedaction.WITHHELD)
    wait_until(withheld.exists, within_secs=60, what="the recording to be withheld")
    result(call)
    evaluate_call_again(call)
    found = result(call)
    assert (found.outcome, found.reason, found.retryable) == ("failed", "recording_unavailable", False)
    assert "can be neither removed nor played" in found.explanation
    assert server.asked == 0


class Gated:
    """A fake model that says nothing until it is let."""

    name = "fake"

    def __init__(self) -> None:
        self.asked = 0
        self.begun, self.open = asyncio.Event(), asyncio.Event()

    async def hear(self, sound: bytes) -> Heard:
        self.asked += 1
        self.begun.set()
        await self.open.wait()
        return Heard("good evening")

    async def close(self) -> None:
        pass


class Threads:
    """In the place of the processes."""

    async def run(self, work: Any, *args: Any, **_: Any) -> Any:
        return await asyncio.to_thread(work, *args)


async def unused(*_: Any) -> Any:
    raise AssertionError


def stored_place(who: Tenant) -> FilePlace:
    file = call_of(who).recording.file
    assert file is not None
    return FilePlace(file.project_id, file.sha256)


def test_two_workers_have_a_file_written_down_once(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stored_place(alice)

    async def both() -> tuple[Any, Any, int]:
        model, looked = Gated(), asyncio.Event()
        loop = asyncio.get_running_loop()
        claim = transcribing.claim_dictation

        def claiming(file: FilePlace, name: str, owner: str) -> Any:
            found = claim(file, name, owner)
            if owner == "two":
                loop.call_soon_threadsafe(looked.set)
            return found

        monkeypatch.setattr(transcribing, "claim_dictation", claiming)
        monkeypatch.setattr(transcribing, "LOOK_SECS", 0.01)
        databases = [DatabaseThread(name) for name in ("one", "two")]
        one, two = (
            Transcriptions(owner, model, unused, Threads(), database)
            for owner, database in zip(("one", "two"), databases, strict=True)
        )
        first = asyncio.create_task(one._once(place, False, LOOKING))
        await model.begun.wait()
        second = asyncio.create_task(two._once(place, False, LOOKING))
        await asyncio.wait_for(looked.wait(), 30)
        model.open.set()
        texts = await first, await second
        for each in databases:
            await each.close()
        return *texts, model.asked

    first, second, asked = asyncio.run(both())
    assert first == second
    assert first.by_channel == {0: "good evening", 1: "good evening"}
    assert asked == 2, "each channel once"
    assert not RecordingDictation.objects.exists()


def test_a_lease_that_ran_out_is_another_workers(alice: Tenant) -> None:
    place = stored_place(alice)
    mine = texts.claim_dictation(place, "fake", "one")
    assert mine is not None
    assert texts.claim_dictation(place, "fake", "two") is None
    assert texts.claim_dictation(place, "another model", "two") is not None
    assert texts.renew_dictation(mine, "one")
    RecordingDictation.objects.filter(pk=mine.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    theirs = texts.claim_dictation(place, "fake", "two")
    assert theirs is not None
    assert not texts.renew_dictation(mine, "one")
    texts.end_dictation(mine, "one")
    assert texts.claim_dictation(place, "fake", "three") is None, "who lost it ends nothing"
    texts.end_dictation(theirs, "two")
    assert texts.claim_dictation(place, "fake", "three") is not None


def test_a_new_file_is_looked_into_by_one_worker(alice: Tenant) -> None:
    stored_place(alice)
    found = due.claim_unseen()
    assert found is not None
    assert due.claim_unseen() is None
    due.look_later(found.file_id, 0.0)
    # From the next millisecond of the database's clock on.
    wait_until(lambda: due.claim_unseen() == found, what="one that could not be looked into is free again")
    due.look_later(found.file_id, 60.0)
    assert due.claim_unseen() is None
    due.release_held()
    assert due.claim_unseen() == found

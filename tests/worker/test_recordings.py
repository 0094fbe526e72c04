"""Recordings in the executor: a look into each file, and what befalls those that cannot be read."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callgauge.flow.ingest import ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.recordings.intake import take_in
from callgauge.store.models import CallLog, Recording, RecordingFile
from callgauge.worker.executor import Executor
from callgauge.worker.recordings import RecordingOptions
from tests.recordings import wav
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until as until

pytestmark = pytest.mark.django_db(transaction=True)
OPTIONS = RecordingOptions(processes=1)
"""One process: several would only compete with the tests."""


@pytest.fixture
def alice(settings: Any, tmp_path: Path) -> Tenant:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, data_dir=tmp_path)
    return tenant("Acme", "Support")


@pytest.fixture
def running() -> Any:
    executor = Executor("test:1", lambda: None, concurrency=4, recordings=OPTIONS)
    executor.start()
    yield executor
    executor.stop()


def reader(content: bytes) -> Callable[[int], bytes]:
    import io

    return io.BytesIO(content).read


def call_with(who: Tenant, content: bytes, call_id: str = "c1", **fields: Any) -> CallLog:
    agent = who.project.agents.first() or who.agent()
    with take_in(reader(content)) as incoming:
        return ingest_call(who.project, agent, NewCall(call_id, recording=incoming, **fields)).call


def looked_into() -> bool:
    return not RecordingFile.objects.filter(duration_secs=None, fault="").exists()


def test_every_file_is_drawn(alice: Tenant, running: Executor) -> None:
    call_with(alice, wav(secs=6.0))
    until(looked_into)
    file = RecordingFile.objects.get()
    assert (file.duration_secs, file.sample_rate, file.channels) == (6.0, 8000, 2)
    from callgauge.flow.recordings.waveform import recording_view

    view = recording_view(CallLog.objects.get())
    assert view.status == "ready"
    agent, caller = view.waveform["zooms"][0]["peaks"]
    third = len(agent) // 6
    assert max(agent[third : 2 * third]) > 0.2 > 0.01 > max(caller[third : 2 * third])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (wav()[:60], "empty_file"),
        (b"RIFF\x00\x00\x00\x00WAVE" + b"\xff" * 500, "broken_file"),
        (b"OggS" + b"\0" * 800, "broken_file"),
        (b"\x1aE\xdf\xa3" + b"\0" * 800, "broken_file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    alice: Tenant, running: Executor, content: bytes, fault: str
) -> None:
    call_with(alice, content)
    until(looked_into)
    assert RecordingFile.objects.get().fault == fault


def test_six_channels_are_drawn_too(alice: Tenant, running: Executor) -> None:
    import io

    import numpy as np
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.random.default_rng(1).uniform(-0.1, 0.1, (16_000, 6)), 8000, format="WAV")
    call_with(alice, out.getvalue())
    until(looked_into)
    assert RecordingFile.objects.get().channels == 6


def test_a_process_that_is_killed_harms_nobody(alice: Tenant, running: Executor) -> None:
    call_with(alice, wav(secs=4.0))
    until(looked_into)
    for child in children(os.getpid()):
        if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
            os.kill(child, signal.SIGKILL)
    call_with(alice, wav(secs=5.0), "c2")
    until(lambda: RecordingFile.objects.exclude(duration_secs=None, fault="").count() == 2)
    assert Recording.objects.count() == 2


def children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def test_an_executor_for_recordings_alone_leaves_the_calls_to_others(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callgauge.flow import ledger
    from callgauge.flow.recordings import due, redacting
    from callgauge.flow.rerun import PLAIN, request_rerun
    from callgauge.flow.selection import Selection
    from callgauge.store.models import Rerun, RerunState
    from tests.calls import make_metric

    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    call_with(alice, wav(secs=4.0))
    rerun = request_rerun(alice.key, agent, Selection(), terms=PLAIN).rerun
    claims: list[object] = []
    claim = ledger.claim

    def claiming(*args: Any, **kwargs: Any) -> Any:
        claims.append(args)
        return claim(*args, **kwargs)

    monkeypatch.setattr(ledger, "claim", claiming)
    only = Executor("test:audio", lambda: None, concurrency=4, recordings=OPTIONS, only_recordings=True)
    only.start()
    until(looked_into)
    only.stop()
    assert not claims
    assert not Rerun.objects.filter(pk=rerun.pk, state=RerunState.DONE).exists()

    asked_ahead: list[object] = []
    for module, name in ((due, "claim_unseen"), (redacting, "claim_redaction"), (due, "sweep")):
        monkeypatch.setattr(module, name, lambda *args: asked_ahead.append(args))
    without = replace(OPTIONS, ahead=False)
    other = Executor("test:calls", lambda: None, concurrency=4, recordings=without)
    other.start()
    until(lambda: Rerun.objects.filter(pk=rerun.pk, state=RerunState.DONE).exists())
    other.stop()
    assert claims
    assert not asked_ahead
    usual = Executor("test:usual", lambda: None, concurrency=4, recordings=OPTIONS)
    usual.start()
    until(lambda: len(asked_ahead) >= 3, what="the same questions by an executor that does both")
    usual.stop()

"""Recordings of redacted calls: measured as they came, and played without what is personal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from django.utils import timezone

from callgauge.audio import Analysis, read_analysis
from callgauge.audio.bleep import bleep
from callgauge.audio.work import measure
from callgauge.domain.calls import Role, Turn
from callgauge.flow.calls import delete_call, edit_call, read_edit
from callgauge.flow.ingest import ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.recordings import analyses, due, redacting
from callgauge.flow.recordings.files import Place, files
from callgauge.flow.recordings.intake import take_in
from callgauge.flow.recordings.waveform import recording_view
from callgauge.flow.work import read_calls
from callgauge.formats import to_wire
from callgauge.pii import Field
from callgauge.store.models import CallLog, CallPayload, Recording, RecordingFile, RecordingRedaction
from callgauge.worker.executor import Executor
from callgauge.worker.recordings import RecordingOptions
from tests.audio.stage import RATE, usual
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until as until

pytestmark = pytest.mark.django_db(transaction=True)
OPTIONS = RecordingOptions(processes=1)
SOUND = usual().stereo()[: 38 * RATE]
SAID = "My number is four one five, five five five, oh one two three."
TURNS = to_wire(
    (
        Turn(Role.AGENT, "Hello, Bella Vista, how can I help you today?", 0.8, 2.2),
        Turn(Role.CALLER, SAID, 3.0, 4.5),
        Turn(Role.AGENT, "Of course. For how many people, and for which day would you like it?", 5.4, 9.9),
    )
)
UNTIMED = [{"role": "user", "content": SAID}]


def encoded(sound: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound, RATE, format=options.pop("format", "WAV"), **options)
    return out.getvalue()


STEREO = encoded(SOUND)


@pytest.fixture
def alice(settings: Any, tmp_path: Path) -> Tenant:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, data_dir=tmp_path)
    return tenant("Acme", "Support")


@pytest.fixture
def executor() -> Iterator[Executor]:
    """For a test that looks at what is there before anything is done: it starts it."""
    executor = Executor("test:1", lambda: None, concurrency=4, recordings=OPTIONS)
    yield executor
    executor.stop()


@pytest.fixture
def running(executor: Executor) -> Executor:
    executor.start()
    return executor


def keep(settings: Any, word: str = "keep") -> None:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, redaction_originals=word)


def call_of(who: Tenant, call_id: str = "c1", content: bytes = STEREO, **fields: Any) -> CallLog:
    agent = who.project.agents.first() or who.agent()
    given = {
        "transcript": TURNS,
        "transcript_type": "cekura",
        "redact_fields": (Field.PHONE_NUMBER,),
        **fields,
    }
    with take_in(io.BytesIO(content).read) as incoming:
        return ingest_call(who.project, agent, NewCall(call_id, recording=incoming, **given)).call


def done() -> bool:
    return not Recording.objects.filter(redaction__in=redacting.WAITING).exists()


def played(row: Recording) -> np.ndarray:
    assert row.file is not None
    content = b"".join(files().read(Place(row.file.project_id, row.file.sha256), 0, row.file.size_bytes))
    sound, rate = soundfile.read(io.BytesIO(content), always_2d=True)
    assert rate == RATE
    return np.asarray(sound)


def analysis_of(call: CallLog) -> Analysis:
    found = analyses.standing(call.pk, analyses.clues_of(read_calls([call.pk])[call.pk]))
    assert found.analysis is not None
    return found.analysis


def stored() -> set[str]:
    return {place.sha256 for place, _ in files().places()}


def dropped(left: int) -> bool:
    """Whether so many files are left; one goes just after the row that tells of it."""
    until(lambda: len(stored()) == left)
    return True


def test_what_is_personal_cannot_be_heard_and_everything_else_can(alice: Tenant, executor: Executor) -> None:
    plain = call_of(alice, "plain", redact_fields=())
    call = call_of(alice, "c1", encoded(SOUND + 0.0001))
    assert alice.client.get(f"/observability/v2/call-logs/{call.pk}/recording/").status_code == 404
    executor.start()
    until(done)
    row = Recording.objects.select_related("file").get(pk=call.pk)
    ((start, end),) = CallPayload.objects.get(pk=call.pk).redaction["spans"]
    assert start < 3.5 < 4.5 < end
    sound = played(row)
    assert len(sound) == len(SOUND)
    inside = slice(round((start + 0.1) * RATE), round((end - 0.1) * RATE))
    # Only the tone is left: both channels are the same there, and as loud as it is.
    assert np.allclose(sound[inside, 0], sound[inside, 1])
    assert np.abs(sound[inside]).max() < 0.051
    outside = slice(round((end + 0.1) * RATE), None)
    assert np.abs(sound[outside] - SOUND[outside]).max() < 0.001
    assert recording_view(CallLog.objects.get(pk=call.pk)).path
    assert Recording.objects.get(pk=plain.pk).redaction == ""


def test_the_original_is_measured_and_then_gone(alice: Tenant, executor: Executor, tmp_path: Path) -> None:
    call = call_of(alice)
    original = RecordingFile.objects.get()
    executor.start()
    until(done)
    row = Recording.objects.select_related("file").get()
    assert row.redaction == RecordingRedaction.DONE
    assert row.original is None
    assert row.file is not None
    assert dropped(1)
    assert stored() == {row.file.sha256} != {original.sha256}
    clues = analyses.clues_of(read_calls([call.pk])[call.pk])
    (tmp_path / "whole.wav").write_bytes(STEREO)
    whole = measure(str(tmp_path / "whole.wav"), None, clues.agent_times, clues.agent_share)
    assert isinstance(whole, dict)
    assert analysis_of(call) == read_analysis(whole)
    (tmp_path / "copy.wav").write_bytes(STEREO)
    bleep(tmp_path / "whole.wav", tmp_path / "copy.wav", CallPayload.objects.get().redaction["spans"])
    spoiled = measure(str(tmp_path / "copy.wav"), None, clues.agent_times, clues.agent_share)
    assert spoiled != whole  # or the comparison above would show nothing


@pytest.mark.parametrize("word", ["keep", "measure"])
def test_a_kept_original_is_played_to_nobody(
    alice: Tenant, settings: Any, executor: Executor, word: str
) -> None:
    keep(settings, word)
    call = call_of(alice)
    original = RecordingFile.objects.get()
    executor.start()
    until(done)
    row = Recording.objects.get()
    assert row.original_id == original.pk != row.file_id
    content = alice.client.get(f"/observability/v2/call-logs/{call.pk}/recording/")
    assert content.status_code == 200
    assert content.headers["ETag"] != f'"{original.sha256}"'
    standing = analyses.standing(call.pk, analyses.clues_of(read_calls([call.pk])[call.pk]))
    assert standing.place == Place(original.project_id, original.sha256)
    assert standing.audible is not None
    assert (standing.audible == standing.place) is (word == "measure")
    delete_call(CallLog.objects.get(), retain_evaluations=False)
    assert stored() == set()


def test_where_no_time_is_known_nothing_is_played(alice: Tenant, running: Executor) -> None:
    call = call_of(alice, transcript=UNTIMED)
    until(done)
    row = Recording.objects.get()
    assert (row.redaction, row.file_id, row.original_id) == (RecordingRedaction.WITHHELD, None, None)
    assert alice.client.get(f"/observability/v2/call-logs/{call.pk}/recording/").status_code == 404
    view = recording_view(CallLog.objects.get())
    assert (view.status, view.path) == ("failed", "")
    assert "no times" in view.reason
    assert analysis_of(call) is not None
    assert dropped(0)


def test_a_call_without_a_transcript_is_not_played_either(alice: Tenant, running: Executor) -> None:
    call_of(alice, transcript=None, transcript_type="")
    until(done)
    assert Recording.objects.get().redaction == RecordingRedaction.WITHHELD


def test_nothing_said_nothing_covered(alice: Tenant, running: Executor) -> None:
    harmless = to_wire((Turn(Role.AGENT, "Hello, how can I help?", 0.8, 2.2),))
    call = call_of(alice, transcript=harmless)
    row = Recording.objects.get()
    assert (row.redaction, row.original_id) == ("", None)
    assert alice.client.get(f"/observability/v2/call-logs/{call.pk}/recording/").status_code == 200


def test_another_call_with_the_same_recording_keeps_it(alice: Tenant, running: Executor) -> None:
    call_of(alice, "plain", redact_fields=())
    call_of(alice, "hidden")
    until(done)
    plain = Recording.objects.get(call__call_id="plain")
    assert plain.file is not None
    assert dropped(2)
    assert plain.file.sha256 in stored()


def test_a_broken_file_is_withheld(alice: Tenant, running: Executor) -> None:
    call_of(alice, content=b"RIFF\x00\x00\x00\x00WAVE" + b"\xff" * 500)
    until(done)
    row = Recording.objects.get()
    assert (row.redaction, row.fault) == (RecordingRedaction.WITHHELD, "broken_file")


def test_other_words_make_another_copy(alice: Tenant, settings: Any, running: Executor) -> None:
    keep(settings)
    call = call_of(alice)
    until(done)
    before = Recording.objects.get()
    later = to_wire((Turn(Role.AGENT, "Hello.", 0.8, 2.2), Turn(Role.CALLER, SAID, 10.0, 14.0)))
    edit_call(call, read_edit({"transcript_json": later, "transcript_type": "cekura"}))
    until(lambda: done() and Recording.objects.get().file_id is not None)
    after = Recording.objects.select_related("file").get()
    assert after.original_id == before.original_id
    assert after.file_id != before.file_id
    assert dropped(2)
    sound = played(after)
    assert np.abs(sound[3 * RATE : 4 * RATE] - SOUND[3 * RATE : 4 * RATE]).max() < 0.001


def test_other_words_cover_more_of_a_copy_whose_original_is_gone(alice: Tenant, running: Executor) -> None:
    call = call_of(alice)
    until(done)
    measured = analysis_of(call)
    later = to_wire((Turn(Role.AGENT, "Hello.", 0.8, 2.2), Turn(Role.CALLER, SAID, 10.0, 14.0)))
    edit_call(CallLog.objects.get(), read_edit({"transcript_json": later, "transcript_type": "cekura"}))
    until(lambda: done() and Recording.objects.get().file_id is not None)
    row = Recording.objects.select_related("file").get()
    assert (row.redaction, row.original_id) == (RecordingRedaction.DONE, None)
    sound = played(row)
    for at in (4, 13):
        assert np.allclose(sound[at * RATE : at * RATE + 800, 0], sound[at * RATE : at * RATE + 800, 1])
    assert analysis_of(call) == measured
    assert dropped(1)


def test_whatever_dies_between_two_steps_leaves_it_due(alice: Tenant) -> None:
    """As after kill -9: the copy is in the store or half written, and no row tells of it."""
    call = call_of(alice)
    found = redacting.claim_redaction()
    assert found is not None
    assert redacting.claim_redaction() is None  # it is held, by another worker for example
    with take_in(io.BytesIO(encoded(SOUND * 0.5)).read) as copy:
        copy.put(alice.project.pk)
        due.release_held()
        assert redacting.claim_redaction() == found
        redacting.redact_later(found)
        assert redacting.claim_redaction() is None
        assert redacting.redacted(found, copy)
        due.release_held()
        assert redacting.claim_redaction() is None
        assert not redacting.redacted(found, copy)
    row = Recording.objects.get()
    assert row.file is not None
    assert stored() == {row.file.sha256}
    assert due.sweep() == 0
    assert recording_view(call).path


def test_a_copy_for_words_that_have_changed_is_not_taken(alice: Tenant) -> None:
    call = call_of(alice)
    found = redacting.claim_redaction()
    assert found is not None
    later = to_wire((Turn(Role.CALLER, SAID, 10.0, 14.0),))
    edit_call(call, read_edit({"transcript_json": later, "transcript_type": "cekura"}))
    with take_in(io.BytesIO(encoded(SOUND * 0.5)).read) as copy:
        assert not redacting.redacted(found, copy)
    redacting.withhold(found)
    again = redacting.claim_redaction()
    assert again is not None
    assert again.spans != found.spans
    assert Recording.objects.get().redaction == RecordingRedaction.DUE


def test_an_address_is_fetched_and_not_shown(alice: Tenant) -> None:
    agent = alice.agent()
    url = "https://provider.example/calls/1.wav"
    new = NewCall(
        "c1",
        transcript=TURNS,
        transcript_type="cekura",
        redact_fields=(Field.PHONE_NUMBER,),
        voice_recording_url=url,
        timestamp=timezone.now(),
    )
    call = ingest_call(alice.project, agent, new).call
    row = Recording.objects.get()
    assert (row.url, row.redaction) == (url, RecordingRedaction.DUE)
    assert redacting.claim_redaction() is None
    detail = alice.client.get(f"/observability/v2/call-logs/{call.pk}/")
    assert b"provider.example" not in detail.content
    assert detail.json()["voice_recording_url"] == ""
    fetch = due.claim_fetch(call.pk)
    assert fetch is not None
    with take_in(io.BytesIO(STEREO).read) as incoming:
        assert due.fetched(fetch, incoming)
    row.refresh_from_db()
    assert (row.file_id, row.original_id is not None) == (None, True)
    assert redacting.claim_redaction() is not None
